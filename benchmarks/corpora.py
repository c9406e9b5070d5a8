"""What a batch costs: two workers against one, the share of manifest and tables, poison among many, and the size of stores.

    python -m benchmarks corpora --clips 200
    python -m benchmarks corpora --clips 200 --engine ray --workers 2

Clips are scenes of the generated world, ten seconds long; of each there are several copies that differ in bytes, so that all are decoded
and embedded. On a busy machine wall times say little: processor times are given beside them.
"""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from av2a.corpora.batch import BatchFolder, run_batch
from av2a.corpora.isolation import WorkerLimits
from av2a.corpora.jobs import VideoJob, jobs_of
from av2a.corpora.manifest import Manifest
from av2a.corpora.on_ray import RayEngine, RayOptions
from av2a.corpora.processes import ProcessEngine
from av2a.corpora.tables import write_tables
from av2a.corpora.worker import VideoOutcome, VideoWorker, WorkerSetup
from av2a.detector import Detector
from av2a.embeddings import ClipFeatures
from av2a.features.store import Store
from av2a.settings import Settings
from av2a.world import NAMES, make_scene, write_clip

SECONDS = 10
SCENES = 20
LIMIT_SECONDS = 5.0
LABELS = NAMES[:12]


@dataclass(frozen=True)
class HarmfulSetup(WorkerSetup):
    """Workers that die of ``poison.mp4`` and hang at ``hang.mp4``."""

    def worker(self) -> "HarmfulWorker":
        """The worker."""
        return HarmfulWorker(self)


class HarmfulWorker(VideoWorker):
    """A worker that some videos harm."""

    def answer(self, job: VideoJob) -> VideoOutcome:
        """The answer, where there is one."""
        if job.path.endswith("poison.mp4"):
            os.kill(os.getpid(), signal.SIGKILL)
        if job.path.endswith("hang.mp4"):
            time.sleep(3600)
        return super().answer(job)


def copies(folder: Path, count: int) -> None:
    """Clips that differ in their bytes; the scenes among them differ in what is seen and heard."""
    scenes = [folder.parent / f"scene-{number}.mp4" for number in range(min(SCENES, count))]
    for number, path in enumerate(scenes):
        if not path.exists():
            write_clip(make_scene(number, duration_seconds=SECONDS), path)
    folder.mkdir()
    for number in range(count):
        # A box that every reader of MP4 skips.
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        (folder / f"clip-{number:04}.mp4").write_bytes(scenes[number % len(scenes)].read_bytes() + box)


@dataclass(frozen=True)
class Spent:
    """Seconds of wall clock, and of processors: of the driver, and of its workers."""

    wall: float
    driver: float
    workers: float

    @classmethod
    def now(cls) -> "Spent":
        """Since the process began."""
        own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(time.monotonic(), own.ru_utime + own.ru_stime, others.ru_utime + others.ru_stime)

    def since(self, before: "Spent") -> "Spent":
        """The difference, rounded."""
        return Spent(*(round(a - b, 2) for a, b in zip(vars(self).values(), vars(before).values(), strict=True)))


def run(out: Path, jobs: list[VideoJob], engine: str, workers: int, store: Path | None) -> tuple[dict[str, Any], Spent]:
    """One batch, and what it took."""
    # Under a name that other processes can import, too.
    from benchmarks.corpora import HarmfulSetup as Importable

    setup = Importable(LABELS, Settings(), "mini", store=store)
    limits = WorkerLimits(seconds=LIMIT_SECONDS)
    options = RayOptions(workers=workers)
    chosen = ProcessEngine(setup, limits, workers) if engine == "processes" else RayEngine(setup, limits, options)
    before = Spent.now()
    summary = run_batch(BatchFolder(out), jobs, [], setup, chosen)
    return {"statuses": summary.statuses, "reasons": summary.reasons}, Spent.now().since(before)


