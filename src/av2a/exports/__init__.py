"""Output formats, one file each; the ending of the output's name chooses the format.

Every output is written beside its destination and moved there when it is complete, so that no reader meets a part of a file.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from av2a.errors import InvalidAnnotations, MissingDependency, MissingFile, OutputRefused, UnknownName, one_line
from av2a.exports.fields import utf8
from av2a.exports.files import check_file, ending_of, write_whole
from av2a.exports.rows import EventRow, clip_alone
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
    ".unav.json": "av2a.exports.unav",
    ".labelstudio.json": "av2a.exports.label_studio",
    ".labelstudio.xml": "av2a.exports.label_studio_config",
    ".jsonld": "av2a.exports.web_annotation",
    ".parquet": "av2a.exports.parquet",
    ".chapters.vtt": "av2a.exports.webvtt_chapters",
    ".metadata.vtt": "av2a.exports.webvtt_metadata",
    ".youtube.txt": "av2a.exports.youtube",
    ".edl": "av2a.exports.edl",
    ".otio": "av2a.exports.otio",
    ".xml": "av2a.exports.fcp7",
    ".kdenlive.json": "av2a.exports.kdenlive",
    ".png": "av2a.figures.timeline",
    ".svg": "av2a.figures.timeline",
    ".html": "av2a.figures.report",
}
"""The module that writes each ending. It is imported when it is used: pictures need a library that texts do not.

