"""Rows of annotation files with their file and line number, for errors, and counters of rows that are not used."""

import csv
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from av2a.errors import DataUnavailable, InvalidAnnotations, one_line
from av2a.types import Modality
from av2a.wording import counted, some

LARGEST_FILE_BYTES = 200_000_000
"""A hundred times the largest of the public annotation files; a video given by mistake is mostly larger or no text."""

EVENT_COLUMNS = ("filename", "onset", "offset", "event_label")

_SAME_COLUMN = {"event_labels": "event_label"}
"""LLP's name of the column that DCASE calls ``event_label``."""


@dataclass(frozen=True)
class AnnotationRow:
    """One line of an annotation file."""

    file: Path
    line: int
    """Counted from 1, the header included: what an editor shows."""
    fields: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column]

    def wrong(self, what: str) -> InvalidAnnotations:
        """The error that names this line."""
        return InvalidAnnotations(f"{_shown(self.file)}, line {self.line}: {what}")

    def seconds(self, column: str) -> float:
        """A time of 0 or more.

        Raises:
            InvalidAnnotations: the field is not one.
        """
        text = self[column].strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise self.wrong(f"{column} must be a number of seconds, 0 or more, got {one_line(text, 40)!r}: correct it")
        return value

    @property
    def has_event(self) -> bool:
        """Whether the row has an event, and not only the name of a clip."""
        return any(self[column].strip() for column in EVENT_COLUMNS[1:])

    def modality(self, empty: Modality | None) -> Modality:
        """The modality of the row; ``empty`` where the field is, None to refuse that.

        Raises:
            InvalidAnnotations: the field has another word, or is empty and must not be.
        """
        text = self["modality"].strip()
        known = [modality.value for modality in Modality]
        if not text and empty is not None:
            return empty
        if text not in known:
            allowed = f"{', '.join(known)} or empty for both" if empty else f"{', '.join(known[:-1])} or {known[-1]}"
            raise self.wrong(f"modality must be {allowed}, got {one_line(text, 40)!r}: correct it")
        return Modality(text)


def read_rows(file: Path, columns: Sequence[str], *, optional: Sequence[str] = ()) -> Iterator[AnnotationRow]:
    """The rows of a tab-separated file with a header line; the file may have other columns, too.

    Fields may be quoted as spreadsheets quote them. A line may omit its last fields if they are ``optional``, or all but its first.

    Raises:
        DataUnavailable: there is no such file.
        InvalidAnnotations: it is not UTF-8 text, lacks a column, or a line has too many or too few fields.
    """
    lines = read_lines(file)
    number, header_line = next(lines, (1, ""))
    header = [_SAME_COLUMN.get(name.strip(), name.strip()) for name in _fields(header_line)]
    lacking = [name for name in columns if name not in header]
    if lacking:
        raise InvalidAnnotations(
            f"{_shown(file)}, line {number}: no column {' and no '.join(lacking)} in {one_line(header_line)!r}: "
            f"begin the file with {', '.join(columns)}, separated by tabs"
        )
    for number, line in lines:
        fields = _fields(line)
        left_out = header[len(fields) :]
        if len(fields) > len(header) or (len(fields) > 1 and set(left_out) & set(columns)):
            raise InvalidAnnotations(
                f"{_shown(file)}, line {number}: {len(fields)} fields and {len(header)} columns: separate them by single tabs"
            )
        found = dict(zip(header, fields + [""] * len(left_out), strict=True))
        yield AnnotationRow(file, number, {name: found.get(name, "") for name in (*columns, *optional)})


def _fields(line: str) -> list[str]:
    """The fields of a line, without the quotes that spreadsheets put around those that contain a comma or a quote.

    >>> _fields('a.mp4\\t"speech, male"\\ta "dog"')
    ['a.mp4', 'speech, male', 'a "dog"']
    """
    try:
        return next(csv.reader([line], delimiter="\t", strict=True))
    except csv.Error:
        # Quotes that no spreadsheet writes, such as those of '"Hey" said', are part of the field.
        return line.split("\t")


def composed(text: str) -> str:
    """The text in NFC, so that names compare equal: some systems and archives store an accent as a character of its own.

    >>> len("e\u0301"), len(composed("e\u0301"))
    (2, 1)
    """
    return unicodedata.normalize("NFC", text)


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers from 1, in NFC.

    Raises:
        DataUnavailable: there is no such file.
        InvalidAnnotations: it is too large, or not UTF-8 text.
    """
    content = composed(_content(file))
    # Not splitlines: it would also split at characters that a name may contain.
    for number, line in enumerate(content.replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            yield number, line


def _content(file: Path) -> str:
    try:
        # Of pipes and devices the size is not known before.
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as refusal:
        raise DataUnavailable(
            f"no annotations in {_shown(file)} ({refusal.strerror or refusal}): check --annotations, "
            "or bring them here with 'av2a data fetch'"
        ) from refusal
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidAnnotations(
            f"{_shown(file)} has more than {LARGEST_FILE_BYTES // 10**6} MB: name a text file of annotations"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        raise InvalidAnnotations(f"{_shown(file)}, line {line}: not UTF-8 text: save the file as UTF-8") from wrong


def _shown(file: Path) -> str:
    return one_line(str(file), 120)


class Why(Enum):
    """Why a row is not used, in words that follow a number of rows."""

    EMPTY = "whose offset is not after the onset"
    DUPLICATE = "repeating an earlier row"
    BEYOND = "beginning after the clip's end"
    CUT = "reaching beyond the clip's end"
    """Used up to the end."""
    UNKNOWN_LABEL = "with a label that is no category"
    NO_SPLIT = "of clips in no split"


@dataclass
class UnusedRows:
    """Counters of rows that are not used, or not wholly, by file and reason."""

    found: dict[tuple[str, Why], list[str]] = field(default_factory=dict)

    def add(self, row: AnnotationRow, why: Why, example: str | None = None) -> None:
        """Count one row; ``example`` says more than its line."""
        self.found.setdefault((row.file.name, why), []).append(example or f"line {row.line}")

    def remarks(self) -> tuple[str, ...]:
        """One line for each file and reason."""
        return tuple(
            f"{one_line(name)}: {'cut' if why is Why.CUT else 'left out'} {counted(len(examples), 'row')} {why.value} ({some(examples)})"
            for (name, why), examples in self.found.items()
        )