def measured(folder: Path, clips: Path, engine: str, workers: Sequence[int], *, harm: bool) -> Iterator[dict[str, Any]]:
    """A row for each question."""
    jobs, _ = jobs_of([str(clips)])
    spent = {}
    for count in workers:
        said, spent[count] = run(folder / f"out-{count}", jobs, engine, count, folder / f"store-{count}")
        yield {"workers": count, "seconds": vars(spent[count]), **said["statuses"]}
    if len(spent) > 1:
        yield {"wall, 1 worker / 2 workers": round(spent[1].wall / spent[2].wall, 2)}
    manifest = Manifest.read(folder / "out-2" / "manifest.jsonl")
    before = Spent.now()
    write_tables(manifest)
    tables = Spent.now().since(before)
    before = Spent.now()
    copy = Manifest(folder / "copy.jsonl")
    copy.begin(manifest.fingerprint)
    for record in manifest.records.values():
        copy.write([{"key": record.key, "path": record.path, "status": "running"}], durable=False)
        copy.write([{"key": record.key, **record.about}])
    lines = Spent.now().since(before)
    total = spent[2].driver + spent[2].workers
    yield {
        "tables": vars(tables),
        "manifest": vars(lines),
        "share of processor time": round((tables.driver + lines.driver) / total, 4),
        "share of wall time": round((tables.wall + lines.wall) / spent[2].wall, 4),
    }
    hours = len(jobs) * SECONDS / 3600
    size = sum(entry.size_bytes for entry in Store(folder / "store-2").entries())
    yield {"store, mini": f"{size / hours / 1e6:.1f} MB an hour of media"}
    if not harm:
        return
    middle = len(jobs) // 2
    harmed = [*jobs[1:middle], VideoJob("/nowhere/poison.mp4"), VideoJob("/nowhere/hang.mp4"), *jobs[middle:-1]]
    said, harm = run(folder / "out-harm", harmed, engine, 2, folder / "store-harm")
    clean = spent[2].wall
    limits = 2 * LIMIT_SECONDS
    yield {
        "poison and hang": vars(harm),
        **said,
        "wall beyond clean and limits": round((harm.wall - limits) / clean - 1, 3),
    }


def halved(features: ClipFeatures) -> ClipFeatures:
    """The features as float16 keeps them."""
    return replace(
        features,
        visual=replace(features.visual, rows=features.visual.rows.astype(np.float16).astype(np.float32)),
        audio=replace(features.audio, rows=features.audio.rows.astype(np.float16).astype(np.float32)),
    )


def float16(store: Store) -> dict[str, Any]:
    """What float16 changes in scores and events, and how large entries of the widths of ``clip-clap`` are."""
    from benchmarks.library import SEGMENTS, backbone, clip_of, features_of

    result: dict[str, Any] = {}
    sources = {
        "mini": (Detector("mini"), [f for e in store.entries()[:60] if (f := store.read_entry(e.path)) is not None]),
        "random, 512 wide": (Detector(backbone()), [features_of(number) for number in range(0, 600, 3)]),
    }
    for name, (detector, features) in sources.items():
        largest, changed, events = 0.0, 0, 0
        labels = LABELS if name == "mini" else ("glass breaking", "somebody talks")
        for each in features:
            segments = int(each.parts[:, 1].sum())
            clip = replace(clip_of(0), duration_seconds=float(segments))
            for label in labels:
                one, other = (detector.of_features(clip, f, [label]) for f in (each, halved(each)))
                for a, b in zip(one.traces, other.traces, strict=True):
                    both = np.isfinite(a.scores) & np.isfinite(b.scores)
                    largest = max(largest, float(np.abs(a.scores - b.scores)[both].max(initial=0.0)))
                decided = [{(e.modality, e.start_seconds, e.stop_seconds) for e in d.events} for d in (one, other)]
                events += len(decided[0])
                changed += len(decided[0] ^ decided[1])
        result[name] = {"largest difference of a score": float(f"{largest:.2g}"), "events": events, "changed": changed}
    features = features_of(0)
    widths = sum(table.rows.nbytes for table in (features.visual, features.audio))
    for kind, part in (("float32", 1.0), ("float16", 0.5)):
        result[f"rows of an hour, 512 wide, two frames a second, {kind}"] = (
            f"{widths * part * 3600 / SEGMENTS / 1e6:.1f} MB"
        )
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--engine", choices=("processes", "ray"), default="processes")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="the last is 2")
    parser.add_argument("--no-harm", action="store_true", help="without poison and hanging videos")
    parser.add_argument("--folder", type=Path, help="clips that are there already, or are made there")
    given = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = given.folder or folder / "clips"
        if not clips.exists():
            copies(clips, given.clips)
        for row in measured(folder, clips, given.engine, given.workers, harm=not given.no_harm):
            print(json.dumps(row), flush=True)
        print(json.dumps(float16(Store(folder / "store-2"))))
    sys.exit(0)


if __name__ == "__main__":
    main()