A module has ``dumps(*detections)``, which gives a text or bytes, or ``write(detection, path, truth)``. It may have
``event_rows(text, filename)``, which reads such a file; with ``BINARY``, its bytes. ``LOSES`` says what a format cannot tell at all.
"""

SEVERAL = (
    *(".csv", ".tsv", ".rttm", ".selections.txt", ".activitynet.json", ".unav.json", ".labelstudio.json"),
    *(".labelstudio.xml", ".jsonld", ".parquet", ".otio", ".xml"),
)
"""The formats that hold the answers for several videos in one file."""

LARGEST_FILE_BYTES = 200_000_000
"""Of a file that is read; a video given by mistake is mostly larger."""

_LIBRARIES = {
    ".png": ("matplotlib", "plots"),
    ".svg": ("matplotlib", "plots"),
    ".parquet": ("pyarrow", "table"),
    ".otio": ("opentimelineio", "otio"),
}
"""What writing a format needs beside the base installation, and the extra that brings it."""


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
            write_whole(path, _bytes(writer.dumps(detection)), overwrite=overwrite)
        return
    plugin = _plugin(ending)
    writer = plugin.load()

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
    write_whole(path, _bytes(import_module(WRITERS[ending]).dumps(*detections)), overwrite=overwrite)


def _bytes(content: str | bytes) -> bytes:
    return utf8(content) if isinstance(content, str) else content


def ending_named(name: str) -> str:
    """The ending of a format, by its name, which is that of its module, or by the ending itself.

    >>> ending_named("elan"), ending_named("Label-Studio"), ending_named("selections.txt"), ending_named(".lab")
    ('.eaf', '.labelstudio.json', '.selections.txt', '.lab')

    Raises:
        UnknownName: there is no such format.
    """
    names = format_names()
    given = name.lower()
    if given in names:
        return names[given]
    ending = f".{given.removeprefix('.')}"
    # One that a plug-in adds is known by its ending.
    if ending in WRITERS or given.startswith("."):
        return ending
    raise UnknownName.among("format", name, names)


def loss_of(path: Path, *, ending: str = "") -> str:
    """What the format of an output cannot tell at all; empty where it has every event."""
    module = WRITERS.get(ending or ending_of(path, WRITERS), "")
    return str(getattr(import_module(module), "LOSES", "")) if module.startswith("av2a.exports.") else ""


def format_names() -> dict[str, str]:
    """The formats by their names, in the order of the table, with the first ending of each."""
    names: dict[str, str] = {}
    for ending, module in WRITERS.items():
        names.setdefault(module.rpartition(".")[2].replace("_", "-"), ending)
    return names


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
    _check_library(ending)
    return ending


def usable() -> list[str]:
    """The endings of the formats whose libraries are installed."""
    return [ending for ending in WRITERS if ending not in _LIBRARIES or find_spec(_LIBRARIES[ending][0]) is not None]


def _check_library(ending: str) -> None:
    library, extra = _LIBRARIES.get(ending, ("", ""))
    if library and find_spec(library) is None:
        raise MissingDependency(f"output ending {ending!r} needs {library!r}: {install_command(extra)}")


def read_events(path: str | Path, *, ending: str = "") -> list[EventRow]:
    """The events in a file of another tool, in the format that its ending, and its first lines, show.

    ``ending`` names the format of a path that ends otherwise.

    Raises:
        MissingFile: there is no such file.
        UnknownName: no format with that ending can be read.
        InvalidAnnotations: the file is not of that format; the error names the line.
        MissingDependency: the format needs a library that is not installed.
    """
    return [row for row in read_rows(path, ending=ending) if row.is_event]


def read_rows(path: str | Path, *, ending: str = "") -> list[EventRow]:
    """As :func:`read_events`, with a row for each clip without events as well (:func:`av2a.exports.rows.clip_alone`)."""
    path = Path(path)
    shown = one_line(str(path), 120)
    try:
        # Of pipes and devices the size is not known before.
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as refusal:
        raise MissingFile(f"cannot read {shown!r} ({refusal.strerror or refusal}): check the name") from refusal
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidAnnotations(f"{shown} has more than {LARGEST_FILE_BYTES // 10**6} MB: name a file of events")
    own = ending_of(path, WRITERS)
    name = path.name[: len(path.name) - len(own)] if path.name.lower().endswith(own) else path.stem
    ending = ending or ending_of_content(own, content)
    reader = import_module(WRITERS[ending]) if ending in readable() else None
    if reader is None:
        raise UnknownName.among("file ending", ending, readable())
    if getattr(reader, "BINARY", False):
        _check_library(ending)
    try:
        rows = list(_event_rows(reader, content, name))
    except InvalidAnnotations as wrong:
        raise InvalidAnnotations(f"{shown}, {wrong}") from wrong
    # A file of one clip is about that clip, also where it has no event.
    return rows if rows or ending in SEVERAL else [clip_alone(name)]


@cache
def readable() -> tuple[str, ...]:
    """The endings of formats that can be read."""
    return tuple(
        ending
        for ending, module in WRITERS.items()
        if module.startswith("av2a.exports.") and hasattr(import_module(module), "event_rows")
    )


def ending_of_content(ending: str, content: bytes) -> str:
    """The format of a file whose ending several tools use, as its first lines show.

    >>> ending_of_content(".tsv", b"start\\tstop\\tlabel\\n"), ending_of_content(".json", b'[{"id": 1, "annotations": []}]')
    ('.cvat.tsv', '.labelstudio.json')
    """
    head = content[:HEAD_BYTES].decode("utf-8", "replace")
    marks = _MARKS.get(ending, {})
    found = [(place.start(), other) for other, mark in marks.items() if (place := re.search(mark, head))]
    return min(found)[1] if found else ending


HEAD_BYTES = 20_000
"""What :func:`ending_of_content` needs of a file."""

_MARKS = {
    ".json": {
        ".json": r'"schema"\s*:',
        ".activitynet.json": r'"(?:results|database)(?:_heard|_seen)?"\s*:',
        ".labelstudio.json": r'"(?:annotations|predictions|data)"\s*:',
        ".kdenlive.json": r'"pos"\s*:',
        ".jsonld": r'"@context"\s*:',
    },
    ".tsv": {".cvat.tsv": r"\A\ufeff?(?:[^\t\n]*\t)*start\t(?:[^\t\n]*\t)*stop\t"},
    ".txt": {
        ".selections.txt": r"\A\ufeff?(?:[^\t\n]*\t)*Begin Time \(s\)\t",
        ".tsv": r"\A\ufeff?(?:[^\t\n]*\t)*filename\t(?:[^\t\n]*\t)*onset\t",
    },
    ".csv": {".tsv": r"\A\ufeff?(?:[^\t\n]*\t)*filename\t(?:[^\t\n]*\t)*onset\t"},
}
"""What the beginning of a file has, for each ending that several tools use."""


def _event_rows(reader: Any, content: bytes, name: str) -> Iterator[EventRow]:
    if getattr(reader, "BINARY", False):
        yield from reader.event_rows(content, name)
        return
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
