"""ActivityNet's JSON (``.activitynet.json``), as UnAV-100 and most of temporal localisation use it, of any number of clips.

``results`` has what is both heard and seen, as UnAV's events are; ``results_heard`` and ``results_seen`` have the others, which
readers of ``results`` do not see. Ground truth, under ``database``, is read as well.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from av2a.exports.rows import EventRow, invalid
from av2a.types import Detection, Modality

_KEYS = {Modality.AUDIO_VISUAL: "results", Modality.AUDIO: "results_heard", Modality.VISUAL: "results_seen"}


def dumps(*detections: Detection) -> str:
    """The results of all answers."""
    results: dict[str, dict[str, list[dict[str, Any]]]] = {key: {} for key in _KEYS.values()}
    for modality, key in _KEYS.items():
        for detection in detections:
            # Two videos may share a name.
            results[key].setdefault(detection.clip.path.stem, []).extend(_segments(detection, modality))
    notes = {each.clip.path.stem: each.caution for each in detections if each.caution}
    return json.dumps({"version": "av2a/1", **results, "external_data": notes}, ensure_ascii=False, indent=1) + "\n"


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
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as wrong:
        raise invalid(wrong.lineno, f"no whole JSON document ({wrong.msg})") from wrong
    except RecursionError as wrong:
        raise invalid(1, "JSON that is nested too deeply") from wrong
    try:
        yield from _rows(plain)
    except (AttributeError, LookupError, TypeError, ValueError) as wrong:
        raise invalid(1, f"not in ActivityNet's form ({type(wrong).__name__}: {wrong})") from wrong


def _rows(plain: Mapping[str, Any]) -> Iterator[EventRow]:
    if not plain.keys() & {*_KEYS.values(), "database"}:
        raise ValueError("neither results nor database")
    for modality, key in _KEYS.items():
        for clip, segments in plain.get(key, {}).items():
            yield from (_row(clip, each, modality, each.get("score")) for each in segments)
    for clip, about in plain.get("database", {}).items():
        yield from (_row(clip, each, None, None) for each in about["annotations"])


def _row(clip: str, plain: Mapping[str, Any], modality: Modality | None, score: float | None) -> EventRow:
    segment: Sequence[float] = plain["segment"]
    start, stop = map(float, segment)
    if not 0 <= start < 1e9 or not 0 <= stop < 1e9 or not isinstance(plain["label"], str):
        raise ValueError(f"no event: {str(dict(plain))[:80]}")
    return EventRow(clip, plain["label"], modality, start, stop, None if score is None else float(score))
