"""Kills batches twenty times at random moments, and proves that nothing is lost, done twice or half written.

    python benchmarks/corpora_kills.py --engine processes
    python benchmarks/corpora_kills.py --engine ray --kills 20 --clips 60

What is killed is chosen at random: the driver, a worker, with Ray also an actor or the whole node. Processes are found by a variable in
their environment (Linux). A job takes a second at least, so that kills meet jobs. The answers are compared with those of a run in one
process; each video must be done by exactly one line of the manifest.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from av2a import media
from av2a.corpora.batch import BatchFolder, run_batch
from av2a.corpora.isolation import WorkerLimits
from av2a.corpora.jobs import VideoJob, jobs_of
from av2a.corpora.on_ray import RayEngine, RayOptions
from av2a.corpora.processes import ProcessEngine
from av2a.corpora.worker import VideoOutcome, VideoWorker, WorkerSetup
from av2a.detector import Detector
from av2a.exports.json import dumps
from av2a.settings import Settings
from av2a.world import make_scene, write_clip

ROOT = Path(__file__).resolve().parents[1]
MARK = "AV2A_KILLS"
LABELS = ("dog barking", "violin", "church bell")
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class SlowSetup(WorkerSetup):
    """Workers that take a second at least."""

    def worker(self) -> "SlowWorker":
        """The worker."""
        return SlowWorker(self)


class SlowWorker(VideoWorker):
    """A worker that takes a second at least."""

    def answer(self, job: VideoJob) -> VideoOutcome:
        """The answer."""
        time.sleep(LEAST_SECONDS)
        return super().answer(job)


def drive(engine: str, clips: Path, out: Path) -> int:
    """One run of the batch."""
    # Under a name that other processes can import, too.
    from benchmarks.corpora_kills import SlowSetup

    jobs, skipped = jobs_of([str(clips)])
    setup = SlowSetup(LABELS, Settings(), "mini", store=out / "store")
    limits = WorkerLimits(seconds=60)
    chosen = (
        ProcessEngine(setup, limits, 2) if engine == "processes" else RayEngine(setup, limits, RayOptions(workers=2))
    )
    summary = run_batch(BatchFolder(out / "batch"), jobs, skipped, setup, chosen)
    print(json.dumps(summary.statuses))
    return 0


def marked(mark: str) -> dict[int, str]:
    """The processes with the mark in their environment, and their command lines."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if command:
                        found[int(folder.name)] = command
    return found


def workers_left(mark: str) -> dict[int, str]:
    """What still runs after its driver has ended; Ray's agents notice after a minute or two that their node is gone."""
    return {pid: command for pid, command in marked(mark).items() if not command.split()[0].endswith("Agent")}


def victims(kind: str, processes: dict[int, str], driver: int) -> list[int]:
    """The processes that a kind of kill may choose from."""
    if kind == "driver":
        return [driver]
    if kind == "node":
        return [pid for pid, command in processes.items() if "raylet/raylet" in command]
    if kind == "actor":
        return [pid for pid, command in processes.items() if command.startswith("ray::")]
    return [pid for pid, command in processes.items() if "spawn_main" in command]


def killed_runs(engine: str, clips: Path, out: Path, kills: int, rng: random.Random) -> Counter[str]:
    """Run the batch until it is done, killing something again and again."""
    done: Counter[str] = Counter()
    kinds = ["driver", "worker"] if engine == "processes" else ["driver", "worker", "actor", "node"]
    mark = uuid.uuid4().hex
    manifest = out / "batch" / "manifest.jsonl"
    while True:
        command = [sys.executable, __file__, "--drive", str(clips), "--out", str(out), "--engine", engine]
        with (out / "log.txt").open("ab") as log:
            path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
            driver = subprocess.Popen(
                command, env={**os.environ, MARK: mark, "PYTHONPATH": path}, stdout=log, stderr=log
            )
        while driver.poll() is None and sum(done.values()) < kills:
            before = manifest.stat().st_size if manifest.exists() else 0
            began = time.monotonic()
            # Until something is in flight.
            while driver.poll() is None and time.monotonic() - began < 120:
                if manifest.exists() and manifest.stat().st_size != before:
                    break
                time.sleep(0.05)
            time.sleep(rng.uniform(0, 1.2))
            kind = rng.choice(kinds)
            alone = manifest.exists() and manifest.read_text().count('"crashes"') > 3
            if kind in ("worker", "actor") and alone:
                # A worker that is lost twice with one video is that video's failure, as it should be.
                kind = "driver"
            choice = victims(kind, marked(mark), driver.pid)
            if choice and driver.poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(choice), signal.SIGKILL)
                    done[kind] += 1
                    print(f"{sum(done.values())}: {kind} killed", flush=True)
        status = driver.wait(timeout=900)
        began = time.monotonic()
        while (left := workers_left(mark)) and time.monotonic() - began < 60:
            time.sleep(0.2)
        if left:
            raise SystemExit(f"processes are left over: {left}")
        if status == 0 and sum(done.values()) >= kills:
            return done


def check(clips: Path, out: Path) -> list[str]:
    """What is wrong with the finished batch."""
    folder = out / "batch"
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines() if _is_json(line)][1:]
    finished = Counter(line["key"] for line in lines if line["status"] == "done")
    jobs = {job.key: Path(job.path) for job in jobs_of([str(clips)])[0]}
    wrong = [f"{jobs[key].name} was done {count} times" for key, count in finished.items() if count > 1]
    wrong += [f"{path.name} is lost" for key, path in jobs.items() if key not in finished]
    answers = {path.stem: path for path in (folder / "answers").rglob("*.json")}
    wrong += [f"{name} is no answer of this batch" for name in answers.keys() - jobs.keys()]
    detector = Detector("mini")
    for key, path in jobs.items():
        expected = dumps(detector(media.open_clip(path), LABELS, Settings()))
        if key in answers and answers[key].read_text() != expected:
            wrong.append(f"the answer of {path.name} is another one")
    from pyarrow import parquet

    videos = parquet.read_table(folder / "videos.parquet").to_pylist()
    events = parquet.read_table(folder / "events.parquet").num_rows
    if sorted(row["key"] for row in videos) != sorted(jobs) or {row["status"] for row in videos} != {"done"}:
        wrong.append("the table of videos does not have each video once, done")
    counted = sum(len(json.loads(path.read_text())["events"]) for path in answers.values())
    if events != counted:
        wrong.append(f"the table has {events} events, the answers have {counted}")
    return wrong


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def main() -> int:
    """Kill, then check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("processes", "ray"), default="processes")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="generated clips that are there already")
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive is not None:
        return drive(given.engine, given.drive, given.out)
    if given.folder is not None and not any(given.folder.glob("*.mp4")):
        parser.error(f"there are no clips in {given.folder}")
    with tempfile.TemporaryDirectory() as folder:
        clips = given.folder or Path(folder) / "clips"
        if given.folder is None:
            clips.mkdir()
            for number in range(given.clips):
                write_clip(make_scene(number, duration_seconds=2), clips / f"clip-{number:03}.mp4")
        began = time.monotonic()
        out = Path(folder) / "out"
        out.mkdir()
        done = killed_runs(given.engine, clips, out, given.kills, random.Random(given.seed))
        wrong = check(clips, out)
        print(f"{given.engine}: {sum(done.values())} kills ({dict(done)}) in {time.monotonic() - began:.0f} s")
        print("\n".join(wrong) or "nothing lost, nothing twice, no half file, all answers equal")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
