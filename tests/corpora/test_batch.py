"""A batch answers each video once, whatever its videos do to workers and whatever is killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from av2a import media
from av2a.corpora.batch import BatchFolder, BatchSummary, merge, read_batch, run_batch, summary_of
from av2a.corpora.isolation import AnySetup, IsolatedWorker, WorkerLimits
from av2a.corpora.jobs import SkippedRow, VideoJob, jobs_of
from av2a.corpora.manifest import JobStatus, Manifest
from av2a.corpora.processes import Begun, ProcessEngine
from av2a.corpora.worker import VideoOutcome, VideoWorker, WorkerSetup
from av2a.detector import Detector
from av2a.errors import BrokenPlugin, OutputRefused, UnknownName, UsageError
from av2a.exports.json import dumps
from av2a.settings import Settings
from av2a.types import BackboneInfo
from tests.cli.calling import environment
from tests.corpora.poison import KilledWhileItFetches, PoisonSetup
from tests.full_disk import no_file_larger_than
from tests.rights import bound_by_permissions, skip_where_rights_remain

LABELS = ("dog barking", "church bell", "siren")
LIMITS = WorkerLimits(seconds=60.0)


@pytest.fixture
def setup(tmp_path: Path) -> PoisonSetup:
    return PoisonSetup(LABELS, Settings(), "mini", store=tmp_path / "store", begun=tmp_path / "begun.txt")


def run(
    out: Path,
    jobs: list[VideoJob],
    setup: WorkerSetup,
    *,
    workers: int = 1,
    limits: WorkerLimits = LIMITS,
    skipped: list[SkippedRow] | None = None,
    shard: tuple[int, int] | None = None,
    **more: Any,
) -> BatchSummary:
    engine = ProcessEngine(setup, limits, workers)
    return run_batch(BatchFolder(out, shard), jobs, skipped or [], setup, engine, **more)


def begun(setup: PoisonSetup) -> Counter[str]:
    assert setup.begun is not None
    return Counter(setup.begun.read_text().split()) if setup.begun.exists() else Counter()


def table(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def manifest_lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


# One run.


def test_a_batch_gives_the_detector_s_answers_and_tables_that_add_up(
    clips: Path, tmp_path: Path, setup: PoisonSetup, mini: Detector
) -> None:
    jobs, skipped = jobs_of([str(clips), str(clips / "clip-0.mp4")])
    summary = run(tmp_path / "out", jobs, setup, workers=2, skipped=skipped)
    assert summary.statuses == {"waiting": 0, "running": 0, "done": len(jobs), "failed": 0, "skipped": 1}
    [manifest] = read_batch(tmp_path / "out")
    found = 0
    for job in jobs:
        record = manifest.records[job.key]
        assert record.answer is not None
        expected = mini(media.open_clip(Path(job.path)), LABELS)
        assert (tmp_path / "out" / record.answer).read_text() == dumps(expected)
        found += len(expected.events)
    events, videos = table(tmp_path / "out" / "events.parquet"), table(tmp_path / "out" / "videos.parquet")
    assert found == len(events) == summary.events == sum(row["events"] or 0 for row in videos) > 0
    assert len(videos) == len(jobs) + 1
    assert {row["filename"] for row in events} <= {job.path for job in jobs}
    first = next(row for row in videos if row["status"] == "done")
    assert first["duration"] == pytest.approx(4, abs=0.1) and first["width"] and first["sample_rate_hz"]
    assert summary.media_seconds == pytest.approx(4 * len(jobs), abs=0.5)


def test_rows_have_labels_and_tracks_of_their_own(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    path = str(clips / "clip-2.mp4")
    jobs = [VideoJob(path), VideoJob(path, ("church bell",)), VideoJob(path, (), 0, None), VideoJob(path, (), 7, None)]
    summary = run(tmp_path / "out", jobs, setup)
    assert summary.statuses["done"] == 3 and summary.statuses["failed"] == 1
    [manifest] = read_batch(tmp_path / "out")
    labels = [
        json.loads((tmp_path / "out" / str(manifest.records[job.key].answer)).read_text())["labels"] for job in jobs[:3]
    ]
    assert labels == [list(LABELS), ["church bell"], list(LABELS)]


def test_poison_and_hanging_videos_fail_alone_and_cost_nothing_else(
    clips: Path, tmp_path: Path, setup: PoisonSetup
) -> None:
    jobs = jobs_of([str(clips)])[0]
    jobs[3:3] = [VideoJob(str(tmp_path / "poison.mp4")), VideoJob(str(tmp_path / "hang.mp4"))]
    summary = run(tmp_path / "out", jobs, setup, workers=2, limits=replace(LIMITS, seconds=3.0))
    assert (summary.statuses["done"], summary.statuses["failed"]) == (len(jobs) - 2, 2)
    assert summary.reasons == {"E_TIME_LIMIT": 1, "E_WORKER_DIED": 1}
    failed = {
        Path(row["filename"]).name: row["error"] for row in table(tmp_path / "out" / "videos.parquet") if row["code"]
    }
    assert "killed by signal 9" in failed["poison.mp4"]
    assert failed["hang.mp4"] == "it took more than 3 s: raise --time-limit"
    # Tried once more, and no other video twice.
    assert {name for name, count in begun(setup).items() if count > 1} == {"poison.mp4", "hang.mp4"}
    assert begun(setup)["poison.mp4"] == begun(setup)["hang.mp4"] == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says how much memory a process has")
def test_a_video_that_takes_too_much_memory_fails(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = [VideoJob(str(tmp_path / "glutton.mp4")), VideoJob(str(clips / "clip-0.mp4"))]
    summary = run(tmp_path / "out", jobs, setup, limits=WorkerLimits(seconds=50.0, memory_bytes=700_000_000))
    assert summary.reasons == {"E_MEMORY_LIMIT": 1}
    assert summary.statuses["done"] == 1


def test_bad_files_fail_with_their_codes(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    (tmp_path / "garbage.mp4").write_bytes(b"\0garbage" * 1000)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    names = ["garbage.mp4", "empty.mp4", "loop.mp4", "missing.mp4"]
    jobs = [*(VideoJob(str(tmp_path / name)) for name in names), VideoJob(str(clips / "clip-0.mp4"))]
    # A file that is there when the list is made, and not when its turn comes; and lines that are no names.
    (tmp_path / "vanishing.mp4").touch()
    lines = b"vanishing.mp4\n\0\1\xff\xfe junk\n" + b"x" * 100_000 + b".mp4\n"
    (tmp_path / "list.txt").write_bytes(lines)
    listed, skipped = jobs_of([str(tmp_path / "list.txt")])
    (tmp_path / "vanishing.mp4").unlink()
    summary = run(tmp_path / "out", [*listed, *jobs], setup, skipped=skipped)
    assert {status: summary.statuses[status] for status in ("done", "failed", "skipped")} == {
        "done": 1,
        "failed": 6,
        "skipped": 1,
    }
    assert set(summary.reasons) <= {"E_MEDIA_FORMAT", "E_NO_SUCH_FILE", "E_MEDIA", "E_SKIPPED"}
    assert summary.reasons["E_NO_SUCH_FILE"] >= 4


class OneFileWorker(VideoWorker):
    """A worker that answers one file once, whatever its names: thousands of clips would take minutes."""

    def __init__(self, setup: WorkerSetup) -> None:
        super().__init__(setup)
        self._known: dict[int, VideoOutcome] = {}

    def answer(self, job: VideoJob) -> VideoOutcome:
        inode = os.stat(job.path).st_ino if os.path.isfile(job.path) else 0  # noqa: PTH113, PTH116
        outcome = self._known.get(inode) or super().answer(job)
        if outcome.code is None:
            self._known[inode] = outcome
        return replace(outcome, key=job.key)


class OneFileSetup(WorkerSetup):
    def worker(self) -> OneFileWorker:
        return OneFileWorker(self)


def garbage(folder: Path) -> dict[bytes, str]:
    """Twenty lines that name no video, and the words that say so."""
    found: dict[bytes, str] = {}
    for number in range(4):
        (folder / f"folder-{number}.mp4").mkdir()
        (folder / f"text-{number}.mp4").write_text("no video, but a long text\n" * 50)
        found |= {
            b"missing-%d.mp4" % number: "no such file",
            b"folder-%d.mp4" % number: "is a folder: name a media file in it",
            b"text-%d.mp4" % number: "is not in a format that can be read",
            b"nul-\0-%d.mp4" % number: "no file can have this name",
            b"caf\xe9-\xff-%d.mp4" % number: "no such file",
        }
    return found


@pytest.mark.slow
def test_a_long_list_or_table_may_have_garbage_in_one_line_of_a_hundred(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No power is cut here, and waiting for the disk 2,000 times takes most of the time.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    wrong = garbage(tmp_path)
    lines = [b"clip-%04d.mp4" % number for number in range(2000 - len(wrong))]
    for line in lines:
        os.link(clips / "clip-2.mp4", tmp_path / line.decode())
    for number, line in enumerate(wrong):
        lines.insert(random.Random(number).randrange(len(lines)), line)
    (tmp_path / "list.txt").write_bytes(b"\n".join(lines))
    (tmp_path / "table.csv").write_bytes(b"labels,path\n" + b"".join(b",%s\n" % line for line in lines))
    jobs, skipped = jobs_of([str(tmp_path / "list.txt")])
    assert jobs_of([str(tmp_path / "table.csv")]) == (jobs, skipped)
    assert (len(jobs), len(skipped)) == (1996, 4)
    summary = run(tmp_path / "out", jobs, OneFileSetup(LABELS, Settings(), "mini"), skipped=skipped)
    assert summary.statuses == {"waiting": 0, "running": 0, "done": 1980, "failed": 16, "skipped": 4}
    assert summary.reasons == {"E_NO_SUCH_FILE": 8, "E_MEDIA_FORMAT": 8, "E_SKIPPED": 4}
    rows = {row["filename"].removeprefix(f"{tmp_path}/"): row for row in table(tmp_path / "out" / "videos.parquet")}
    assert len(rows) == 2000
    for line, words in wrong.items():
        assert words in rows[os.fsdecode(line).encode("utf-8", "backslashreplace").decode()]["error"]
    assert summary.events == 1980 * rows["clip-0000.mp4"]["events"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's permissions")
def test_what_may_not_be_read_fails_or_is_skipped_and_a_read_only_store_costs_a_warning(
    clips: Path, tmp_path: Path
) -> None:
    for path in ("open/good.mp4", "open/secret.mp4", "open/closed/a.mp4", "closed/b.mp4"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips / "clip-0.mp4", tmp_path / path)
    (tmp_path / "store").mkdir()
    barred = {"open/secret.mp4": 0, "open/closed": 0, "closed": 0, "store": 0o555}
    for path, mode in barred.items():
        (tmp_path / path).chmod(mode)
    call = ["batch", "open", "closed/b.mp4", "--store", "store", "-l", "rain", "-o", "out"]
    ran = subprocess.run(
        [sys.executable, "-m", "av2a", *call],
        cwd=tmp_path,
        env=environment(),
        preexec_fn=bound_by_permissions,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    for path in barred:
        (tmp_path / path).chmod(0o755)
    skip_where_rights_remain(ran.returncode)
    assert ran.returncode == 1, ran.stderr
    rows = {row["filename"].removeprefix(f"{tmp_path}/"): row for row in table(tmp_path / "out" / "videos.parquet")}
    assert {path: (row["status"], row["code"]) for path, row in rows.items()} == {
        "open/good.mp4": ("done", None),
        "open/secret.mp4": ("failed", "E_MEDIA_FORMAT"),
        "open/closed": ("skipped", "E_SKIPPED"),
        "closed/b.mp4": ("failed", "E_MEDIA_FORMAT"),
    }
    for path in ("open/secret.mp4", "closed/b.mp4"):
        assert "cannot be read: permission denied; change its permissions" in rows[path]["error"]
    assert rows["open/closed"]["error"] == "cannot be read (Permission denied)"
    assert any("cannot write into the store" in each for each in rows["open/good.mp4"]["warnings"])


def test_the_same_content_under_two_names_is_embedded_once_and_answered_twice(
    clips: Path, tmp_path: Path, setup: PoisonSetup
) -> None:
    for name in ("one.mp4", "two.mp4"):
        shutil.copy(clips / "clip-2.mp4", tmp_path / name)
    jobs = [VideoJob(str(tmp_path / name)) for name in ("one.mp4", "two.mp4")]
    assert run(tmp_path / "out", jobs, setup).statuses["done"] == 2
    assert len(list((tmp_path / "store").rglob("*.safetensors"))) == 1
    assert {Path(row["filename"]).name for row in table(tmp_path / "out" / "events.parquet")} == {"one.mp4", "two.mp4"}


def test_a_name_that_is_not_utf_8_is_answered(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    odd = f"{tmp_path}/caf\udce9.mp4"
    try:
        shutil.copy(clips / "clip-2.mp4", odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    setup = replace(setup, begun=None)
    assert run(tmp_path / "out", [VideoJob(odd)], setup).statuses["done"] == 1
    [row] = table(tmp_path / "out" / "videos.parquet")
    assert row["filename"].endswith("caf\\udce9.mp4")
    [manifest] = read_batch(tmp_path / "out")
    assert [record.path for record in manifest.records.values()] == [odd]


def test_a_worker_is_replaced_after_some_videos(
    clips: Path, tmp_path: Path, setup: PoisonSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[IsolatedWorker] = []

    class CountedWorker(IsolatedWorker):
        def __init__(self, setup: AnySetup, limits: WorkerLimits) -> None:
            super().__init__(setup, limits)
            started.append(self)

    monkeypatch.setattr("av2a.corpora.processes.IsolatedWorker", CountedWorker)
    jobs = jobs_of([str(clips)])[0][:4]
    engine = ProcessEngine(setup, replace(LIMITS, videos=2), 1)
    run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine)
    assert len(started) == 2


# Going on.


def test_a_finished_batch_does_nothing_again(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = [*jobs_of([str(clips)])[0][:3], VideoJob(str(tmp_path / "missing.mp4"))]
    first = run(tmp_path / "out", jobs, setup)
    before = begun(setup), (tmp_path / "out" / "manifest.jsonl").read_bytes()
    assert run(tmp_path / "out", jobs, setup) == first
    assert (begun(setup), (tmp_path / "out" / "manifest.jsonl").read_bytes()) == before


def test_failed_videos_are_tried_again_on_request_only(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    missing = tmp_path / "late.mp4"
    jobs = [VideoJob(str(clips / "clip-0.mp4")), VideoJob(str(missing))]
    assert run(tmp_path / "out", jobs, setup).statuses["failed"] == 1
    shutil.copy(clips / "clip-1.mp4", missing)
    assert run(tmp_path / "out", jobs, setup).statuses["failed"] == 1
    summary = run(tmp_path / "out", jobs, setup, retry_failed=True)
    assert (summary.statuses["done"], summary.statuses["failed"], summary.reasons) == (2, 0, {})


def test_a_longer_list_goes_on_with_what_is_new(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0]
    run(tmp_path / "out", jobs[:2], setup)
    assert run(tmp_path / "out", jobs[:4], setup).statuses["done"] == 4
    assert set(begun(setup).values()) == {1}


def lost_answer(out: Path) -> None:
    next((out / "answers").rglob("*.json")).unlink()


def empty_answer(out: Path) -> None:
    # What a power cut may leave of a file that was renamed.
    next((out / "answers").rglob("*.json")).write_bytes(b"")


def cut_manifest(out: Path) -> None:
    content = (out / "manifest.jsonl").read_bytes()
    (out / "manifest.jsonl").write_bytes(content[:-20])


@pytest.mark.parametrize("damage", [lost_answer, empty_answer, cut_manifest])
def test_what_is_not_whole_is_done_again_and_nothing_else(
    clips: Path, tmp_path: Path, setup: PoisonSetup, damage: Callable[[Path], None]
) -> None:
    jobs = jobs_of([str(clips)])[0][:3]
    first = run(tmp_path / "out", jobs, setup)
    damage(tmp_path / "out")
    again = run(tmp_path / "out", jobs, setup)
    assert again.statuses == first.statuses and again.events == first.events
    assert sorted(begun(setup).values()) == [1, 1, 2]


@pytest.mark.parametrize(
    "change",
    [{"labels": ("rain",)}, {"settings": Settings.practical(decay=1.0)}, {"limits": media.Limits(streams=9)}],
    ids=lambda change: next(iter(change)),
)
def test_another_fingerprint_is_refused_and_restarted_on_request(
    clips: Path, tmp_path: Path, setup: PoisonSetup, change: dict[str, Any]
) -> None:
    jobs = jobs_of([str(clips)])[0][:1]
    run(tmp_path / "out", jobs, setup)
    other = replace(setup, **change)
    with pytest.raises(UsageError, match=f"was made with other {next(iter(change))}.*--restart"):
        run(tmp_path / "out", jobs, other)
    run(tmp_path / "out", jobs, other, restart=True)
    [manifest] = read_batch(tmp_path / "out")
    assert manifest.fingerprint["labels"] == list(other.labels)


def test_one_process_runs_a_batch_at_a_time(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0][:1]

    def second(*_: object) -> None:
        with pytest.raises(UsageError, match="another process runs the batch"):
            run(tmp_path / "out", jobs, setup)

    run(tmp_path / "out", jobs, setup, progress=second)


def test_a_folder_with_something_else_is_refused(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.jsonl").write_text("my notes\n")
    with pytest.raises(UsageError, match="is no manifest of a batch"):
        run(tmp_path / "out", jobs_of([str(clips)])[0][:1], setup)
    with pytest.raises(UsageError, match="there is no batch"):
        read_batch(tmp_path)


# Disks.


def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0][:4]
    setup = replace(setup, store=None)
    with no_file_larger_than(6000), pytest.raises(OutputRefused, match="make room, then give the same command again"):
        run(tmp_path / "out", jobs, setup)
    assert run(tmp_path / "out", jobs, setup).statuses["done"] == 4
    lines = [line for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines() if line.endswith("}")]
    done = Counter(json.loads(line)["key"] for line in lines[1:] if '"done"' in line)
    assert set(done.values()) == {1} and len(done) == 4


def test_a_store_that_cannot_be_written_is_a_warning(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    (tmp_path / "store").write_text("no folder")
    assert run(tmp_path / "out", jobs_of([str(clips)])[0][:1], setup).statuses["done"] == 1
    [row] = table(tmp_path / "out" / "videos.parquet")
    assert any("cannot write into the store" in each for each in row["warnings"])


def test_two_batches_share_a_store(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0][:4]
    engines = [ProcessEngine(setup, LIMITS, 1) for _ in range(2)]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", BATCH, str(clips), str(tmp_path / name), str(tmp_path / "store"), "4", "0"]
        )
        for name in ("one", "two")
    ]
    assert [each.wait(timeout=100) for each in runs] == [0, 0]
    assert len(list((tmp_path / "store").rglob("*.safetensors"))) == len(jobs)
    answers = [sorted(p.read_text() for p in (tmp_path / name / "answers").rglob("*.json")) for name in ("one", "two")]
    assert answers[0] == answers[1] and len(answers[0]) == 4
    assert engines


def test_a_clock_that_jumps_changes_nothing(
    clips: Path, tmp_path: Path, setup: PoisonSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(10**9, 0, -(10**5)))
    monkeypatch.setattr(time, "time", lambda: float(next(times)))
    summary = run(tmp_path / "out", jobs_of([str(clips)])[0][:3], setup)
    assert summary.statuses["done"] == 3 and 0 <= summary.worker_seconds < 60


# Shards.


def test_shards_are_merged_from_one_folder_or_from_several(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0]
    for number in (1, 2):
        run(tmp_path / "together", jobs, setup, shard=(number, 2))
        run(tmp_path / f"apart-{number}", jobs, setup, shard=(number, 2))
    assert summary_of(read_batch(tmp_path / "together")).statuses["done"] == len(jobs)
    one = merge([tmp_path / "together"], tmp_path / "together")
    two = merge([tmp_path / "apart-1", tmp_path / "apart-2"], tmp_path / "whole")
    assert one.statuses == two.statuses and one.statuses["done"] == len(jobs) and one.events == two.events
    tables = [table(tmp_path / name / "events.parquet") for name in ("together", "whole")]
    assert sorted(map(str, tables[0])) == sorted(map(str, tables[1])) and len(tables[0]) == one.events
    assert all(
        read_batch(tmp_path / "whole")[0].is_whole(each) for each in read_batch(tmp_path / "whole")[0].records.values()
    )
    # A merged batch is one that goes on.
    before = begun(setup)
    assert run(tmp_path / "whole", jobs, setup).statuses["done"] == len(jobs)
    assert begun(setup) == before


def test_shards_of_different_labels_are_not_merged(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0][:1]
    run(tmp_path / "one", jobs, setup)
    run(tmp_path / "two", jobs, replace(setup, labels=("rain",)))
    with pytest.raises(UsageError, match="was made with other labels than"):
        merge([tmp_path / "one", tmp_path / "two"], tmp_path / "whole")


# Workers that cannot start.


def test_a_worker_that_cannot_load_its_models_ends_the_run(tmp_path: Path, setup: PoisonSetup) -> None:
    with pytest.raises(UnknownName, match="unknown backbone"):
        run(tmp_path / "out", [VideoJob("/a.mp4")], replace(setup, backbone="minni"))


class DeadSetup(WorkerSetup):
    """A worker that dies before it begins."""

    def worker(self) -> VideoWorker:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().worker()


def test_a_worker_that_dies_while_it_starts_ends_the_run() -> None:
    worker = IsolatedWorker(DeadSetup(LABELS, Settings(), "mini"), LIMITS)
    with pytest.raises(BrokenPlugin, match="a worker was killed by signal 9"):
        _ = worker.info


@dataclass(frozen=True)
class KilledOnceSetup(WorkerSetup):
    """A worker that is killed the first time that it loads its models."""

    mark: Path = Path()

    def worker(self) -> VideoWorker:
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().worker()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_while_it_loads_is_started_again_with_its_job(
    clips: Path, tmp_path: Path, workers: int
) -> None:
    setup = KilledOnceSetup(LABELS, Settings(), "mini", mark=tmp_path / "mark")
    jobs = jobs_of([str(clips)])[0][:2]
    engine = ProcessEngine(setup, LIMITS, workers)
    statuses = run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, engine).statuses
    assert setup.mark.exists()
    assert (statuses["done"], statuses["failed"]) == (2, 0)


class SlowToStart(WorkerSetup):
    """A worker whose models take longer to load than a video may take."""

    def worker(self) -> VideoWorker:
        time.sleep(1.5)
        return super().worker()


def test_a_job_may_be_given_while_models_load_and_its_time_counts_from_their_end(tmp_path: Path) -> None:
    worker = IsolatedWorker(SlowToStart(LABELS, Settings(), "mini"), WorkerLimits(seconds=1.5))
    try:
        began = time.monotonic()
        worker.begin(VideoJob(str(tmp_path / "missing.mp4")))
        assert time.monotonic() - began < 1.0
        assert worker.outcome() is None
        assert worker.wait_seconds() > 0.5
        while (outcome := worker.outcome()) is None:
            worker.connection.poll(worker.wait_seconds())
        assert outcome.code == "E_NO_SUCH_FILE"
    finally:
        worker.close()


def test_a_killed_worker_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    worker = IsolatedWorker(KilledWhileItFetches(LABELS, Settings(), "mini"), LIMITS)
    assert worker.answer(VideoJob("/self.mp4")).code == "E_WORKER_DIED"
    assert list(tmp_path.iterdir()) == []


KILLED_PARENT = """
from av2a.corpora.isolation import IsolatedWorker, WorkerLimits
from av2a.corpora.jobs import VideoJob
from av2a.settings import Settings
from tests.corpora.poison import KilledWhileItFetches

