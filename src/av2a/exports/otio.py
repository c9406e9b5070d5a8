"""OpenTimelineIO's timelines (``.otio``): each video a clip, each event a marker on it, of any number of videos.

Markers are green where the event is heard, blue where it is seen, red where it is both, and have the modality before the label.
Line breaks in labels become spaces. The confidence is each marker's comment. Written by OpenTimelineIO
itself, the extra ``otio``.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from av2a.exports.frames import Frames
from av2a.exports.rows import EventRow, cell, clip_alone, media_name, prefixed, without_prefix
from av2a.exports.structured import event_row, json_rows
from av2a.types import Detection, Modality

_COLOURS = {Modality.AUDIO: "GREEN", Modality.VISUAL: "BLUE", Modality.AUDIO_VISUAL: "RED"}
_CONFIDENCE = "confidence "
"""Before the number, in a marker's comment."""


def dumps(*detections: Detection) -> str:
    """The timeline of all answers, one after the other."""
    # Optional, and imported where it is needed.
    from opentimelineio import schema

    track = schema.Track(name="av2a", kind=schema.TrackKind.Video, children=[_clip(each) for each in detections])
    timeline = schema.Timeline(name="av2a", metadata={"av2a": {"note": _note(detections)}})
    timeline.tracks.append(track)
    return str(timeline.to_json_string(indent=1)) + "\n"


def _note(detections: tuple[Detection, ...]) -> str:
    return next((each.caution for each in detections if each.caution), "")


def _clip(detection: Detection) -> Any:
    from opentimelineio import opentime, schema

    frames = Frames.of(detection.clip)
    rate = float(frames.rate)

    def interval(start: int, stop: int) -> Any:
        return opentime.TimeRange(opentime.RationalTime(start, rate), opentime.RationalTime(stop - start, rate))

    markers = []
    length = frames.length(detection.clip)
    for event in detection.rounded_events:
        start, stop = frames.interval(event)
        length = max(length, stop)
        markers.append(
            schema.Marker(
                name=written_label(prefixed(event)),
                marked_range=interval(start, stop),
                color=_COLOURS[event.modality],
                comment=f"{_CONFIDENCE}{event.confidence:.4f}",
            )
        )
    name = written_label(cell(detection.clip.name))
    address = quote(detection.clip.name.encode("utf-8", "surrogateescape"))
    reference = schema.ExternalReference(target_url=address, available_range=interval(0, length))
    return schema.Clip(name=name, media_reference=reference, source_range=interval(0, length), markers=markers)


def written_label(label: str) -> str:
    """A label as a marker's name."""
    return cell(label).encode("utf-8", "replace").decode()


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The markers on all clips of a timeline, in the time of each clip's media.

    OpenTimelineIO itself would not survive deeply nested JSON.

    Raises:
        InvalidAnnotations: the text is no timeline.
    """
    return json_rows(text, "OpenTimelineIO's", "marked_range", _rows)


def _rows(timeline: Mapping[str, Any]) -> Iterator[EventRow]:
    waiting = [timeline["tracks"]]
    while waiting:
        part = waiting.pop()
        waiting += reversed(part.get("children", []))
        if part["OTIO_SCHEMA"].startswith("Clip."):
            markers, name = part.get("markers", []), _media_of(part) or part["name"]
            yield from map(partial(_row, name), markers) if markers else [clip_alone(name)]


def _media_of(clip: Mapping[str, Any]) -> str:
    """The name of the clip's media file, if it refers to one. Clips of several references came with OpenTimelineIO 0.15."""
    references = clip.get("media_references") or {}
    reference = references.get(clip.get("active_media_reference_key")) or clip.get("media_reference") or {}
    return media_name(reference.get("target_url"))


def _row(clip: str, marker: Mapping[str, Any]) -> EventRow:
    start, duration = (marker["marked_range"][each] for each in ("start_time", "duration"))
    stop = start["value"] / start["rate"] + duration["value"] / duration["rate"]
    modality, label = without_prefix(marker["name"])
    comment = marker.get("comment") or ""
    sure = float(comment.removeprefix(_CONFIDENCE)) if comment.startswith(_CONFIDENCE) else None
    return event_row(clip, label, modality, round(start["value"] / start["rate"], 6), round(stop, 6), sure)
