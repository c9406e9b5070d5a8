"""Outputs that appear whole or not at all: written beside their place and moved there, so that no reader ever meets half a file."""

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from av2a.errors import OutputRefused, UnknownName, one_line


def check_file(path: Path, endings: Iterable[str], *, overwrite: bool = False) -> None:
    """Refuse a place that :func:`write_whole` would refuse, before any work is done for it.

    Raises:
        UnknownName: the ending is none of ``endings``.
        OutputRefused: the place cannot be written, or is taken and ``overwrite`` is not set.
    """
    ending = path.suffix.lower()
    if ending not in endings:
        raise UnknownName.among("output ending", ending, endings)
    try:
        _check_place(path, overwrite)
        _check_folder(path)
    except (OSError, ValueError) as refusal:
        raise _cannot_write(path, refusal) from refusal


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` fill a file beside ``path``, of the same ending, and move it there.

    Raises:
        OutputRefused: the place cannot be written.
    """
    part = _part(path)
    try:
        write(part)
        os.replace(part, path)
    except OSError as refusal:
        raise _cannot_write(path, refusal) from refusal
    finally:
        part.unlink(missing_ok=True)


def _check_place(path: Path, overwrite: bool) -> None:
    shown = one_line(str(path))
    if path.is_dir():
        raise OutputRefused(f"output {shown!r} is a folder: name a file in it")
    if not path.exists():
        return
    if not path.is_file():
        raise OutputRefused(f"output {shown!r} is not a regular file: choose another name")
    if not overwrite:
        raise OutputRefused(f"output {shown!r} is already there: choose another name, or ask for it with --overwrite")


def _check_folder(path: Path) -> None:
    folder = path.parent
    shown = one_line(str(folder))
    if not folder.exists():
        raise OutputRefused(f"folder {shown!r} does not exist: create it first, or choose another")
    if not folder.is_dir():
        raise OutputRefused(f"{shown!r} is not a folder: choose another place for {one_line(path.name)!r}")
    # Only trying tells: permission bits know nothing of read-only mounts, access lists and full disks.
    probe = _part(path)
    try:
        probe.touch(exist_ok=False)
    finally:
        probe.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """A new name beside ``path``, on the same file system and with the same ending."""
    return path.with_name(f".av2a-{secrets.token_hex(6)}.part{path.suffix.lower()}")


def _cannot_write(path: Path, refusal: Exception) -> OutputRefused:
    reason = refusal.strerror if isinstance(refusal, OSError) and refusal.strerror else str(refusal)
    return OutputRefused(f"cannot write {one_line(str(path))!r} ({one_line(reason)}): choose another place")
