"""The answer as JSON with everything needed to repeat the run, and back.

``detection.schema.json`` beside this file describes it. Nothing in it depends on when or where the run was made: no time stamps,
no folders; of the machine only the device and number type of the models, under ``backbone``. Times are rounded to milliseconds,
confidences and scores to four decimals; what is not a finite number is null.
"""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from importlib import metadata
from math import isfinite, nan
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from jaxtyping import Bool, Float

from av2a import __version__
from av2a.errors import Av2aError, MissingFile, NotMedia, one_line
from av2a.exports.rows import EventRow, clip_alone, invalid
from av2a.labels import ordered_names
from av2a.methods.trained.settings import ParserSettings
from av2a.settings import PROFILES, Settings
from av2a.timeline import Grid
from av2a.types import (
    AudioStream,
    BackboneInfo,
    Candidate,
    Clip,
    ClosestMiss,
    Detection,
    Event,
    KnownLabel,
    Modality,
    Trace,
    VideoStream,
    written_number,
)

SCHEMA = "av2a/detection/1"

_Record = TypeVar("_Record", BackboneInfo, VideoStream, AudioStream)


def as_dict(detection: Detection, *, traces: bool = False) -> dict[str, Any]:
    """The answer as plain values; ``traces`` adds the scores and thresholds of every stream under ``streams``."""
    plain: dict[str, Any] = {
        "schema": SCHEMA,
        "media": _media(detection.clip),
        "backbone": asdict(detection.backbone),
        "profile": detection.settings.profile,
        "settings": detection.settings.as_dict(),
        "labels": list(detection.labels),
        "grid": _grid(detection.grid),
        "events": [_event(event) for event in detection.rounded_events],
        "closest": None if detection.closest is None else _closest(detection.closest, detection.clip.duration_seconds),
        "warnings": list(detection.warnings),
        "versions": _versions(),
    }
    if detection.caution is not None:
        plain["caution"] = detection.caution
    if detection.known:
        plain["known"] = [asdict(each) for each in detection.known]
    if traces:
        plain["streams"] = [_trace(trace) for trace in detection.traces]
    return plain


