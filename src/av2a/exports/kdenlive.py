"""Guides for Kdenlive (``.kdenlive.json``): import them into a project of the video's frame rate.

Each guide has its frame, its length in frames and a category of Kdenlive's defaults: 3 is heard, 1 is seen, 8 is both. Line breaks
in labels become spaces. Kdenlive leaves ``fps`` and ``confidence`` unread.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from av2a.exports.frames import USUAL_RATE, Frames
from av2a.exports.rows import NOTE, EventRow, prefixed, without_prefix
from av2a.exports.structured import event_row, json_rows, json_text
from av2a.types import Detection, Event, Modality

_CATEGORIES = {Modality.AUDIO: 3, Modality.VISUAL: 1, Modality.AUDIO_VISUAL: 8}


def dumps(detection: Detection) -> str:
    """The guides as a JSON list."""
    frames = Frames.of(detection.clip)
    guides = [_guide(event, frames) for event in detection.rounded_events]
    if detection.caution:
        guides.insert(0, {"pos": 0, "comment": NOTE, "type": 0, "duration": frames.length(detection.clip)})
    return json_text(guides, depth=1)


def _guide(event: Event, frames: Frames) -> dict[str, Any]:
    start, stop = frames.interval(event)
    return {
        "pos": start,
        "comment": prefixed(event),
        "type": _CATEGORIES[event.modality],
        "duration": stop - start,
        "fps": round(float(frames.rate), 6),
        "confidence": event.confidence,
    }


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The guides; those of another tool count 25 frames a second.

    Raises:
        InvalidAnnotations: the text is no such list.
    """

    def rows(guides: Sequence[Mapping[str, Any]]) -> Iterator[EventRow]:
        if not isinstance(guides, list):
            raise TypeError("a JSON list of guides is needed")
        for guide in guides:
            modality, label = without_prefix(guide["comment"])
            if label != NOTE:
                frames = Frames.at(float(guide.get("fps", USUAL_RATE)))
                start, stop = int(guide["pos"]), int(guide["pos"]) + int(guide["duration"])
                times = frames.seconds(start), frames.seconds(stop)
                yield event_row(filename, label, modality, *times, guide.get("confidence"))

    return json_rows(text, "Kdenlive's", "pos", rows)
