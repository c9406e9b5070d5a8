"""Events for clips, from a table in DCASE's form or from any file that :mod:`av2a.exports` reads, as rows of one kind."""

from collections.abc import Collection, Iterator
from pathlib import Path

from av2a import exports
from av2a.datasets.rows import EVENT_COLUMNS, AnnotationRow, composed, read_rows
from av2a.exports.files import ending_of
from av2a.exports.rows import EventRow

TABLE = ".tsv"


def event_rows(path: Path, clips: Collection[str] = ()) -> Iterator[AnnotationRow]:
    """The rows of a file, or of every file in a folder that is named as one of ``clips``, with the columns of DCASE and ``modality``.

    The ending names the format, and the first lines where several tools use it; a file with another ending is a table. A clip
    without events has a row with its name alone.

    Raises:
        DataUnavailable: there is no such file.
        InvalidAnnotations: it is not of that format; the error names the line.
        MissingDependency: the format needs a library that is not installed.
    """
    for file, clip in sorted(_files_of(path, clips)) if path.is_dir() else [(path, "")]:
        if _format_of(file) == TABLE:
            yield from read_rows(file, EVENT_COLUMNS, optional=("modality",))
        else:
            yield from (_row(file, each, clip or each.filename) for each in exports.read_rows(file))


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