def dumps(detection: Detection, *, traces: bool = False) -> str:
    """The answer as JSON text, indented, with a line break at its end."""
    return json.dumps(as_dict(detection, traces=traces), ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def write(detection: Detection, path: str | Path, truth: Sequence[Event] = ()) -> None:
    """Writes the answer to ``path``; it has the detected events, ``truth`` is not part of it."""
    # A lone surrogate (of a file name that is not Unicode) has no UTF-8, but its backslash form is what JSON writes for it.
    Path(path).write_bytes(dumps(detection).encode("utf-8", "backslashreplace"))


def loads(text: str) -> Detection:
    """The answer that :func:`dumps` wrote; its clip's path is the bare file name, its traces are there if they were written.

    Raises:
        NotMedia: the text is not such an answer.
    """
    try:
        plain = json.loads(text)
        if plain["schema"] != SCHEMA:
            raise ValueError(f"schema is {plain['schema']!r}")
        return _detection(plain)
    except (Av2aError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as wrong:
        raise NotMedia(f"not an av2a detection ({one_line(str(wrong))}): expected JSON of schema {SCHEMA!r}") from wrong


def read(path: str | Path) -> Detection:
    """The answer in a file that :func:`write` wrote.

    Raises:
        MissingFile: there is no such file.
        NotMedia: the file has other content.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"no such file: {one_line(str(path))!r}")
    return loads(path.read_bytes().decode("utf-8", "replace"))


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of an answer.

    Raises:
        InvalidAnnotations: the text is no answer.
    """
    try:
        detection = loads(text)
    except NotMedia as wrong:
        raise invalid(1, str(wrong)) from wrong
    if not detection.events:
        yield clip_alone(detection.clip.name)
    for each in detection.events:
        times = each.start_seconds, each.stop_seconds
        yield EventRow(detection.clip.name, each.label, each.modality, *times, each.confidence)


def _media(clip: Clip) -> dict[str, Any]:
    return {
        "name": clip.name,
        "sha256": clip.sha256,
        "size_bytes": clip.size_bytes,
        "container": clip.container,
        "duration_seconds": round(clip.duration_seconds, 6),
        "start_seconds": round(clip.start_seconds, 6),
        "video": None if clip.video is None else asdict(clip.video),
        "audio": None if clip.audio is None else asdict(clip.audio),
        "video_streams": [asdict(stream) for stream in clip.video_streams],
        "audio_streams": [asdict(stream) for stream in clip.audio_streams],
        "warnings": list(clip.warnings),
    } | ({"generated": True} if clip.generated else {})


def _grid(grid: Grid) -> dict[str, Any]:
    return {
        "segment_seconds": grid.segment_seconds,
        "segments": grid.segments,
        "duration_seconds": round(grid.duration_seconds, 6),
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "label": event.label,
        "modality": event.modality.value,
        "start": event.start_seconds,
        "end": event.stop_seconds,
        "confidence": event.confidence,
    }


def _closest(closest: ClosestMiss, duration_seconds: float) -> dict[str, Any]:
    label, modality, start, end, score, threshold, reason = closest.rounded(duration_seconds)
    return {
        "label": label,
        "modality": modality.value,
        "start": start,
        "end": end,
        "score": score,
        "threshold": threshold,
        "reason": reason,
    }


def _versions() -> dict[str, str]:
    return {
        "av2a": __version__,
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "av": metadata.version("av"),
    }


def _trace(trace: Trace) -> dict[str, Any]:
    return {
        "modality": trace.modality.value,
        "window_scores": _table(trace.window_scores),
        "selected": trace.selected.tolist(),
        "scores": _table(trace.scores),
        "thresholds": _table(trace.thresholds),
        "rejected": [
            {**_plain_candidate(candidate), "score": written_number(score)} for candidate, score in trace.rejected
        ],
        "derived": [_plain_candidate(candidate) for candidate in trace.derived],
    }


def _plain_candidate(candidate: Candidate) -> dict[str, int]:
    # Files keep the word of their schema.
    return {"category": candidate.label, "start": candidate.start, "stop": candidate.stop}


def _table(values: Float[np.ndarray, "row label"]) -> list[list[float | None]]:
    return [[written_number(value) for value in row] for row in values.tolist()]


def _detection(plain: Mapping[str, Any]) -> Detection:
    labels = ordered_names(plain["labels"])
    if len(set(labels)) != len(labels) or not labels:
        raise ValueError("labels are missing or given twice")
    closest = plain["closest"]
    return Detection(
        clip=_read_clip(plain["media"]),
        labels=labels,
        grid=Grid(_finite(plain["grid"]["duration_seconds"]), _finite(plain["grid"]["segment_seconds"])),
        backbone=_record(BackboneInfo, plain["backbone"]),
        settings=_read_settings(plain["settings"]),
        events=tuple(_read_event(event, labels) for event in plain["events"]),
        traces=tuple(_read_trace(trace, len(labels)) for trace in plain.get("streams", [])),
        warnings=_texts(plain["warnings"]),
        closest=None if closest is None else _read_closest(closest, labels),
        known=tuple(_read_known(each, labels) for each in plain.get("known", [])),
    )


def _read_settings(plain: Mapping[str, Any]) -> Settings:
    kind = ParserSettings if plain.keys() - {each.name for each in fields(Settings)} else Settings
    if plain["profile"] in PROFILES:
        return kind.of(plain)
    # A profile of one's own; settings that are newer than the file have their defaults.
    return kind.practical(**plain)


def _read_clip(plain: Mapping[str, Any]) -> Clip:
    name = _text(plain["name"])
    if Path(name).name != name or name in ("", ".."):
        raise ValueError(f"{name!r} is no file name")
    return Clip(
        path=Path(name),
        known_sha256=_text(plain["sha256"]),
        size_bytes=int(plain["size_bytes"]),
        container=_text(plain["container"]),
        duration_seconds=_finite(plain["duration_seconds"]),
        start_seconds=_finite(plain["start_seconds"]),
        video=None if plain["video"] is None else _record(VideoStream, plain["video"]),
        audio=None if plain["audio"] is None else _record(AudioStream, plain["audio"]),
        video_streams=tuple(_record(VideoStream, stream) for stream in plain["video_streams"]),
        audio_streams=tuple(_record(AudioStream, stream) for stream in plain["audio_streams"]),
        warnings=_texts(plain["warnings"]),
        generated=bool(plain.get("generated", False)),
    )


def _read_event(plain: Mapping[str, Any], labels: Sequence[str]) -> Event:
    return Event(
        label=labels[labels.index(plain["label"])],
        modality=Modality(plain["modality"]),
        start_seconds=_finite(plain["start"]),
        stop_seconds=_finite(plain["end"]),
        confidence=_finite(plain["confidence"]),
    )


def _read_known(plain: Mapping[str, Any], labels: Sequence[str]) -> KnownLabel:
    names = [None if plain[key] is None else _text(plain[key]) for key in ("heard_as", "seen_as")]
    return KnownLabel(labels[labels.index(plain["label"])], *names)


def _read_closest(plain: Mapping[str, Any], labels: Sequence[str]) -> ClosestMiss:
    return ClosestMiss(
        label=labels[labels.index(plain["label"])],
        modality=Modality(plain["modality"]),
        start_seconds=_finite(plain["start"]),
        stop_seconds=_finite(plain["end"]),
        score=_or_nan(plain["score"]),
        threshold=_or_nan(plain["threshold"]),
        **({"reason": _text(plain["reason"])} if "reason" in plain else {}),
    )


def _read_trace(plain: Mapping[str, Any], labels: int) -> Trace:
    selected: Bool[np.ndarray, "segment label"] = np.array(plain["selected"], dtype=bool).reshape(-1, labels)
    return Trace(
        modality=Modality(plain["modality"]),
        window_scores=_read_table(plain["window_scores"], labels),
        selected=selected,
        scores=_read_table(plain["scores"], labels),
        thresholds=_read_table(plain["thresholds"], labels),
        rejected=tuple(
            (Candidate(int(each["category"]), int(each["start"]), int(each["stop"])), _or_nan(each["score"]))
            for each in plain.get("rejected", [])
        ),
        derived=tuple(
            Candidate(int(each["category"]), int(each["start"]), int(each["stop"])) for each in plain.get("derived", [])
        ),
    )


def _read_table(rows: Sequence[Sequence[float | None]], labels: int) -> Float[np.ndarray, "row label"]:
    # None becomes NaN.
    return np.array(rows, dtype=float).reshape(-1, labels)


def _record(kind: type[_Record], plain: Mapping[str, Any]) -> _Record:
    """A record of plain values, each of its field's kind."""
    for name, annotation in get_type_hints(kind).items():
        kinds: tuple[Any, ...] = get_args(annotation) or (annotation,)
        if name in plain and not isinstance(plain[name], (*kinds, int) if float in kinds else kinds):
            raise ValueError(f"{name} is {plain[name]!r}")
    return kind(**plain)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise ValueError(f"{values!r} is no list")
    return tuple(map(_text, values))


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)


def _or_nan(value: Any) -> float:
    return nan if value is None else _finite(value)
