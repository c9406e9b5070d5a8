"""Checks and writes the files that a user asks for; each appears whole or not at all."""

import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from av2a import atomic
from av2a.errors import OutputRefused, UnknownName, one_line


def check_file(path: Path, endings: Iterable[str], *, overwrite: bool = False) -> None:
    """Refuses a destination that :func:`write_whole` would refuse, before any work is done for it.

    Raises:
        UnknownName: the ending is none of ``endings``.
        OutputRefused: the destination cannot be written, or exists and ``overwrite`` is not set.
    """
    ending = ending_of(path, endings)
    if ending not in endings:
        raise UnknownName.among("output ending", ending, endings)
    try:
        _check_destination(path, overwrite)
        _check_folder(path)
    except (OSError, ValueError) as refusal:
        raise _cannot_write(path, refusal) from refusal


def ending_of(path: Path, endings: Iterable[str]) -> str:
    """The longest of ``endings`` that the file's name has, else its suffix.

    >>> ending_of(Path("a.selections.txt"), [".txt", ".selections.txt"]), ending_of(Path("a.b"), [".txt"])
    ('.selections.txt', '.b')
    """
    name = path.name.lower()
    known = [ending for ending in endings if name.endswith(ending) and name != ending]
    return max(known, key=len, default=path.suffix.lower())


def write_whole(path: Path, content: bytes | Callable[[Path], None], *, overwrite: bool = True) -> None:
    """Writes ``content``, or has it fill a file of the same ending, and moves that to ``path``; missing folders are made.

    Raises:
        OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.whole_file(path, overwrite=overwrite) as partial:
            if isinstance(content, bytes):
                partial.write_bytes(content)
            else:
                content(partial)
    except FileExistsError as taken:
        raise (_exists(path) if path.exists() else _cannot_write(path, taken)) from taken
    except OSError as refusal:
        raise _cannot_write(path, refusal) from refusal


def _check_destination(path: Path, overwrite: bool) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    shown = one_line(str(path), 200)
    if stat.S_ISDIR(mode):
        raise OutputRefused(f"output {shown!r} is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise OutputRefused(f"output {shown!r} is not a regular file: choose another name")
    if not overwrite:
        raise _exists(path)


def _check_folder(path: Path) -> None:
    # Missing folders are made when the file is written, so the nearest one that exists decides.
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir():
        raise OutputRefused(
            f"{one_line(str(folder), 200)!r} is not a folder: choose another place for {one_line(path.name)!r}"
        )
    # Only trying shows it: permission bits do not tell of read-only mounts, access lists and full disks.
    probe = folder / f".av2a-{secrets.token_hex(8)}.part"
    try:
        probe.touch(exist_ok=False)
    finally:
        probe.unlink(missing_ok=True)


def _exists(path: Path) -> OutputRefused:
    shown = one_line(str(path), 200)
    return OutputRefused(f"output {shown!r} is already there: choose another name, or ask for it with --overwrite")


def _cannot_write(path: Path, refusal: Exception) -> OutputRefused:
    reason = refusal.strerror if isinstance(refusal, OSError) and refusal.strerror else str(refusal)
    return OutputRefused(f"cannot write {one_line(str(path), 200)!r} ({one_line(reason)}): choose another place")
