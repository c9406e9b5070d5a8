"""A table with one row an event, as sound-event tools and spreadsheets read it.

Seconds with three decimals, UTF-8, ``\\n`` between rows, a header always. A clip without events has one row, empty but for its
name, so that a table of many clips loses none (the convention of DCASE, whose column names these are). No cell is taken
for a formula (:func:`av2a.exports.fields.spreadsheet_cell`).
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from av2a.exports.fields import spreadsheet_cell, utf8
from av2a.types import Detection, Event

HEADER = ("filename", "onset", "offset", "event_label", "modality", "confidence")
NOTE = "note"
"""A last column, written only where the whole answer is worthless: why."""


def dumps(detection: Detection) -> str:
    """The table, header included."""
    name = detection.clip.name
    rows = [_row(name, event) for event in detection.rounded_events] or [(name, "", "", "", "", "")]
    if detection.caution is None:
        return "".join(map(_line, [HEADER, *rows]))
    return "".join(map(_line, [(*HEADER, NOTE), *((*row, detection.caution) for row in rows)]))


def write(detection: Detection, path: str | Path, truth: Sequence[Event] = ()) -> None:
    """Writes the table to ``path``; it has the detected events, ``truth`` is not part of it."""
    Path(path).write_bytes(utf8(dumps(detection)))


def _row(name: str, event: Event) -> tuple[str, ...]:
    start, stop = f"{event.start_seconds:.3f}", f"{event.stop_seconds:.3f}"
    return name, start, stop, event.label, event.modality.value, f"{event.confidence:.4f}"


def _line(row: Iterable[str]) -> str:
    text = io.StringIO()
    # The csv module quotes a field that holds a character of the line's end, so a lone \r needs \r\n here.
    csv.writer(text, lineterminator="\r\n").writerow(map(spreadsheet_cell, row))
    return text.getvalue().removesuffix("\r\n") + "\n"
