"""Raven selection tables (``.selections.txt``): one row a selection, separated by tabs.

Raven shows sound: all selections lie in channel 1 and cover all frequencies; the modality is in a column of its own.
"""

from collections.abc import Iterator

from av2a.exports.rows import EventRow, cell, seconds
from av2a.exports.tables import modality_in, records, table
from av2a.types import Detection, Event

_START, _STOP, _LABEL = "Begin Time (s)", "End Time (s)", "Annotation"
_HEADER = (
    "Selection",
    "View",
    "Channel",
    _START,
    _STOP,
    "Low Freq (Hz)",
    "High Freq (Hz)",
    _LABEL,
    "Stream",
    "Confidence",
)
_USUAL_RATE_HZ = 48_000


def dumps(detection: Detection) -> str:
    """The table of one answer."""
    audio = detection.clip.audio
    highest = f"{(audio.sample_rate_hz if audio else _USUAL_RATE_HZ) / 2:.1f}"
    rows = (_row(number, event, highest) for number, event in enumerate(detection.rounded_events, start=1))
    return table(_HEADER, rows, detection.caution)


def _row(number: int, event: Event, highest: str) -> tuple[str, ...]:
    where = str(number), "Spectrogram 1", "1", f"{event.start_seconds:.3f}", f"{event.stop_seconds:.3f}", "0.0", highest
    return *where, cell(event.label), event.modality.word, f"{event.confidence:.4f}"


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a table, each selection once, however many views show it.

    Raises:
        InvalidAnnotations: a column is missing, or a row is malformed.
    """
    seen: set[str] = set()
    for number, row in records(text, (_START, _STOP, _LABEL)):
        selection = row.get("Selection", "").strip()
        if not selection or selection not in seen:
            seen.add(selection)
            confidence = row.get("Confidence", "").strip()
            yield EventRow(
                filename,
                row[_LABEL],
                modality_in(row.get("Stream", ""), number),
                seconds(row[_START], number),
                seconds(row[_STOP], number),
                seconds(confidence, number) if confidence else None,
                number,
            )
