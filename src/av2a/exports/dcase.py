"""DCASE's strong labels: ``filename``, ``onset``, ``offset``, ``event_label`` separated by tabs, of any number of clips.

A fifth column ``modality`` tells heard, seen and both apart; readers that know four columns ignore it. This is also the form in
which truth is given. A clip without events has one row with its name alone. Tabs and line breaks in labels become spaces; a
label that begins with a quote is quoted as spreadsheets do.
"""

import csv
from collections.abc import Iterable, Iterator

from av2a.exports.rows import EventRow, cell, clip_alone, seconds
from av2a.exports.tables import modality_in, records, table
from av2a.types import Detection

HEADER = ("filename", "onset", "offset", "event_label")


def dumps(*detections: Detection) -> str:
    """The table of all answers."""
    caution = next((each.caution for each in detections if each.caution), None)
    return table((*HEADER, "modality"), (row for each in detections for row in _rows(each)), caution)


def dumps_rows(rows: Iterable[EventRow]) -> str:
    """The table of events that were read from files of other tools."""
    return table((*HEADER, "modality"), map(_row, rows), None)


def _rows(detection: Detection) -> Iterator[tuple[str, ...]]:
    name = detection.clip.name
    if not detection.events:
        yield _row(clip_alone(name))
    for each in detection.rounded_events:
        yield _row(EventRow(name, each.label, each.modality, each.start_seconds, each.stop_seconds))


def _row(row: EventRow) -> tuple[str, ...]:
    name = _quoted(cell(row.filename))
    if not row.is_event:
        return name, "", "", "", ""
    times = f"{row.start_seconds:.3f}", f"{row.stop_seconds:.3f}"
    return name, *times, _quoted(cell(row.label)), "" if row.modality is None else row.modality.value


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a table; a row with a name alone is a clip without events.

    Raises:
        InvalidAnnotations: a column is missing, or a row is malformed.
    """
    for number, row in records(text, HEADER):
        filename = _unquoted(row["filename"])
        if any(row[column].strip() for column in HEADER[1:]):
            start, stop = seconds(row["onset"], number), seconds(row["offset"], number)
            modality = modality_in(row.get("modality", ""), number)
            yield EventRow(filename, _unquoted(row["event_label"]), modality, start, stop, line=number)
        else:
            yield clip_alone(filename, number)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if text.startswith('"') else text


def _unquoted(text: str) -> str:
    try:
        return "".join(next(csv.reader([text], delimiter="\t", strict=True), []))
    except csv.Error:
        # A quote that no spreadsheet writes.
        return text
