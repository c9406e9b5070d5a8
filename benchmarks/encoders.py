"""``clip-clap`` at its published sizes, with random weights, on a 10-s 320×240 clip and 25 labels.

Bars: ``released`` at least 4 × faster than a replay of the released call pattern (`benchmarks/encoders_replay.py` says what it asks how
often), with identical events; ``practical`` at most 1.25 × plain decoding and the bare forward passes of its distinct inputs, and with
``--precision auto`` at least 8 × faster than the replay; encoders with the fastest CPU option at least 2 × faster than in float32, cosine ≥ 0.999.
The vocabulary is warm: its rows are on disk.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

import av2a
from av2a import media
from av2a.backbones.base import Backbone
from av2a.backbones.clap import Clap
from av2a.backbones.device import autocast
from av2a.backbones.image_text import ImageTextEncoder
from av2a.settings import Settings
from av2a.types import Detection, Event
from benchmarks.decoding import plain
from benchmarks.encoders_models import LABELS, clip_clap, make_clip
from benchmarks.encoders_replay import Replay, padded_as_released, replay
from benchmarks.report import machine, table

Rows = Callable[[], np.ndarray]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where models are kept (default: a temporary folder)")
    parser.add_argument("--only-options", action="store_true", help="the second table only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["AV2A_CACHE"] = str(Path(temporary) / "cache")
        folder = options.folder or Path(temporary)
        if not options.only_options:
            run(folder, make_clip(Path(temporary) / "clip.mp4", 10), options.runs)
        show_options(folder, options.runs)


def run(folder: Path, path: Path, runs: int) -> None:
    """Everything, the ways one after another in each round."""
    whole, auto = clip_clap(folder, "float32"), clip_clap(folder, "auto")
    released, practical = Settings.released("clip-clap"), Settings()
    sliced = practical.replace(segment_sound="slices")
    ways: dict[str, Callable[[], object]] = {
        "released": lambda: av2a.detect(path, LABELS, whole, released),
        "practical": lambda: av2a.detect(path, LABELS, whole, practical),
        "practical, auto": lambda: av2a.detect(path, LABELS, auto, practical),
        "practical, slices": lambda: av2a.detect(path, LABELS, whole, sliced),
        "practical, slices, auto": lambda: av2a.detect(path, LABELS, auto, sliced),
        "decode": lambda: decoded(path),
    }
    bare = {name: Bare(backbone, path, settings) for name, backbone, settings in (
        ("released", whole, released), ("practical", whole, practical), ("practical, auto", auto, practical),
    )}  # fmt: skip
    ways |= {f"bare {name}": passes.forward for name, passes in bare.items()}
    for action in ways.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in [*ways, "replay", "short replay"]}
    full = padded_as_released(whole)
    for _ in range(runs):
        asked = Replay(path, LABELS, full)
        spent, events = replay(asked, released)
        times["replay"].append(spent)
        times["short replay"].append(replay(Replay(path, LABELS, whole), released)[0])
        for name, action in ways.items():
            times[name].append(seconds(action))
    ours = av2a.detect(path, LABELS, whole, released)
    assert len(ours.events) > 0
    show(times, asked, same(ours, events), auto, bare)


def seconds(action: Callable[[], object]) -> float:
    """How long it takes once."""
    began = perf_counter()
    action()
    return perf_counter() - began


def decoded(path: Path) -> None:
    """Every picture and all sound decoded, none converted or kept."""
    plain(path)
    for _ in media.decode_sound(media.open_clip(path), 48_000):
        pass


def same(ours: Detection, theirs: tuple[Event, ...]) -> bool:
    """Whether the events are identical but for the last digits of their confidence."""
    return [replace(event, confidence=0.0) for event in ours.events] == [
        replace(event, confidence=0.0) for event in theirs
    ]


class Bare:
    """The forward passes alone of the distinct inputs of a run: prepared beforehand, in the same batches and precision."""

    def __init__(self, backbone: Backbone, path: Path, settings: Settings) -> None:
        visual, audio = backbone.visual, backbone.audio
        assert isinstance(visual, ImageTextEncoder) and isinstance(audio, Clap)
        self.visual, self.audio = visual, audio
        recorded = Recorded(backbone)
        av2a.detect(path, LABELS, recorded.backbone, settings)
        self.frames, self.sounds = recorded.frames, recorded.sounds
        size = backbone.batch_items
        self.pixels = [visual.pixels(recorded.frames[at : at + size]) for at in range(0, len(self.frames), size)]
        self.levels = [audio._levels(recorded.sounds[at : at + size]) for at in range(0, len(self.sounds), size)]

    def forward(self) -> None:
        """All of them once."""
        with torch.inference_mode(), autocast(self.visual.runner.placement):
            for pixels in self.pixels:
                self.visual.picture(pixels)
            for levels in self.levels:
                self.audio._sound(levels)


class Recorded:
    """A backbone that notes what its encoders are asked."""

    def __init__(self, backbone: Backbone) -> None:
        self.frames: list[np.ndarray] = []
        self.sounds: list[np.ndarray] = []
        visual, audio = backbone.visual, backbone.audio
        assert isinstance(visual, ImageTextEncoder) and isinstance(audio, Clap)
        visual = replace(visual)
        audio = replace(audio)
        frames, sounds = visual.embed_frames, audio.embed_sounds

        def embed_frames(asked: list[np.ndarray]) -> np.ndarray:
            self.frames += asked
            return frames(asked)

        def embed_sounds(asked: list[np.ndarray]) -> np.ndarray:
            self.sounds += asked
            return sounds(asked)

        visual.embed_frames = embed_frames  # type: ignore[method-assign, assignment]
        audio.embed_sounds = embed_sounds  # type: ignore[method-assign, assignment]
        self.backbone = replace(backbone, visual=visual, audio=audio)


def show(times: dict[str, list[float]], asked: Replay, identical: bool, auto: Backbone, bare: dict[str, Bare]) -> None:
    """The main table: medians, and ratios within rounds."""
    middle = {name: median(values) for name, values in times.items()}

    def ratio(slow: str, fast: str) -> str:
        return f"{median(a / b for a, b in zip(times[slow], times[fast], strict=True)):.1f} ×"

    def over(name: str) -> str:
        floor = [a + b for a, b in zip(times["decode"], times[f"bare {name}"], strict=True)]
        return f"{median(a / b for a, b in zip(times[name], floor, strict=True)):.2f} ×"

    questions = f"{asked.pictures} pictures, {asked.sounds} sounds, {asked.readings} readings of labels"
    count = {name: f"{len(each.frames)} pictures, {len(each.sounds)} sounds" for name, each in bare.items()}
    precision = auto.info.precision
    table(
        f"`clip-clap`, random weights of the real sizes, 10-s 320×240 clip, {len(LABELS)} labels "
        f"({machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}; medians of {len(times['replay'])} rounds)",
        ["what", "asks for", "seconds", "bar", "measured"],
        [
            ["replay of the released calls, float32", questions, f"{middle['replay']:.2f}", "", ""],
            ["the same, labels padded to the longest only", questions, f"{middle['short replay']:.2f}", "", ""],
            ["`released`, float32", count["released"], f"{middle['released']:.2f}", "≥ 4 × faster than the replay", ratio("replay", "released")],
            ["the same against the replay with short labels", "", "", "", ratio("short replay", "released")],
            ["its events", "", "", "identical to the replay's", "identical" if identical else "DIFFERENT"],
            ["decode alone", "", f"{middle['decode']:.2f}", "", ""],
            ["bare forward passes, `practical`, float32", count["practical"], f"{middle['bare practical']:.2f}", "", ""],
            ["`practical`, float32", count["practical"], f"{middle['practical']:.2f}", "≤ 1.25 × decode + bare passes", over("practical")],
            [f"bare forward passes, `practical`, {precision}", count["practical, auto"], f"{middle['bare practical, auto']:.2f}", "", ""],
            [f"`practical`, --precision auto ({precision})", count["practical, auto"], f"{middle['practical, auto']:.2f}", "≥ 8 × faster than the replay", ratio("replay", "practical, auto")],
            ["the same against the replay with short labels", "", "", "", ratio("short replay", "practical, auto")],
            ["the same against decode + bare passes", "", "", "≤ 1.25 ×", over("practical, auto")],
            ["`practical`, segment_sound = slices, float32", "", f"{middle['practical, slices']:.2f}", "", ratio("replay", "practical, slices")],
            [f"`practical`, segment_sound = slices, {precision}", "", f"{middle['practical, slices, auto']:.2f}", "", ratio("replay", "practical, slices, auto")],
        ],
    )  # fmt: skip


def show_options(folder: Path, runs: int) -> None:
    """Each encoder with each way of being faster: time, and cosine of what it gives."""
    rng = np.random.default_rng(0)
    frames = [rng.integers(256, size=(240, 320, 3)).astype(np.uint8) for _ in range(10)]
    moments = np.arange(48_000) / 48_000
    sounds = [
        (np.sin(2 * np.pi * rng.uniform(80, 8000) * moments) * 0.2 + rng.normal(0, 0.02, 48_000)).astype(np.float32)
        for _ in range(10)
    ]
    whole = clip_clap(folder, "float32")
    options = {
        "bfloat16 autocast": clip_clap(folder, "bfloat16"),
        "OpenVINO, float32": clip_clap(folder, "float32", device="openvino"),
        "OpenVINO, bfloat16": clip_clap(folder, "bfloat16", device="openvino"),
    }
    rows = []
    for option, fast in options.items():
        ways: list[tuple[str, Rows, Rows]] = [
            ("CLIP ViT-B/32, 10 pictures", partial(whole.visual.embed_frames, frames), partial(fast.visual.embed_frames, frames)),
            ("CLAP HTSAT-tiny, 10 sounds of 1 s", partial(whole.audio.embed_sounds, sounds), partial(fast.audio.embed_sounds, sounds)),
        ]  # fmt: skip
        rows += [[name, option, *compared(slow, quick, runs)] for name, slow, quick in ways]
    table(
        "Encoders on the CPU against torch in float32, preparing inputs included (bars for the fastest: ≥ 2 ×, cosine ≥ 0.999)",
        [
            "encoder",
            "option",
            "first call",
            "float32",
            "option",
            "faster",
            "lowest cosine",
            "lowest cosine, mean removed",
        ],
        rows,
    )


def compared(slow: Rows, fast: Rows, runs: int) -> list[object]:
    """The cells of one encoder with one option."""
    first, preparing = slow(), seconds(fast)
    second = fast()
    pairs = [(seconds(slow), seconds(fast)) for _ in range(2 * runs)]
    return [
        f"{preparing:.1f} s",
        f"{median(pair[0] for pair in pairs) * 1000:.0f} ms",
        f"{median(pair[1] for pair in pairs) * 1000:.0f} ms",
        f"{median(pair[0] / pair[1] for pair in pairs):.2f} ×",
        f"{cosines(first, second).min():.5f}",
        f"{cosines(first - first.mean(axis=0), second - second.mean(axis=0)).min():.4f}",
    ]


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Row by row."""
    return np.asarray((one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1))


if __name__ == "__main__":
    main()
