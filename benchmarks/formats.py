"""Twenty thousand events written, and read back where it is read, in each format. Bar: 2 s a format."""

import tempfile
from functools import partial
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
        for ending, module in sorted(exports.WRITERS.items()):
            if not module.startswith("av2a.exports."):
                continue
            path = Path(folder) / f"answer{ending}"
            written = seconds(partial(exports.write, answer, path, overwrite=True), runs=3)
            row = [ending, f"{written:.2f} s", ""]
            if ending in exports.readable():
                row[2] = f"{seconds(partial(exports.read_events, path), runs=3):.2f} s"
            rows.append(row)
    table(f"{EVENTS} events ({machine()}; bar 2 s)", ["format", "written", "read"], rows)


if __name__ == "__main__":
    main()
