"""Runs a batch: every video once, whatever is killed and when; the manifest first, then answers, then tables."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from av2a import __version__, atomic
from av2a.corpora.jobs import SkippedRow, VideoJob, in_shard
from av2a.corpora.locks import locked
from av2a.corpora.manifest import ANSWERS, JobRecord, JobStatus, Manifest, differences
from av2a.corpora.parquet_files import check_pyarrow
from av2a.corpora.processes import Begun
from av2a.corpora.tables import EVENTS, VIDEOS, write_tables
from av2a.corpora.worker import VideoOutcome, WorkerSetup
from av2a.errors import OutputRefused, UsageError, one_line
from av2a.types import BackboneInfo

TRIES = 2
"""How often a video may cost its worker before it has failed."""
GROWN_EVERY = 256
"""After so many videos what they left in the store is taken into the library."""


@runtime_checkable
class Engine(Protocol):
    """What runs workers: processes of this machine, or Ray."""

    def prepare(self, videos: int) -> BackboneInfo:
        """Load the models, to know them; about so many videos are left."""
        ...

    def run(self, jobs: Iterable[VideoJob], begun: Begun, *, alone: bool = False) -> Iterator[VideoOutcome]:
        """The outcomes of jobs, in any order; ``alone``: one after the other, each in a fresh process."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


@dataclass
class BatchProgress:
    """How far a batch is."""

    total: int
    """Videos of the whole batch, skipped ones left out."""
    done: int = 0
    failed: int = 0
    before: int = 0
    """Of those, how many an earlier run of the same batch had."""
    media_seconds: float = 0.0
    """What was answered in this run."""
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Of this run."""
        return time.monotonic() - self.began

    @property
    def media_hours_per_hour(self) -> float:
        """Hours of media that an hour answers."""
        return self.media_seconds / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """At this run's speed; None before its first video."""
        answered = self.done + self.failed - self.before
        return None if not answered else (self.total - self.done - self.failed) * self.seconds / answered


@dataclass(frozen=True)
class BatchSummary:
    """What has become of all videos of a batch."""

    statuses: dict[str, int]
    reasons: dict[str, int]
    """How many failed or were skipped, by the code of the error."""
    events: int
    media_seconds: float
    worker_seconds: float

    @property
    def videos(self) -> int:
        """All that the manifest knows."""
        return sum(self.statuses.values())


@dataclass(frozen=True)
class BatchFolder:
    """Where a batch is kept, and which part of it."""

    path: Path
    shard: tuple[int, int] | None = None

    @property
    def manifest(self) -> Path:
        """A shard has a manifest of its own."""
        return self.path / manifest_name(self.shard)


def manifest_name(shard: tuple[int, int] | None) -> str:
    """The file name of a manifest.

    >>> manifest_name((2, 8))
    'manifest-2-of-8.jsonl'
    """
    return "manifest.jsonl" if shard is None else f"manifest-{shard[0]}-of-{shard[1]}.jsonl"


def run_batch(
    folder: BatchFolder,
    jobs: Sequence[VideoJob],
    skipped: Sequence[SkippedRow],
    setup: WorkerSetup,
    engine: Engine,
    *,
    restart: bool = False,
    retry_failed: bool = False,
    progress: Callable[[BatchProgress, JobRecord | None], None] = lambda progress, record: None,
    grow: Callable[[BackboneInfo], None] = lambda info: None,
) -> BatchSummary:
    """Answer what is not answered yet, and write the tables.

    Args:
        folder: where the batch is kept; the same call goes on where an earlier one was killed.
        jobs: all videos; with a shard, those of other shards are left out here.
        skipped: what was found among the sources and is no video.
        setup: what the workers answer, for the fingerprint.
        engine: what runs them.
        restart: forget an earlier batch in this folder.
        retry_failed: try videos again that have failed.
        progress: called at the beginning, and after each video.
        grow: called now and then, to take what was embedded into the library.

    Raises:
        UsageError: the folder has a batch with other settings, labels, models or versions, or another process runs it.
        OutputRefused: the folder cannot be written.
        Av2aError: the models are not available.
    """
    check_pyarrow()
    if folder.shard is not None:
        jobs, skipped = [job for job in jobs if in_shard(job, folder.shard)], skipped if folder.shard[0] == 1 else ()
    with _alone_in(folder):
        if restart:
            _forget(folder)
        manifest = Manifest.read(folder.manifest)
        try:
            counts = manifest.counts()
            finished = counts[JobStatus.DONE] + (0 if retry_failed else counts[JobStatus.FAILED])
            info = engine.prepare(len(jobs) - finished)
            fingerprint = fingerprint_of(setup, info)
            _check_fingerprint(manifest, fingerprint)
            if not manifest.fingerprint:
                manifest.begin(fingerprint)
            manifest.add(jobs, skipped)
            return _Run(
                folder, manifest, engine, progress, lambda: grow(info), {job.key: job for job in jobs}
            ).finished(retry_failed)
        finally:
            engine.close()


