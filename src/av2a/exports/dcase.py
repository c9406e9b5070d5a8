"""DCASE's strong labels: ``filename``, ``onset``, ``offset``, ``event_label`` separated by tabs, of any number of clips.

A fifth column ``modality`` tells heard, seen and both apart; readers that know four columns ignore it. This is also the form in
which truth is given. A clip without events has one row with its name alone. Tabs and line breaks in labels become spaces; a
label that begins with a quote is quoted as spreadsheets do.
"""

import csv
from collections.abc import Iterator

from av2a.exports.rows import EventRow, cell, seconds
from av2a.exports.tables import modality_in, records, table
from av2a.types import Detection

HEADER = ("filename", "onset", "offset", "event_label")


def dumps(*detections: Detection) -> str:
    """The table of all answers."""
    caution = next((each.caution for each in detections if each.caution), None)
    return table((*HEADER, "modality"), (row for each in detections for row in _rows(each)), caution)


def _rows(detection: Detection) -> Iterator[tuple[str, ...]]:
    name = _quoted(cell(detection.clip.name))
    if not detection.events:
        yield name, "", "", "", ""
    for event in detection.rounded_events:
        times = f"{event.start_seconds:.3f}", f"{event.stop_seconds:.3f}"
        yield name, *times, _quoted(cell(event.label)), event.modality.value


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a table; rows with a name alone have none.

    Raises:
        InvalidAnnotations: a column is missing, or a row is malformed.
    """
    for number, row in records(text, HEADER):
        if any(row[column].strip() for column in HEADER[1:]):
            start, stop = seconds(row["onset"], number), seconds(row["offset"], number)
            modality = modality_in(row.get("modality", ""), number)
            yield EventRow(
                _unquoted(row["filename"]), _unquoted(row["event_label"]), modality, start, stop, line=number
            )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if text.startswith('"') else text


def _unquoted(text: str) -> str:
    try:
        return "".join(next(csv.reader([text], delimiter="\t", strict=True), []))
    except csv.Error:
        # A quote that no spreadsheet writes.
        return text
