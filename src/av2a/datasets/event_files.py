"""Events for clips, from a table in DCASE's form or from any file that :mod:`av2a.exports` reads, as rows of one kind."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from av2a import exports
from av2a.datasets.rows import EVENT_COLUMNS, AnnotationRow, composed, read_rows
from av2a.exports.files import ending_of
from av2a.exports.rows import EventRow
from av2a.exports.rttm import written_label

TABLE, RTTM = ".tsv", ".rttm"


def event_rows(path: Path, clips: Collection[str] = ()) -> Iterator[AnnotationRow]:
    """The rows of a file, or of every file in a folder that is named as one of ``clips``, with the columns of DCASE and ``modality``.

    The ending names the format, and the first lines where several tools use it; a file with another ending is a table. A clip
    without events has a row with its name alone. A file that names a video that is none of ``clips``, such as one that has been
    renamed, is about the clip that it is itself named as.

    Raises:
        DataUnavailable: there is no such file.
        InvalidAnnotations: it is not of that format; the error names the line.
        MissingDependency: the format needs a library that is not installed.
    """
    for file, clip in sorted(_files_of(path, clips)) if path.is_dir() else [(path, "")]:
        if (kind := _format_of(file)) == TABLE:
            yield from read_rows(file, EVENT_COLUMNS, optional=("modality",))
        else:
            rows = exports.read_rows(file)
            if kind == RTTM:
                rows = _with_spaces(rows, clips)
            about = clip or _clip_of(file, rows, clips)
            yield from (_row(file, each, about or each.filename) for each in rows)


def _with_spaces(rows: Sequence[EventRow], clips: Collection[str]) -> list[EventRow]:
    """Rows of RTTM, which has no spaces, with the names of clips that have some."""
    names = {written_label(name): name for name in (clip.rpartition("/")[2] for clip in clips)}
    return [replace(row, filename=names.get(row.filename, row.filename)) for row in rows]


def _clip_of(file: Path, rows: Sequence[EventRow], clips: Collection[str]) -> str:
    """The clip that a file is named as; empty where there is none, or the file's rows name some clip."""
    bare = {clip.rpartition("/")[2] for clip in clips}
    own = composed(file.name[: -len(ending_of(file, exports.WRITERS))])
    names = {composed(row.filename) for row in rows}
    return own if own in bare and not bare & {*names, *(PurePath(name).stem for name in names)} else ""


def has_event_files(folder: Path, clips: Collection[str]) -> bool:
    """Whether a folder has a file for any of the clips."""
    return any(_files_of(folder, clips))


def _files_of(folder: Path, clips: Collection[str]) -> Iterator[tuple[Path, str]]:
    for file in folder.rglob("*"):
        ending = ending_of(file, exports.WRITERS)
        clip = composed(file.relative_to(folder).as_posix()).removesuffix(file.name[-len(ending) :])
        if ending in exports.readable() and clip in clips and file.is_file():
            yield file, clip


def _format_of(file: Path) -> str:
    ending = ending_of(file, exports.WRITERS)
    if ending not in exports.WRITERS:
        return TABLE
    try:
        with file.open("rb") as stream:
            return exports.ending_of_content(ending, stream.read(exports.HEAD_BYTES))
    except OSError:
        # Reading it as a table says what is wrong.
        return TABLE


def _row(file: Path, event: EventRow, clip: str) -> AnnotationRow:
    fields = dict.fromkeys((*EVENT_COLUMNS, "modality"), "")
    fields["filename"] = composed(clip)
    if event.is_event:
        fields["onset"], fields["offset"] = repr(event.start_seconds), repr(event.stop_seconds)
        fields["event_label"] = composed(event.label)
        fields["modality"] = "" if event.modality is None else event.modality.value
    return AnnotationRow(file, event.line, fields)