if __name__ == "__main__":
    IsolatedWorker(KilledWhileItFetches(("rain",), Settings(), "mini"), WorkerLimits()).answer(VideoJob("/parent.mp4"))
"""


def test_a_worker_whose_parent_is_killed_leaves_no_temporary_files(tmp_path: Path) -> None:
    script, temporary = tmp_path / "killed.py", tmp_path / "temporary"
    script.write_text(KILLED_PARENT, encoding="utf-8")
    temporary.mkdir()
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, str(script)], env=variables, check=False, timeout=180)
    assert done.returncode == -signal.SIGKILL
    until = time.monotonic() + 60
    while list(temporary.iterdir()) and time.monotonic() < until:
        time.sleep(0.1)
    assert list(temporary.iterdir()) == []


# The manifest.


def test_the_manifest_says_what_every_video_is_doing(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    seen: list[Counter[JobStatus]] = []
    jobs = jobs_of([str(clips)])[0][:3]

    def look(*_: object) -> None:
        [manifest] = read_batch(tmp_path / "out")
        seen.append(manifest.counts())

    run(tmp_path / "out", jobs, setup, progress=look, skipped=[SkippedRow("x", "the row has no path")])
    assert seen[0] == {JobStatus.WAITING: 3, JobStatus.SKIPPED: 1}
    assert [each[JobStatus.DONE] for each in seen] == [0, 1, 2, 3]
    statuses = [line["status"] for line in manifest_lines(tmp_path / "out")[1:]]
    assert Counter(statuses) == {"waiting": 3, "running": 3, "done": 3, "skipped": 1}


class LateEngine:
    """Answers in this process, and reports each beginning after the end, as Ray may."""

    def __init__(self, setup: WorkerSetup) -> None:
        self.worker = setup.worker()

    def prepare(self, videos: int) -> BackboneInfo:
        return self.worker.info

    def run(self, jobs: Iterable[VideoJob], begun: Begun, *, alone: bool = False) -> Iterator[VideoOutcome]:
        for job in jobs:
            yield self.worker.answer(job)
            begun(job)

    def close(self) -> None:
        pass


def test_a_beginning_that_is_reported_late_undoes_no_end(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = [VideoJob(str(clips / "clip-0.mp4")), VideoJob(str(tmp_path / "missing.mp4"))]
    for _ in range(2):
        summary = run_batch(BatchFolder(tmp_path / "out"), jobs, [], setup, LateEngine(setup), retry_failed=True)
        assert (summary.statuses["done"], summary.statuses["failed"]) == (1, 1)


def test_a_manifest_is_read_after_any_cut(clips: Path, tmp_path: Path, setup: PoisonSetup) -> None:
    jobs = jobs_of([str(clips)])[0][:2]
    run(tmp_path / "out", jobs, setup)
    content = (tmp_path / "out" / "manifest.jsonl").read_bytes()
    first = content.index(b"\n") + 1
    for stop in range(first, len(content), 37):
        (tmp_path / "cut.jsonl").write_bytes(content[:stop])
        manifest = Manifest.read(tmp_path / "cut.jsonl")
        assert manifest.fingerprint and len(manifest.records) <= 2
        manifest.write([{"key": "more", "path": "/m", "status": "waiting"}])
        assert Manifest.read(tmp_path / "cut.jsonl").records["more"].status is JobStatus.WAITING


# Kills. benchmarks/corpora_kills.py kills each engine twenty times on sixty clips.

BATCH = """
import sys
from pathlib import Path
from av2a.corpora.batch import BatchFolder, run_batch
from av2a.corpora.isolation import WorkerLimits
from av2a.corpora.jobs import jobs_of
from av2a.corpora.processes import ProcessEngine
from av2a.settings import Settings
from tests.corpora.poison import PoisonSetup

