"""Annotations in the form of UnAV-100 (``.unav.json``): ActivityNet's ground truth, of any number of clips.

UnAV's events are both heard and seen: ``database`` has those. ``database_heard`` and ``database_seen`` have the others, which
readers of ``database`` do not see. ``label_id`` counts the labels that were asked for.
"""

from collections.abc import Mapping
from typing import Any

from av2a.exports.activitynet import SUFFIXES, cautions, event_rows
from av2a.exports.structured import json_text
from av2a.types import Detection, Modality

__all__ = ["dumps", "event_rows"]


def dumps(*detections: Detection) -> str:
    """The annotations of all answers."""
    numbers = {label: number for number, label in enumerate(dict.fromkeys(_labels(detections)))}
    database: dict[str, dict[str, Any]] = {f"database{suffix}": {} for suffix in SUFFIXES.values()}
    for modality, suffix in SUFFIXES.items():
        for detection in detections:
            clip = {"duration": round(detection.clip.duration_seconds, 3), "subset": "test", "annotations": []}
            # Two videos may share a name.
            known = database[f"database{suffix}"].setdefault(detection.clip.path.stem, clip)
            known["annotations"] += _annotations(detection, modality, numbers)
    return json_text({"version": "av2a/1", **database, "external_data": cautions(*detections)}, depth=4)


def _labels(detections: tuple[Detection, ...]) -> list[str]:
    return [label for detection in detections for label in detection.labels]


def _annotations(detection: Detection, modality: Modality, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "segment": [event.start_seconds, event.stop_seconds],
            "label": event.label,
            "label_id": numbers[event.label],
        }
        for event in detection.rounded_events
        if event.modality is modality
    ]