def fingerprint_of(setup: WorkerSetup, info: BackboneInfo) -> dict[str, Any]:
    """Everything that answers depend on; not where or how fast they are computed."""
    models = asdict(info)
    return {
        "labels": list(setup.labels),
        "settings": setup.settings.as_dict(),
        "backbone": {name: models[name] for name in ("name", "visual", "audio", "digest", "precision")},
        "limits": {name: value for name, value in asdict(setup.limits).items() if name != "labels"},
        "scores": setup.traces,
        "versions": {"av2a": __version__, **{name: metadata.version(name) for name in ("numpy", "av")}},
    }


def read_batch(folder: Path) -> list[Manifest]:
    """The manifests of a batch: that of the whole, or those of its shards where it was not merged.

    Raises:
        UsageError: there is none, or one is something else.
    """
    whole = folder / manifest_name(None)
    paths = [whole] if whole.is_file() else sorted(folder.glob("manifest-*-of-*.jsonl"))
    if not paths:
        raise UsageError(f"there is no batch in {one_line(str(folder), 200)!r}: check the name")
    return [Manifest.read(path) for path in paths]


def merge(folders: Sequence[Path], out: Path) -> BatchSummary:
    """Make one batch of shards, which may be in one folder or in several: its manifest, answers and tables.

    Raises:
        UsageError: a folder has no batch, or they were made with different settings, labels, models or versions.
        OutputRefused: ``out`` cannot be written.
    """
    check_pyarrow()
    manifests = [
        manifest
        for folder in folders
        for manifest in (_shards(folder) if folder.resolve() == out.resolve() else read_batch(folder))
    ]
    first = manifests[0]
    for other in manifests[1:]:
        if differing := differences(first.fingerprint, other.fingerprint):
            raise UsageError(
                f"{one_line(str(other.path), 200)!r} was made with other {_some(differing)} than "
                f"{one_line(str(first.path), 200)!r}: batches that are merged have the same"
            )
    records: dict[str, JobRecord] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for manifest in manifests:
            for record in manifest.records.values():
                known = records.get(record.key)
                if known is None or known.status is not JobStatus.DONE:
                    records[record.key] = record
                    _copy_answer(manifest, record, out)
        merged = Manifest(out / f".{manifest_name(None)}.part")
        merged.path.unlink(missing_ok=True)
        merged.begin(first.fingerprint)
        merged.write({"key": each.key, **each.about} for each in records.values())
        merged.path.replace(out / manifest_name(None))
        merged.path = out / manifest_name(None)
        write_tables(merged)
    except OSError as refusal:
        raise _cannot_write(out, refusal) from refusal
    return summary_of([merged])


def summary_of(manifests: Sequence[Manifest]) -> BatchSummary:
    """What has become of all videos of some manifests."""
    records = [record for manifest in manifests for record in manifest.records.values()]
    statuses = {status.value: 0 for status in JobStatus}
    reasons: dict[str, int] = {}
    for record in records:
        statuses[record.status.value] += 1
    for manifest in manifests:
        for (_, code), count in manifest.reasons().items():
            reasons[code] = reasons.get(code, 0) + count
    done = [record.about for record in records if record.status is JobStatus.DONE]
    return BatchSummary(
        statuses,
        dict(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))),
        events=sum(each.get("events", 0) for each in done),
        media_seconds=sum((each.get("duration", 0.0) for each in done), 0.0),
        worker_seconds=sum((record.about.get("seconds", 0.0) for record in records), 0.0),
    )


