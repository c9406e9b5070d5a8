"""Raven selection tables (``.selections.txt``): one row a selection, separated by tabs, of any number of recordings.

Raven shows sound: all selections lie in channel 1 and cover all frequencies; the modality is in a column of its own. ``Begin File`` and
``File Offset (s)`` say in which recording a selection begins, and when; ``Begin Time (s)`` counts on from one recording to the next, as in
Raven, where they are opened one after the other. A clip without events has no row.
"""

from collections.abc import Iterator, Mapping

from av2a.exports.rows import EventRow, cell, clip_alone, invalid, media_name, seconds
from av2a.exports.tables import modality_in, records, table
from av2a.types import Detection

_START, _STOP, _LABEL = "Begin Time (s)", "End Time (s)", "Annotation"
_LABELS = (_LABEL, "Common Name")
"""The column of labels, in the tables of Raven and of BirdNET."""
_FILE, _PATH, _OFFSET = "Begin File", "Begin Path", "File Offset (s)"
_HEADER = (
    *("Selection", "View", "Channel", _START, _STOP, "Low Freq (Hz)", "High Freq (Hz)"),
    *(_FILE, _OFFSET, _LABEL, "Stream", "Confidence"),
)
_USUAL_RATE_HZ = 48_000


def dumps(*detections: Detection) -> str:
    """The table of all answers."""
    caution = next((each.caution for each in detections if each.caution), None)
    return table(_HEADER, _rows(detections), caution)


def _rows(detections: tuple[Detection, ...]) -> Iterator[tuple[str, ...]]:
    number, began = 0, 0.0
    for detection in detections:
        clip = detection.clip
        highest = f"{(clip.audio.sample_rate_hz if clip.audio else _USUAL_RATE_HZ) / 2:.1f}"
        for event in detection.rounded_events:
            number += 1
            times = f"{began + event.start_seconds:.3f}", f"{began + event.stop_seconds:.3f}"
            recording = cell(clip.name), f"{event.start_seconds:.3f}"
            what = cell(event.label), event.modality.word, f"{event.confidence:.4f}"
            yield str(number), "Spectrogram 1", "1", *times, "0.0", highest, *recording, *what
        began = round(began + clip.duration_seconds, 3)


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a table, each selection once, however many views show it.

    Raises:
        InvalidAnnotations: a column is missing, or a row is malformed.
    """
    seen: set[str] = set()
    for number, row in records(text, (_START, _STOP)):
        label = next((name for name in _LABELS if name in row), None)
        if label is None:
            raise invalid(1, f"no column {_LABEL} with the labels")
        selection = row.get("Selection", "").strip()
        if not selection or selection not in seen:
            seen.add(selection)
            start, stop = _times(row, number)
            confidence = row.get("Confidence", "").strip()
            yield EventRow(
                row.get(_FILE, "").strip() or media_name(row.get(_PATH, "").strip()) or filename,
                row[label],
                modality_in(row.get("Stream", ""), number),
                start,
                stop,
                seconds(confidence, number) if confidence else None,
                number,
            )
    if not seen:
        yield clip_alone(filename)


def _times(row: Mapping[str, str], line: int) -> tuple[float, float]:
    """The ends of a selection in its recording."""
    start, stop = (seconds(row[end], line) for end in (_START, _STOP))
    if not row.get(_OFFSET, "").strip():
        return start, stop
    offset = seconds(row[_OFFSET], line)
    return offset, round(max(0.0, offset + stop - start), 6)
