"""An answer as the page has it, and as the command line that gives it again."""

import json
from shlex import quote
from typing import Any

from av2a.detector import chosen_settings
from av2a.figures.rows import closest_words, sentence
from av2a.service.scores import STREAMS, moves_in_page
from av2a.settings import Settings
from av2a.types import Detection


def plain_answer(detection: Detection) -> dict[str, Any]:
    """An answer as the page has it: streams by their number (heard, seen, both), labels by theirs, times in seconds."""
    labels = {label: number for number, label in enumerate(detection.labels)}
    grid, settings = detection.grid, detection.settings
    closest = None if detection.events else closest_words(detection)
    traces = {trace.modality: trace for trace in detection.traces}
    return {
        "labels": list(detection.labels),
        "duration": grid.duration_seconds,
        "segments": grid.segments,
        "segment_seconds": grid.segment_seconds,
        "settings": settings.as_dict() | {"background": None},
        "moves": moves_in_page(settings),
        "events": [
            [
                labels[event.label],
                STREAMS.index(event.modality),
                event.start_seconds,
                event.stop_seconds,
                event.confidence,
            ]
            for event in detection.events
        ],
        "rejected": [
            [
                each.label,
                number,
                *grid.seconds(each.start, each.stop),
                score if score == score and abs(score) < 2 else None,
            ]
            for number, stream in enumerate(STREAMS)
            if stream in traces
            for each, score in traces[stream].rejected
        ],
        "derived": [
            [each.label, number, *grid.seconds(each.start, each.stop)]
            for number, stream in enumerate(STREAMS)
            if stream in traces
            for each in traces[stream].derived
        ],
        "closest": sentence(closest) + "." if closest else None,
        "warnings": list(dict.fromkeys(detection.warnings)),
        "caution": detection.caution,
        "unknown": [
            [labels[each.label], number]
            for each in detection.known
            for number, known_as in enumerate((each.heard_as, each.seen_as))
            if known_as is None
        ],
    }


def command_line(detection: Detection, name: str, program: str) -> str:
    """The command that gives the same answer, for a file of this name in the working directory."""
    words = [program, "detect", quote(name), "--backbone", quote(detection.backbone.name)]
    for label in detection.labels:
        words += ["--event", quote(label)]
    for setting, value in _changes(detection.settings).items():
        words += ["--set", quote(f"{setting}={_toml(value)}")]
    return " ".join(words)


def _changes(settings: Settings) -> dict[str, Any]:
    """What differs from the profile's own values."""
    own = chosen_settings({"profile": settings.profile}, "mini").as_dict()
    return {name: value for name, value in settings.as_dict().items() if value != own.get(name)}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(name, ensure_ascii=False)} = {_toml(each)}" for name, each in value.items())
            + "}"
        )
    if isinstance(value, list | str | bool):
        return json.dumps(value, ensure_ascii=False)
    return "none" if value is None else repr(value)
