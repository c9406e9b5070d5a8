"""A long video through ``clip-clap``: peak memory beside a one-minute video's. Random weights reduced in depth, so that it runs.

Bar: one hour within 300 MB of one minute.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.report import machine, table


def measured(path: Path, models: Path) -> tuple[float, float, int]:
    """Seconds, peak memory in MB and events of one run in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.encoders_memory", "--one", str(path), "--folder", str(models)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, megabytes, events = done.stdout.split()[-3:]
    return float(seconds), float(megabytes), int(events)


def one(path: Path, folder: Path) -> None:
    """What is measured."""
    import av2a
    from av2a.settings import Settings
    from benchmarks.encoders_models import LABELS, clip_clap

    backbone = clip_clap(folder, "float32", layers=1)
    began = perf_counter()
    # So low that random weights find candidates to validate.
    settings = Settings(initial_threshold=0.75, category_threshold=0.75, confidence_threshold=0.75)
    found = av2a.detect(path, LABELS[:5], backbone, settings)
    print(perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(found.events))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--one", type=Path)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    os.environ["AV2A_CACHE"] = ""
    if options.one:
        one(options.one, options.folder)
        return
    from benchmarks.encoders_models import clip_clap, make_clip

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip_clap(folder, "float32", layers=1)
        rows = []
        for minutes in (1, options.minutes):
            path = make_clip(folder / f"{minutes}.mp4", 60 * minutes, rate=10)
            seconds, megabytes, events = measured(path, folder)
            rows.append([f"{minutes} min", f"{seconds:.0f}", f"{megabytes:.0f}", events])
    table(
        f"`clip-clap` of one layer a stage, `practical`, 320×240 at 10 pictures a second ({machine()}; bar: within 300 MB)",
        ["video", "seconds", "peak memory, MB", "events"],
        rows,
    )


if __name__ == "__main__":
    main()
