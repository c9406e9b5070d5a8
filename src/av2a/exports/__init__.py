"""Output formats, one file each; the ending of the output's name chooses the format.

Every output is written beside its destination and moved there when it is complete, so that no reader meets a part of a file.
"""

import codecs
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from av2a.errors import InvalidAnnotations, MissingDependency, MissingFile, OutputRefused, UnknownName, one_line
from av2a.exports.fields import utf8
from av2a.exports.files import check_file, ending_of, write_whole
from av2a.exports.rows import EventRow
from av2a.installation import install_command
from av2a.plugins import Plugin, PluginKind, plugin_named
from av2a.types import Detection, Event

WRITERS: dict[str, str] = {
    ".json": "av2a.exports.json",
    ".csv": "av2a.exports.csv",
    ".vtt": "av2a.exports.webvtt",
    ".srt": "av2a.exports.srt",
    ".txt": "av2a.exports.audacity",
    ".eaf": "av2a.exports.elan",
    ".textgrid": "av2a.exports.textgrid",
    ".tsv": "av2a.exports.dcase",
    ".cvat.tsv": "av2a.exports.cvat",
    ".rttm": "av2a.exports.rttm",
    ".selections.txt": "av2a.exports.raven",
    ".activitynet.json": "av2a.exports.activitynet",
    ".png": "av2a.figures.timeline",
    ".svg": "av2a.figures.timeline",
    ".html": "av2a.figures.report",
}
"""The module that writes each ending. It is imported when it is used: pictures need a library that texts do not.

A module has ``write(detection, path, truth)``, or ``dumps(*detections)`` where its format is text. It may have
``event_rows(text, filename)``, which reads such a file.
"""

SEVERAL = (".csv", ".tsv", ".rttm", ".activitynet.json")
"""The formats that hold the answers for several videos in one file."""

LARGEST_FILE_BYTES = 200_000_000
"""Of a file that is read; a video given by mistake is mostly larger."""

_NEEDED_LIBRARY = {".png": "matplotlib", ".svg": "matplotlib"}


def write(
    detection: Detection, path: str | Path, *, overwrite: bool = False, truth: Sequence[Event] = (), ending: str = ""
) -> None:
    """Writes ``detection`` in the format that the ending of ``path`` names; ``truth`` is drawn where the format draws.

    ``ending`` names the format of a path that ends otherwise.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
        MissingDependency: the format needs a library that is not installed.
    """
    path = Path(path)
    ending = check_output(path, overwrite=overwrite, ending=ending)
    if ending in WRITERS:
        writer = import_module(WRITERS[ending])
        if hasattr(writer, "write"):
            write_whole(path, lambda partial: writer.write(detection, partial, truth), overwrite=overwrite)
        else:
            write_whole(path, utf8(writer.dumps(detection)), overwrite=overwrite)
        return
    plugin = _plugin(ending)
    writer = plugin.load()
    plugin.check(callable(getattr(writer, "write", None)), "it has no function 'write'")

    def write_partial(partial: Path) -> None:
        with plugin.guarded(OSError):
            writer.write(detection, partial, truth)

    write_whole(path, write_partial, overwrite=overwrite)


def write_several(
    detections: Sequence[Detection], path: str | Path, *, overwrite: bool = False, ending: str = ""
) -> None:
    """Writes the answers for several videos into one file.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the format holds one answer, or the file cannot be written, or exists and ``overwrite`` is not set.
    """
    path = Path(path)
    ending = check_output(path, overwrite=overwrite, ending=ending)
    if ending not in SEVERAL:
        raise OutputRefused(
            f"a {ending} file has the answer for one video: take {', '.join(SEVERAL)}, or a file for each"
        )
    write_whole(path, utf8(import_module(WRITERS[ending]).dumps(*detections)), overwrite=overwrite)


def check_output(path: str | Path, *, overwrite: bool = False, ending: str = "") -> str:
    """The ending of an output's format; refuses an output that :func:`write` would refuse, before any work is done for it.

    Raises:
        UnknownName: no format has that ending.
        OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
        MissingDependency: the format needs a library that is not installed.
    """
    path = Path(path)
    ending = ending or ending_of(path, WRITERS)
    if ending not in WRITERS:
        _plugin(ending).load()
    check_file(path, {ending_of(path, {ending})}, overwrite=overwrite)
    library = _NEEDED_LIBRARY.get(ending)
    if library is not None and find_spec(library) is None:
        raise MissingDependency(f"output ending {ending!r} needs {library!r}: {install_command('plots')}")
    return ending


def read_events(path: str | Path, *, ending: str = "") -> list[EventRow]:
    """The events in a file of another tool, in the format that its ending names.

    ``ending`` names the format of a path that ends otherwise.

    Raises:
        MissingFile: there is no such file.
        UnknownName: no format with that ending can be read.
        InvalidAnnotations: the file is not of that format; the error names the line.
    """
    path = Path(path)
    readers = {known: module for known, module in WRITERS.items() if "exports" in module}
    ending = ending or ending_of(path, readers)
    if ending not in readers:
        raise UnknownName.among("file ending", ending, readers)
    shown = one_line(str(path), 120)
    try:
        content = path.read_bytes() if path.stat().st_size <= LARGEST_FILE_BYTES else None
    except OSError as refusal:
        raise MissingFile(f"cannot read {shown!r} ({refusal.strerror or refusal}): check the name") from refusal
    if content is None:
        raise InvalidAnnotations(f"{shown} has more than {LARGEST_FILE_BYTES // 10**6} MB: name a file of events")
    name = path.name[: -len(ending)] if path.name.lower().endswith(ending) else path.stem
    try:
        return list(_event_rows(import_module(readers[ending]), content, name))
    except InvalidAnnotations as wrong:
        raise InvalidAnnotations(f"{shown}, {wrong}") from wrong


def _event_rows(reader: Any, content: bytes, name: str) -> Iterator[EventRow]:
    # Praat writes UTF-16 where it needs more than ASCII.
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        raise InvalidAnnotations(f"line {line}: not UTF-8 text: save the file as UTF-8") from wrong
    yield from reader.event_rows(text, name)


def _plugin(ending: str) -> Plugin:
    return plugin_named(PluginKind.EXPORTER, ending, UnknownName.among("output ending", ending, WRITERS))
