"""Downloads the annotation files of the public benchmarks, or copies them from a folder; either way their SHA-256 is checked.

No video is downloaded.
"""

import hashlib
import http.client
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from av2a import atomic
from av2a.errors import DataUnavailable, OutputRefused, UnknownName, UsageError, one_line
from av2a.paths import data_folder

ADDRESS = "https://raw.githubusercontent.com"
ADDRESS_VARIABLE = "AV2A_RAW_GITHUB"
"""Another address that serves ``/owner/name/revision/path``: a mirror."""

TIMEOUT_SECONDS = 30.0

Progress = Callable[[int, int], None]
"""Called with how many files are there, and how many there will be."""


@dataclass(frozen=True)
class PublishedFile:
    """A file as it was published."""

    name: str
    size_bytes: int
    sha256: str
    others: tuple[str, ...] = ()
    """SHA-256 of other editions with the same content."""

    def is_whole(self, content: bytes) -> bool:
        """Whether this is the file."""
        return hashlib.sha256(content).hexdigest() in (self.sha256, *self.others)


@dataclass(frozen=True)
class AnnotationSource:
    """A benchmark's files in a public repository."""

    repository: str
    revisions: tuple[str, ...]
    """Tried in this order: the commit that the files were taken from, then the branch that should still have them."""
    folder: str
    files: tuple[PublishedFile, ...]

    def address(self, file: PublishedFile, revision: str) -> str:
        """Where a file lies, without the host."""
        return f"{self.repository}/{revision}/{self.folder}/{file.name}"


SOURCES = {
    "llp": AnnotationSource(
        "YapengTian/AVVP-ECCV20",
        ("fde5611", "master"),
        "data",
        (
            PublishedFile("AVVP_train.csv", 341164, "bbeb83e8af46a85075216b213d3464f92dd4ab71468c852ae454b82cc745c0a4"),
            PublishedFile("AVVP_val_pd.csv", 23349, "1811813b54c5f43c3be0a97bd0971cfb8a93818ca7b3ab96cdc7f4ac37ef37a6"),
            PublishedFile(
                "AVVP_test_pd.csv", 43014, "3f7a2b040e3b67c15d08efef25002bf8c5b2320f11049eb99ae0eb2d62f8eb9b"
            ),
            # As corrected in April 2024; the older edition has 134360 bytes and three rows with broken names.
            PublishedFile(
                "AVVP_eval_audio.csv", 134355, "d5435664668bec6e7eafb39059d2f424ed2682f6b55395262fc3cb691b7d0778"
            ),
            PublishedFile(
                "AVVP_eval_visual.csv", 83874, "e2274af694f3f27e38b840e0cd91a9d8d9ac85280f193e90828d26b22db69abe"
            ),
        ),
    ),
    "ave": AnnotationSource(
        "haoyi-duan/DG-SCT",
        ("6e8efa22e58e3b6d608e80239bc2d7d97eb42617", "main"),
        "data/AVE",
        (
            PublishedFile(
                "Annotations.txt",
                144330,
                "b0aabcea3281abb4c884e19ad4ff90314b199bea4742efe8556585a18f1396e7",
                # The same rows without their header, as the original repository has them.
                ("0d24a9ec5cd4ceb779ebd83d74e83ec8e55c5e468cede3f320fb57346c9dd321",),
            ),
            PublishedFile("trainSet.txt", 116313, "4f6c37aff56d4a3407f8beff47ca59dcefb8e94b3e02bbc34b0c89b5cdad6945"),
            PublishedFile("valSet.txt", 13991, "76c3c51b67aacbbacd5708e17aab491638a5e9032f786adad1a13be55d9cb3ca"),
            PublishedFile("testSet.txt", 13983, "e73c25a509bb38a691c1e08064af66d0512554f2fbc883cddd6d2a51ede8449d"),
        ),
    ),
}
"""Neither repository states a licence for these files."""


class Way(Enum):
    """How a file came to be where it is."""

    KEPT = "kept"
    COPIED = "copied"
    FETCHED = "fetched"


@dataclass(frozen=True)
class Brought:
    """A file that is now complete in its place."""

    path: Path
    way: Way


