"""CVAT's "Generic TSV 1.0" for audio tasks (``.cvat.tsv``): ``start``, ``stop``, ``label`` separated by tabs.

Source: CVAT's manual. Every further column is an attribute: ``score``, and ``stream`` for heard, seen or both.
"""

from collections.abc import Iterator

from av2a.exports.rows import EventRow, cell, clock, clock_seconds, seconds
from av2a.exports.tables import modality_in, records, table
from av2a.types import Detection, Event


def dumps(detection: Detection) -> str:
    """The table of one answer."""
    return table(("start", "stop", "label", "score", "stream"), map(_row, detection.rounded_events), detection.caution)


def _row(event: Event) -> tuple[str, ...]:
    times = clock(event.start_seconds), clock(event.stop_seconds)
    return *times, cell(event.label), f"{event.confidence:.4f}", event.modality.word


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a table.

    Raises:
        InvalidAnnotations: a column is missing, or a row is malformed.
    """
    for number, row in records(text, ("start", "stop", "label")):
        score = row.get("score", "").strip()
        yield EventRow(
            row.get("filename") or filename,
            row["label"],
            modality_in(row.get("stream", ""), number),
            clock_seconds(row["start"], number),
            clock_seconds(row["stop"], number),
            seconds(score, number) if score else None,
            number,
        )