clips, out, store, count, seconds = sys.argv[1:]
setup = PoisonSetup(("dog barking", "church bell", "siren"), Settings(), "mini", store=Path(store), least_seconds=float(seconds))
jobs = jobs_of([clips])[0][: int(count)]
if __name__ == "__main__":
    run_batch(BatchFolder(Path(out)), jobs, [], setup, ProcessEngine(setup, WorkerLimits(seconds=60.0), 2))
"""


def test_a_batch_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice(
    clips: Path, tmp_path: Path, mini: Detector
) -> None:
    rng = random.Random(5)
    out, manifest = tmp_path / "out", tmp_path / "out" / "manifest.jsonl"
    command = [sys.executable, "-c", BATCH, str(clips), str(out), str(tmp_path / "store"), "8", "0.3"]
    for _ in range(4):
        before = manifest.stat().st_size if manifest.exists() else 0
        ran = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while ran.poll() is None and time.monotonic() < deadline:
            if manifest.exists() and manifest.stat().st_size > before:
                break
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.6))
        ran.kill()
        ran.wait()
    assert subprocess.run(command, timeout=100, check=False).returncode == 0
    lines = [json.loads(line) for line in manifest.read_text().splitlines() if line.endswith("}")]
    done = Counter(line["key"] for line in lines[1:] if line["status"] == "done")
    jobs = {job.key: job for job in jobs_of([str(clips)])[0]}
    assert done == Counter(dict.fromkeys(jobs, 1))
    answers = {path.stem: path.read_text() for path in (out / "answers").rglob("*.json")}
    assert answers == {key: dumps(mini(Path(job.path), LABELS)) for key, job in jobs.items()}
    assert {row["status"] for row in table(out / "videos.parquet")} == {"done"}
