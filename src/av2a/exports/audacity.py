"""Audacity labels: one label track for each file, ``start``, ``end`` and text separated by tabs.

Sources: Audacity's manual, "Importing and Exporting Labels". Labels may overlap, so heard, seen and both share a track, with
the modality before the label. Tabs and line breaks in labels become spaces.
"""

from collections.abc import Iterator

from av2a.exports.rows import NOTE, EventRow, invalid, lines, prefixed, seconds, without_prefix
from av2a.types import Detection


def dumps(detection: Detection) -> str:
    """The label track."""
    note = f"0.000000\t{detection.clip.duration_seconds:.6f}\t{NOTE}\n" if detection.caution else ""
    return note + "".join(
        f"{event.start_seconds:.6f}\t{event.stop_seconds:.6f}\t{prefixed(event)}\n"
        for event in detection.rounded_events
    )


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a label track.

    Raises:
        InvalidAnnotations: a line is no label.
    """
    for number, line in lines(text):
        # The frequencies of the label before.
        if line.startswith("\\"):
            continue
        start, *rest = line.split("\t", 2)
        if not rest:
            raise invalid(number, "a label needs a start, an end and a text, separated by tabs")
        modality, label = without_prefix(rest[1] if len(rest) > 1 else "")
        if label == NOTE:
            continue
        yield EventRow(filename, label, modality, seconds(start, number), seconds(rest[0], number), line=number)
