"""Data for scripts of a web page (WebVTT, ``.metadata.vtt``, ``kind="metadata"``): each cue is JSON with label, modality and confidence.

``<``, ``>``, ``&`` and all beyond ASCII are written as JSON's ``\\u003c``, so that no reader of WebVTT changes them.
"""

import json
from collections.abc import Iterator
from typing import Any

from av2a.exports.rows import EventRow, clock, invalid
from av2a.exports.structured import event_row
from av2a.exports.webvtt import cues
from av2a.types import Detection, Event, Modality

_MARKUP = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&"})


def dumps(detection: Detection) -> str:
    """The cues."""
    notes = [f"NOTE {detection.caution}\n"] if detection.caution else []
    found = [_cue(event) for event in detection.rounded_events]
    return "\n".join(["WEBVTT\n", *notes, *(found or ["NOTE no event was found\n"])])


def _cue(event: Event) -> str:
    payload = {"label": event.label, "modality": event.modality.value, "confidence": event.confidence}
    times = f"{clock(event.start_seconds)} --> {clock(event.stop_seconds)}"
    return f"{times}\n{json.dumps(payload).translate(_MARKUP)}\n"


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of all cues.

    Raises:
        InvalidAnnotations: the text is no WebVTT file, or a cue is no such JSON.
    """
    for line, start, stop, payload in cues(text):
        try:
            plain: Any = json.loads(payload)
            row = event_row(filename, plain["label"], Modality(plain["modality"]), start, stop, plain["confidence"])
        except (LookupError, RecursionError, TypeError, ValueError) as wrong:
            raise invalid(line, "a cue needs JSON with label, modality and confidence") from wrong
        yield EventRow(row.filename, row.label, row.modality, start, stop, row.confidence, line)