def bring(
    name: str,
    *,
    to: Path | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> list[Brought]:
    """Have the annotation files of ``llp`` or ``ave`` in the folder ``to``, by default where they are looked for.

    A file that is there already is kept. Others are copied from ``folder`` if that is given, else fetched. Each is written whole or
    not at all, and only if its SHA-256 is that of the published file.

    Raises:
        UnknownName: there is no such benchmark.
        DataUnavailable: a file cannot be downloaded, or is not the published one.
        OutputRefused: it cannot be written.
    """
    if name not in SOURCES:
        raise UnknownName.among("benchmark", name, SOURCES)
    source, place = SOURCES[name], data_folder() / name if to is None else to
    brought: list[Brought] = []
    for file in source.files:
        brought.append(_brought(name, source, file, place, folder))
        if progress is not None:
            progress(len(brought), len(source.files))
    return brought


def _brought(name: str, source: AnnotationSource, file: PublishedFile, place: Path, folder: Path | None) -> Brought:
    path = place / file.name
    if path.is_file() and file.is_whole(path.read_bytes()):
        return Brought(path, Way.KEPT)
    content = _fetched(name, source, file) if folder is None else _found(source, file, folder)
    _write(path, content)
    return Brought(path, Way.FETCHED if folder is None else Way.COPIED)


def _found(source: AnnotationSource, file: PublishedFile, folder: Path) -> bytes:
    """The file from a folder, or from a checkout of its repository."""
    places = [folder / file.name, folder / source.folder / file.name]
    path = next((path for path in places if path.is_file()), None)
    if path is None:
        raise DataUnavailable(f"no {file.name} in {one_line(str(folder), 120)}: name the folder with {_names(source)}")
    # Git on Windows may have changed the line ends.
    content = path.read_bytes().replace(b"\r\n", b"\n")
    if not file.is_whole(content):
        raise DataUnavailable(
            f"{one_line(str(path), 120)} is not the published file ({_described(content, file)}): take it from "
            f"github.com/{source.repository}, folder {source.folder}; to use it all the same name its folder with --annotations"
        )
    return content


def _fetched(name: str, source: AnnotationSource, file: PublishedFile) -> bytes:
    reasons: list[str] = []
    for revision in source.revisions:
        address = f"{_host()}/{source.address(file, revision)}"
        try:
            content = _download(address, file.size_bytes)
        except HTTPError as refusal:
            refusal.close()
            reasons.append(f"{address}: {refusal.code} {refusal.reason}")
            continue
        except (OSError, http.client.HTTPException) as failure:
            reasons.append(f"{address}: {getattr(failure, 'reason', None) or failure}")
            break
        if file.is_whole(content):
            return content
        reasons.append(f"{address}: not the published file, {_described(content, file)}")
    raise DataUnavailable(
        f"cannot fetch {file.name} ({one_line('; '.join(reasons), 400)}): connect and run 'av2a data fetch {name}' again, or bring "
        f"{_names(source)} of github.com/{source.repository}, folder {source.folder}, here and run 'av2a data fetch {name} --from DIR'"
    )


def _host() -> str:
    host = os.environ.get(ADDRESS_VARIABLE, "").strip().rstrip("/") or ADDRESS
    # urllib would open file: as well.
    if not host.startswith(("https://", "http://")):
        raise UsageError(f"{ADDRESS_VARIABLE} must begin with https:// or http://, got {one_line(host)!r}: correct it")
    return host


def _download(address: str, size_bytes: int) -> bytes:
    with urlopen(Request(address, headers={"User-Agent": "av2a"}), timeout=TIMEOUT_SECONDS) as answer:
        # Whatever is sent, no more is taken than shows that it is another file.
        content: bytes = answer.read(size_bytes + 1)
        return content


def _described(content: bytes, file: PublishedFile) -> str:
    size = f"{len(content)} bytes" if len(content) <= file.size_bytes else f"more than {file.size_bytes} bytes"
    digest = hashlib.sha256(content).hexdigest()
    return f"{size}, SHA-256 {digest[:12]}…; expected {file.size_bytes} bytes, {file.sha256[:12]}…"


def _names(source: AnnotationSource) -> str:
    return ", ".join(file.name for file in source.files)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, content)
    except OSError as refusal:
        raise OutputRefused(
            f"cannot write {one_line(str(path), 120)} ({refusal.strerror or refusal}): choose another place with --to"
        ) from refusal
