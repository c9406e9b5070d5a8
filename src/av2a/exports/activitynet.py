"""ActivityNet's results (``.activitynet.json``), as most of temporal localisation uses them, of any number of clips.

``results`` has what is both heard and seen; ``results_heard`` and ``results_seen`` have the others, which readers of ``results``
do not see. Ground truth, under ``database``, is read as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from av2a.exports.rows import EventRow, clip_alone
from av2a.exports.structured import event_row, json_rows, json_text
from av2a.types import Detection, Modality

SUFFIXES = {Modality.AUDIO_VISUAL: "", Modality.AUDIO: "_heard", Modality.VISUAL: "_seen"}


def dumps(*detections: Detection) -> str:
    """The results of all answers."""
    results: dict[str, dict[str, list[dict[str, Any]]]] = {f"results{suffix}": {} for suffix in SUFFIXES.values()}
    for modality, suffix in SUFFIXES.items():
        for detection in detections:
            # Two videos may share a name.
            results[f"results{suffix}"].setdefault(detection.clip.path.stem, []).extend(_segments(detection, modality))
    return json_text({"version": "av2a/1", **results, "external_data": cautions(*detections)}, depth=3)


def cautions(*detections: Detection) -> dict[str, str]:
    """The clips whose answer is worthless, and why."""
    return {each.clip.path.stem: each.caution for each in detections if each.caution}


def _segments(detection: Detection, modality: Modality) -> list[dict[str, Any]]:
    return [
        {"label": event.label, "score": event.confidence, "segment": [event.start_seconds, event.stop_seconds]}
        for event in detection.rounded_events
        if event.modality is modality
    ]


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of all clips, results or ground truth.

    Raises:
        InvalidAnnotations: the text is no such JSON.
    """
    return json_rows(text, "ActivityNet's", "segment", _rows)


def _rows(plain: Mapping[str, Any]) -> Iterator[EventRow]:
    parts = [(kind, modality) for kind in ("results", "database") for modality in SUFFIXES]
    if not plain.keys() & {kind + SUFFIXES[modality] for kind, modality in parts}:
        raise ValueError("neither results nor database")
    # Only together do the three say that nothing happens in a clip.
    clips: dict[str, bool] = {}
    for kind, modality in parts:
        for clip, found in plain.get(kind + SUFFIXES[modality], {}).items():
            segments = found["annotations"] if kind == "database" else found
            clips[clip] = bool(segments) or clips.get(clip, False)
            # ActivityNet's own ground truth does not tell heard from seen.
            stream = modality if kind == "results" or "database_heard" in plain else None
            for each in segments:
                start, stop = each["segment"]
                yield event_row(clip, each["label"], stream, start, stop, each.get("score"))
    yield from (clip_alone(clip) for clip, has_events in clips.items() if not has_events)
