"""Twenty thousand events written and read back in each format. Bar: 2 s a format."""

import tempfile
from importlib import import_module
from pathlib import Path

from av2a import exports
from av2a.types import Modality
from benchmarks.report import machine, seconds, table
from tests.detections import clip, detection, event

EVENTS = 20_000


def main() -> None:
    """Print the table."""
    labels = [f"label {index}" for index in range(50)]
    events = [event(labels[index % 50], Modality.AUDIO, index / 10, index / 10 + 0.1) for index in range(EVENTS)]
    answer = detection(events, labels, of=clip(2_000.0))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for ending in sorted(
            ending for ending, module in exports.WRITERS.items() if hasattr(import_module(module), "event_rows")
        ):
            path = Path(folder) / f"answer{ending}"
            written = seconds(lambda path=path: exports.write(answer, path, overwrite=True), runs=3)
            read = seconds(lambda path=path: exports.read_events(path), runs=3)
            rows.append([ending, f"{written:.2f} s", f"{read:.2f} s"])
    table(f"{EVENTS} events ({machine()}; bar 2 s)", ["format", "written", "read"], rows)


if __name__ == "__main__":
    main()