@dataclass(eq=False)
class _Run:
    """One run of a batch, after its manifest was read."""

    folder: BatchFolder
    manifest: Manifest
    engine: Engine
    progress: Callable[[BatchProgress, JobRecord | None], None]
    grow: Callable[[], None]
    jobs: dict[str, VideoJob]
    _lock: Any = field(default_factory=threading.Lock)
    """Some engines report the beginning of a job from a thread."""
    _finished: set[str] = field(default_factory=set)
    """The videos that this run is done with; some engines report a beginning later than the end."""

    def finished(self, retry_failed: bool) -> BatchSummary:
        """Run what is left, then write the tables."""
        left = [job for job in self.jobs.values() if not self._is_finished(job, retry_failed)]
        counts = self.manifest.counts()
        finished = len(self.jobs) - len(left)
        self.state = BatchProgress(
            len(self.jobs),
            done=finished - (failed := 0 if retry_failed else min(counts[JobStatus.FAILED], finished)),
            failed=failed,
            before=finished,
        )
        self.progress(self.state, None)
        # A video that has cost a worker in an earlier run is not tried among others again.
        crashed = [job for job in left if self.manifest.records[job.key].crashes]
        first = [job for job in left if not self.manifest.records[job.key].crashes]
        if first:
            crashed += self._answered(first, alone=False)
        if crashed:
            self._answered(crashed, alone=True)
        self.grow()
        try:
            write_tables(self.manifest)
        except OSError as refusal:
            raise _cannot_write(self.folder.path, refusal) from refusal
        return summary_of([self.manifest])

    def _is_finished(self, job: VideoJob, retry_failed: bool) -> bool:
        record = self.manifest.records[job.key]
        if record.status is JobStatus.FAILED:
            return not retry_failed
        return record.status is JobStatus.DONE and self.manifest.is_whole(record)

    def _answered(self, jobs: Sequence[VideoJob], *, alone: bool) -> list[VideoJob]:
        """Run jobs; those that cost their worker and may be tried once more."""
        again = []
        for number, outcome in enumerate(self.engine.run(jobs, self._begun, alone=alone), start=1):
            crashes = self.manifest.records[outcome.key].crashes + outcome.crashed
            if outcome.crashed and not alone and crashes < TRIES:
                again.append(self.jobs[outcome.key])
                self._note(outcome.key, JobStatus.WAITING, crashes=crashes, code=outcome.code, error=outcome.error)
                continue
            if outcome.code is None:
                self._keep(outcome)
            else:
                self._fail(outcome, crashes)
            self.progress(self.state, self.manifest.records[outcome.key])
            if number % GROWN_EVERY == 0:
                self.grow()
        return again

    def _begun(self, job: VideoJob) -> None:
        # It need not be on disk: a video that is lost with the machine is waiting or running, and both are done again.
        with self._lock:
            if job.key not in self._finished:
                self.manifest.write([{"key": job.key, "status": JobStatus.RUNNING.value}], durable=False)

    def _keep(self, outcome: VideoOutcome) -> None:
        """Write the answer, then the line that counts it; its size shows whether it reached the disk."""
        answer = Path(ANSWERS) / outcome.key[:2] / f"{outcome.key}.json"
        path = self.folder.path / answer
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_bytes(path, outcome.answer, durable=False)
        except OSError as refusal:
            raise _cannot_write(path, refusal) from refusal
        self.state.done += 1
        self.state.media_seconds += outcome.properties.get("duration", 0.0)
        self._note(
            outcome.key,
            JobStatus.DONE,
            code=None,
            error=None,
            answer=answer.as_posix(),
            bytes=len(outcome.answer),
            seconds=round(outcome.seconds, 3),
            warnings=outcome.warnings,
            **outcome.properties,
        )

    def _fail(self, outcome: VideoOutcome, crashes: int) -> None:
        self.state.failed += 1
        about = {"crashes": crashes} if crashes else {}
        self._note(
            outcome.key,
            JobStatus.FAILED,
            code=outcome.code,
            error=outcome.error,
            seconds=round(outcome.seconds, 3),
            **about,
        )

    def _note(self, key: str, status: JobStatus, **about: Any) -> None:
        with self._lock:
            if status in (JobStatus.DONE, JobStatus.FAILED):
                self._finished.add(key)
            self.manifest.write([{"key": key, "status": status.value, **about}])


@contextmanager
def _alone_in(folder: BatchFolder) -> Iterator[None]:
    """One process runs a batch at a time."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        with locked(folder.manifest.with_suffix(".lock"), wait=False):
            yield
    except BlockingIOError as taken:
        raise UsageError(
            f"another process runs the batch in {one_line(str(folder.path), 200)!r}: wait for it, or choose another folder"
        ) from taken
    except OSError as refusal:
        raise _cannot_write(folder.path, refusal) from refusal


def _forget(folder: BatchFolder) -> None:
    for path in (folder.manifest, folder.path / EVENTS, folder.path / VIDEOS):
        path.unlink(missing_ok=True)
    if folder.shard is None:
        shutil.rmtree(folder.path / ANSWERS, ignore_errors=True)


def _check_fingerprint(manifest: Manifest, fingerprint: dict[str, Any]) -> None:
    if manifest.fingerprint and (differing := differences(manifest.fingerprint, fingerprint)):
        raise UsageError(
            f"the batch in {one_line(str(manifest.folder), 200)!r} was made with other {_some(differing)}: give what it was made "
            "with, choose another folder, or forget it with --restart"
        )


def _some(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(islice(names, most))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _shards(folder: Path) -> list[Manifest]:
    """The shards in a folder, also where it was merged before."""
    paths = sorted(folder.glob("manifest-*-of-*.jsonl"))
    return [Manifest.read(path) for path in paths] if paths else read_batch(folder)


def _copy_answer(manifest: Manifest, record: JobRecord, out: Path) -> None:
    if record.answer is None or manifest.folder.resolve() == out.resolve():
        return
    target = out / record.answer
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        atomic.write_bytes(target, (manifest.folder / record.answer).read_bytes(), durable=False)


def _cannot_write(path: Path, refusal: OSError) -> OutputRefused:
    return OutputRefused(
        f"cannot write {one_line(str(path), 200)!r} ({refusal.strerror}): make room, then give the same command again; it goes on "
        "where it stopped"
    )
