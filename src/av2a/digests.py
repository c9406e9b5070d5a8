"""Digests of a file: SHA-256, and Git's of a blob; and the identity that shows whether a file was replaced or changed."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from av2a.errors import FileChanged, MissingFile, one_line


@dataclass(frozen=True)
class FileIdentity:
    """The attributes of a file that change when it is replaced or written to."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileIdentity":
        """The identity of the file with this status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def require_unchanged(file: Path, identity: FileIdentity | None) -> None:
    """Check that ``file`` is still the one with this identity; None allows any file.

    Raises:
        MissingFile: there is no such file any more.
        FileChanged: it was replaced or changed.
    """
    if identity is None:
        return
    try:
        status = file.stat()
    except FileNotFoundError as missing:
        shown = repr(one_line(str(file), longest=200))
        raise MissingFile(f"no such file: {shown}; check the name") from missing
    if FileIdentity.of(status) != identity:
        shown = repr(one_line(str(file), longest=200))
        raise FileChanged(f"{shown} was replaced or changed after it was opened: run again when nothing writes to it")


def sha256(file: Path, identity: FileIdentity | None = None) -> str:
    """The SHA-256 of a file's bytes.

    Raises:
        MissingFile, FileChanged: the file is not the one with ``identity``, before or after it was read.
    """
    require_unchanged(file, identity)
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    require_unchanged(file, identity)
    return digest


def has_digest(file: Path, digest: str) -> bool:
    """Whether a file's bytes have this digest: a SHA-256, or the SHA-1 by which Git names a blob.

    Git's is no protection against malice, but these files are small and plain text.
    """
    if len(digest) == 64:
        return sha256(file) == digest
    start = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: start).hexdigest() == digest
