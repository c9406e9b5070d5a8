"""Events written for other people's tools, one file a format.

The ending of the output's name says which. Every output is written beside its place and moved there when it is whole, so
that no reader ever meets half a file.
"""

import os
import secrets
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from av2a.errors import MissingDependency, OutputRefused, UnknownName, one_line
from av2a.records import Detection, Event

WRITERS: dict[str, str] = {
    ".json": "av2a.formats.json",
    ".csv": "av2a.formats.csv",
    ".vtt": "av2a.formats.webvtt",
    ".png": "av2a.figures.timeline",
    ".svg": "av2a.figures.timeline",
    ".html": "av2a.figures.report",
}
"""The module that writes each ending. It is imported when it is used: pictures need a library that texts do not."""

_NEEDED_LIBRARY = {".png": "matplotlib", ".svg": "matplotlib"}


class Writer(Protocol):
    """What a module in ``WRITERS`` offers."""

    def write(self, detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
        """``detection`` into the file ``path``, whose ending is one of this module's; ``truth`` where the format shows it."""
        ...


def write(detection: Detection, path: Path, *, overwrite: bool = False, truth: Sequence[Event] = ()) -> None:
    """``detection`` in the format that the ending of ``path`` asks for; ``truth`` is drawn where the format draws.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the place cannot be written, or is taken and ``overwrite`` is not set.
        MissingDependency: the format needs a library that is not installed.
    """
    check_output(path, overwrite=overwrite)
    writer = cast(Writer, import_module(WRITERS[path.suffix.lower()]))
    part = _part(path)
    try:
        writer.write(detection, part, truth)
        os.replace(part, path)
    except OSError as refusal:
        raise _cannot_write(path, refusal) from refusal
    finally:
        part.unlink(missing_ok=True)


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Refuse an output that :func:`write` would refuse, before any work is done for it.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the place cannot be written, or is taken and ``overwrite`` is not set.
        MissingDependency: the format needs a library that is not installed.
    """
    ending = path.suffix.lower()
    if ending not in WRITERS:
        raise UnknownName.among("output ending", ending, WRITERS)
    try:
        _check_place(path, overwrite)
        _check_folder(path)
    except (OSError, ValueError) as refusal:
        raise _cannot_write(path, refusal) from refusal
    library = _NEEDED_LIBRARY.get(ending)
    if library is not None and find_spec(library) is None:
        raise MissingDependency(f"output ending {ending!r} needs {library!r}: pip install 'av2a[plots]'")


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
