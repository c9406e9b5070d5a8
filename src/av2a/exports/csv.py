"""A table with one row an event, as sound-event tools and spreadsheets read it.

Seconds with three decimals, UTF-8, ``\\n`` between rows, a header always. A clip without events has one row, empty but for its
name, so that a table of many clips loses none (the convention of DCASE).
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from av2a.exports.fields import interval_seconds, utf8
from av2a.types import Detection, Event

HEADER = ("filename", "onset", "offset", "event_label", "modality", "confidence")


def dumps(detection: Detection) -> str:
    """The table, header included."""
    name = detection.clip.name
    rows = [_row(name, event) for event in detection.events] or [(name, "", "", "", "", "")]
    return "".join(_line(row) for row in [HEADER, *rows])


def write(detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
    """The table into ``path``; it holds what was found, ``truth`` is not part of it."""
    path.write_bytes(utf8(dumps(detection)))


def _row(name: str, event: Event) -> tuple[str, ...]:
    start, stop = interval_seconds(event.start_seconds, event.stop_seconds)
    return name, f"{start:.3f}", f"{stop:.3f}", event.label, event.modality.value, f"{event.confidence:.4f}"


def _line(row: Iterable[str]) -> str:
    text = io.StringIO()
    # The csv module quotes a field that holds a character of the line's end, so a lone \r needs \r\n here.
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().removesuffix("\r\n") + "\n"
