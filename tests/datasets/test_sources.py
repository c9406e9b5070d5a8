"""Annotation files brought from their repositories: what arrives is what was published, or nothing does."""

import hashlib
import socket
from pathlib import Path

import pytest

from av2a.datasets.sources import SOURCES, AnnotationSource, PublishedFile, Way, bring
from av2a.errors import DataUnavailable, OutputRefused, UnknownName, UsageError
from tests.datasets.small_server import SmallServer

FILES = {"one.csv": b"first\nfile\n", "two.csv": b"second\n"}
OTHER_EDITION = b"2nd\n"


def published(name: str, *others: bytes) -> PublishedFile:
    content = FILES[name]
    digests = tuple(hashlib.sha256(other).hexdigest() for other in others)
    return PublishedFile(name, len(content), hashlib.sha256(content).hexdigest(), digests)


SMALL = AnnotationSource(
    "owner/name", ("abc123", "main"), "data", (published("one.csv"), published("two.csv", OTHER_EDITION))
)


def served(revision: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"/owner/name/{revision}/data/{name}": content for name, content in files.items()}


@pytest.fixture(autouse=True)
def small_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark of two small files."""
    monkeypatch.setitem(SOURCES, "small", SMALL)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> "Use":
    return Use(monkeypatch)


class Use:
    """Fetch from a server instead of the network."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, url: str) -> None:
        self.monkeypatch.setenv("AV2A_RAW_GITHUB", url)


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_fetched_once_and_then_kept(tmp_path: Path, use: Use) -> None:
    told: list[tuple[int, int]] = []
    with SmallServer(served("abc123", FILES)) as server:
        use(server.url + "/")
        ways = [each.way for each in bring("small", to=tmp_path / "new", progress=lambda *how: told.append(how))]
        again = [each.way for each in bring("small", to=tmp_path / "new")]
        assert len(server.asked) == 2
    assert (ways, again) == ([Way.FETCHED] * 2, [Way.KEPT] * 2)
    assert written(tmp_path / "new") == FILES
    assert told == [(1, 2), (2, 2)]


def test_a_damaged_file_that_is_there_is_fetched_anew(tmp_path: Path, use: Use) -> None:
    (tmp_path / "one.csv").write_bytes(b"first\n")
    with SmallServer(served("abc123", FILES)) as server:
        use(server.url)
        assert [each.way for each in bring("small", to=tmp_path)] == [Way.FETCHED, Way.FETCHED]
    assert written(tmp_path) == FILES


def test_the_branch_is_asked_when_the_commit_is_not_known(tmp_path: Path, use: Use) -> None:
    with SmallServer(served("main", FILES)) as server:
        use(server.url)
        bring("small", to=tmp_path)
    assert written(tmp_path) == FILES


def test_another_edition_that_says_the_same_is_taken(tmp_path: Path, use: Use) -> None:
    with SmallServer(served("abc123", FILES | {"two.csv": OTHER_EDITION})) as server:
        use(server.url)
        bring("small", to=tmp_path)
    assert written(tmp_path) == FILES | {"two.csv": OTHER_EDITION}


@pytest.mark.parametrize(
    ("wrong", "size"), [(b"SECOND\n", "7 bytes"), (b"second\nand more\n", "more than 7 bytes"), (b"", "0 bytes")]
)
def test_a_file_that_is_not_the_published_one_is_refused_and_not_written(
    tmp_path: Path, use: Use, wrong: bytes, size: str
) -> None:
    with SmallServer(served("abc123", FILES | {"two.csv": wrong})) as server:
        use(server.url)
        with pytest.raises(DataUnavailable, match=rf"cannot fetch two\.csv .*not the published file, {size}, SHA-256"):
            bring("small", to=tmp_path)
    assert written(tmp_path) == {"one.csv": FILES["one.csv"]}, "what was done is kept, and no half file is left"


def test_a_transfer_that_breaks_off_is_refused(tmp_path: Path, use: Use) -> None:
    with SmallServer(served("abc123", FILES), cut_bytes=3) as server:
        use(server.url)
        with pytest.raises(DataUnavailable, match=r"cannot fetch one\.csv"):
            bring("small", to=tmp_path)
    assert written(tmp_path) == {}


def test_a_file_that_is_not_at_its_address_is_named_with_it(tmp_path: Path, use: Use) -> None:
    with SmallServer({}) as server:
        use(server.url)
        with pytest.raises(DataUnavailable, match=r"owner/name/abc123/data/one\.csv: 404 .*main/data/one\.csv: 404"):
            bring("small", to=tmp_path)


def test_without_a_network_one_line_says_the_ways_out(tmp_path: Path, use: Use) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        use(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(DataUnavailable) as refused:
            bring("small", to=tmp_path)
    assert refused.value.exit_status == 3
    line = str(refused.value)
    assert "\n" not in line and "refused" in line
    for way in ("connect", "av2a data fetch small --from DIR", "one.csv, two.csv", "github.com/owner/name"):
        assert way in line


def test_other_kinds_of_address_are_refused(tmp_path: Path, use: Use) -> None:
    use("file:///etc")
    with pytest.raises(UsageError, match="must begin with https:// or http://"):
        bring("small", to=tmp_path)


# From a folder.


def test_files_are_copied_from_a_folder_or_a_checkout_whatever_their_line_ends(tmp_path: Path) -> None:
    (tmp_path / "checkout" / "data").mkdir(parents=True)
    (tmp_path / "checkout" / "one.csv").write_bytes(FILES["one.csv"].replace(b"\n", b"\r\n"))
    (tmp_path / "checkout" / "data" / "two.csv").write_bytes(FILES["two.csv"])
    ways = [each.way for each in bring("small", to=tmp_path / "to", folder=tmp_path / "checkout")]
    assert ways == [Way.COPIED] * 2
    assert written(tmp_path / "to") == FILES


def test_another_file_in_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_bytes(b"an older edition\n")
    with pytest.raises(
        DataUnavailable, match=r"one\.csv is not the published file \(more than 11 bytes.*--annotations"
    ):
        bring("small", to=tmp_path / "to", folder=tmp_path)


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"no one\.csv in .*with one\.csv, two\.csv"):
        bring("small", to=tmp_path / "to", folder=tmp_path / "absent")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputRefused, match=r"cannot write .*one\.csv .*--to"):
        bring("small", to=tmp_path / "file", folder=tmp_path)


def test_a_benchmark_without_published_files_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown benchmark 'llpp': did you mean 'llp'"):
        bring("llpp", to=tmp_path)


# The public ones.


@pytest.mark.parametrize("name", ["llp", "ave"])
def test_the_published_files_are_the_ones_that_are_known(shared: Path, tmp_path: Path, name: str) -> None:
    brought = bring(name, to=tmp_path, folder=shared / "annotations" / name)
    assert {each.way for each in brought} == {Way.COPIED}
    for file in SOURCES[name].files:
        assert (tmp_path / file.name).stat().st_size == file.size_bytes


def test_ave_without_its_header_is_known_too(shared: Path, tmp_path: Path) -> None:
    for file in SOURCES["ave"].files:
        content = (shared / "annotations" / "ave" / file.name).read_bytes()
        if file.name == "Annotations.txt":
            content = content.partition(b"\n")[2]
        (tmp_path / file.name).write_bytes(content)
    assert len(bring("ave", to=tmp_path / "to", folder=tmp_path)) == 4
