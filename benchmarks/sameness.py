"""The same input gives the same answer: ten runs, ten hash seeds, one and two threads.

Bar: identical bytes; identical events between one thread and two.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from av2a import world
from benchmarks.report import machine, table


def answer(path: Path, seed: int, threads: int) -> bytes:
    """The JSON of one run."""
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    environment |= {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-m", "av2a", "detect", str(path), "--json", "--backbone", "mini", "--events"]
    return subprocess.run([*command, ",".join(world.NAMES)], check=True, capture_output=True, env=environment).stdout


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        world.write_clip(world.make_scene(world.SPLITS["test"].first_seed), path)
        one = [answer(path, seed, 1) for seed in range(10)]
        two = [answer(path, seed, 2) for seed in range(10)]
    events = [json.loads(each)["events"] for each in one + two]
    table(
        f"Ten runs, ten hash seeds ({machine()})",
        ["what", "bar", "measured"],
        [
            ["different outputs, one thread", "1", len(set(one))],
            ["different outputs, two threads", "1", len(set(two))],
            ["different events over both", "1", len({json.dumps(each) for each in events})],
            ["events in the answer", "> 0", len(events[0])],
        ],
    )


if __name__ == "__main__":
    main()
