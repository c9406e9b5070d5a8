"""The embedding store: what every interval of a clip costs beside the clip itself, and how fast all is read back. No bars."""

import os

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from av2a import media  # noqa: E402
from av2a.backbones.base import Backbone  # noqa: E402
from av2a.backbones.registry import load_backbone  # noqa: E402
from av2a.embeddings import Interval  # noqa: E402
from av2a.features import FeatureSource, Store  # noqa: E402
from av2a.settings import Settings  # noqa: E402
from av2a.types import Clip  # noqa: E402
from benchmarks.report import machine, seconds, table  # noqa: E402
from benchmarks.world import clips  # noqa: E402

WANTED = [Interval(0, 10), Interval(2, 5), Interval(4, 9), Interval(6, 8)]


def row(clip: Clip, backbone: Backbone, settings: Settings, folder: Path) -> list[object]:
    """The costs of one clip and profile."""
    empty = iter(range(1000))
    asked = seconds(lambda: FeatureSource(clip, backbone, settings).features, runs=3)
    filled = seconds(lambda: FeatureSource(clip, backbone, settings, Store(folder / str(next(empty)))).features, runs=3)
    entry = FeatureSource(clip, backbone, settings, Store(folder / "0"))
    assert entry.was_stored
    [source] = (folder / "0").rglob("*.safetensors")
    read = seconds(lambda: FeatureSource(clip, backbone, settings, Store(folder / "0")).features, runs=50)
    if entry.features.missing(WANTED):
        entry.add(WANTED)
    intervals = seconds(lambda: entry.features.intervals(WANTED), runs=200) / len(WANTED)
    return [
        settings.profile,
        f"{asked:.2f} s",
        f"{filled:.2f} s",
        f"{source.stat().st_size / 1000:.0f} kB",
        f"{read * 1000:.2f} ms",
        f"{intervals * 1e6:.0f} µs",
    ]


def main() -> None:
    """Print the table."""
    backbone = load_backbone("mini")
    with tempfile.TemporaryDirectory() as temporary:
        [(_, path)] = clips("test", 1, Path(temporary))
        clip = media.open_clip(path)
        profiles = ("practical", "released", "paper")
        rows = [row(clip, backbone, Settings.of(name), Path(temporary) / name) for name in profiles]
    table(
        f"The store, one ten-second clip, mini ({machine()}; one thread, medians)",
        ["profile", "segments and windows", "and all 55 intervals, kept", "file", "read back", "an interval"],
        rows,
    )


if __name__ == "__main__":
    main()
