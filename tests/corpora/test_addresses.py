"""Videos at addresses are fetched, answered, and known by their addresses."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from av2a.corpora.addresses import fetched
from av2a.corpora.jobs import VideoJob, jobs_of
from av2a.corpora.library import Library
from av2a.corpora.worker import VideoWorker, WorkerSetup
from av2a.detector import Detector
from av2a.errors import MissingFile, TooLarge
from av2a.media import Limits
from av2a.settings import Settings


@pytest.fixture
def bucket(clips: Path) -> Iterator[str]:
    """Two clips in fsspec's memory."""
    system = fsspec.filesystem("memory")
    for number in (2, 3):
        system.pipe(f"/bucket/clip-{number}.mp4", (clips / f"clip-{number}.mp4").read_bytes())
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def test_a_pattern_at_an_address_gives_addresses(bucket: str) -> None:
    jobs, _ = jobs_of([f"{bucket}/*.mp4"])
    assert [job.path for job in jobs] == ["memory:///bucket/clip-2.mp4", "memory:///bucket/clip-3.mp4"]
    with pytest.raises(MissingFile, match="no file is at"):
        jobs_of([f"{bucket}/*.mkv"])


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_video_at_an_address_is_answered_as_the_file_itself_and_known_by_its_address(
    kind: str, bucket: str, clips: Path, tmp_path: Path, mini: Detector
) -> None:
    address = f"{bucket}/clip-2.mp4" if kind == "memory" else f"file://{clips / 'clip-2.mp4'}"
    worker = VideoWorker(WorkerSetup(("church bell",), Settings(), "mini", store=tmp_path / "store"))
    job = VideoJob(address)
    local = VideoJob(str(clips / "clip-2.mp4"))
    outcome = worker.answer(job)
    assert outcome.code is None and outcome.answer == worker.answer(local).answer
    # The same content: embedded once.
    assert len(list((tmp_path / "store").rglob("*.safetensors"))) == 1
    library = Library(tmp_path / "store", Detector(mini.backbone))
    assert [each.path for each in library.videos()] == [address, local.path]
    found = {hit.path: hit.file for hit in library.search("church bell").hits}
    assert found == {address: "not checked", local.path: "unchanged"}


def test_a_copy_is_gone_when_it_is_not_needed_any_more(bucket: str) -> None:
    with fetched(f"{bucket}/clip-3.mp4", 10**9) as copy:
        assert copy.name == "clip-3.mp4" and copy.stat().st_size > 1000
    assert not copy.parent.exists()


@pytest.mark.parametrize(
    ("address", "code"),
    [("memory://bucket/missing.mp4", "E_NO_SUCH_FILE"), ("nonsense://x/y.mp4", "E_NO_SUCH_FILE")],
)
def test_an_address_without_a_file_is_that_video_s_failure(bucket: str, address: str, code: str) -> None:
    worker = VideoWorker(WorkerSetup(("rain",), Settings(), "mini"))
    outcome = worker.answer(VideoJob(address))
    assert outcome.code == code and address in str(outcome.error)


def test_what_is_too_large_is_not_fetched(bucket: str) -> None:
    with pytest.raises(TooLarge, match="raise --limit file_bytes"), fetched(f"{bucket}/clip-3.mp4", 100):
        pass
    worker = VideoWorker(WorkerSetup(("rain",), Settings(), "mini", limits=Limits(file_bytes=100)))
    assert worker.answer(VideoJob(f"{bucket}/clip-3.mp4")).code == "E_MEDIA_LIMIT"
