"""A table with one row an event, of any number of clips, as sound-event tools and spreadsheets read it.

Seconds with three decimals, UTF-8, ``\\n`` between rows, a header always. A clip without events has one row, empty but for its
name, so that a table of many clips loses none (the convention of DCASE, whose column names these are). No cell is taken
for a formula (:func:`av2a.exports.fields.spreadsheet_cell`).
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from av2a.exports.fields import cell_text, spreadsheet_cell, utf8
from av2a.exports.rows import EventRow, clip_alone, invalid, seconds
from av2a.exports.tables import modality_in
from av2a.types import Detection, Event

_LINE = re.compile(r"[^\r\n]++(?:\r\n?|\n)?|\r\n?|\n")

HEADER = ("filename", "onset", "offset", "event_label", "modality", "confidence")
NOTE = "note"
"""A last column, written only where the whole answer is worthless: why."""


def dumps(*detections: Detection) -> str:
    """The table of all answers, header included."""
    rows = [(row, detection.caution) for detection in detections for row in _rows(detection)]
    if not any(caution for _, caution in rows):
        return table(HEADER, (row for row, _ in rows))
    return table((*HEADER, NOTE), ((*row, caution or "") for row, caution in rows))


def write(detection: Detection, path: str | Path, truth: Sequence[Event] = ()) -> None:
    """Writes the table to ``path``; it has the detected events, ``truth`` is not part of it."""
    Path(path).write_bytes(utf8(dumps(detection)))


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a table; a row with a name alone is a clip without events.

    Raises:
        InvalidAnnotations: a column is missing, or a row is malformed.
    """
    # A StringIO would need four bytes for each character.
    reader = csv.DictReader((line[0] for line in _LINE.finditer(text)), strict=True)
    try:
        missing = [name for name in HEADER[:4] if name not in (reader.fieldnames or ())]
        if missing:
            raise invalid(1, f"no column {' and no '.join(missing)}: separate {', '.join(HEADER[:4])} by commas")
        for row in reader:
            if None in row or None in row.values():
                raise invalid(reader.line_num, "another number of cells than the header has")
            if row["onset"] or row["offset"] or row["event_label"]:
                yield _event_row(row, reader.line_num)
            else:
                yield clip_alone(cell_text(row["filename"]), reader.line_num)
    except csv.Error as wrong:
        # The outer reader counts a line when it has been read without error.
        raise invalid(reader.reader.line_num, f"no table separated by commas ({wrong})") from wrong


def _event_row(row: Mapping[str, str], line: int) -> EventRow:
    confidence = row.get("confidence")
    return EventRow(
        cell_text(row["filename"]),
        cell_text(row["event_label"]),
        modality_in(row.get("modality", ""), line),
        seconds(row["onset"], line),
        seconds(row["offset"], line),
        seconds(confidence, line) if confidence else None,
        line,
    )


def _rows(detection: Detection) -> Sequence[tuple[str, ...]]:
    name = detection.clip.name
    return [_row(name, event) for event in detection.rounded_events] or [(name, "", "", "", "", "")]


def _row(name: str, event: Event) -> tuple[str, ...]:
    start, stop = f"{event.start_seconds:.3f}", f"{event.stop_seconds:.3f}"
    return name, start, stop, event.label, event.modality.value, f"{event.confidence:.4f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """A table whose text no spreadsheet takes for a formula; numbers to their last digit, None and NaN as empty cells.

    >>> table(("name", "value"), [("=1", -0.5), ("b", None)])
    "name,value\\n'=1,-0.5\\nb,\\n"
    """
    return "".join(_line(map(_cell, row)) for row in (header, *rows))


def _cell(value: str | float | None) -> str | float:
    if isinstance(value, str):
        return spreadsheet_cell(value)
    return "" if value is None or math.isnan(value) else value


def _line(cells: Iterable[str | float]) -> str:
    text = io.StringIO()
    # The csv module quotes a field that holds a character of the line's end, so a lone \r needs \r\n here.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
