"""Label Studio's tasks with predictions (``.labelstudio.json``), of any number of clips; its export is read.

Import the tasks into a project whose labelling interface is :mod:`av2a.exports.label_studio_config`. One control has the labels
``dog barking · heard``: when a person draws, Label Studio uses the first control of a video alone. In videos it counts frames from 1, the
last included; in sounds without a picture it has seconds. XML, in which the interface is, has no control characters; each becomes U+FFFD.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from av2a.exports.frames import Frames
from av2a.exports.markup import written_label
from av2a.exports.rows import WORDS, EventRow, clip_alone
from av2a.exports.structured import event_row, json_rows, json_text
from av2a.types import Detection, Event, Modality

CONTROL, VIDEO, AUDIO = "events", "video", "audio"
_BETWEEN = " · "
_USUAL_RATE_HZ = 24
"""What Label Studio takes where no rate is set."""
_UPLOADED = re.compile(r"[0-9a-f]{8}-")


def dumps(*detections: Detection) -> str:
    """The tasks of all answers."""
    return json_text([_task(each) for each in detections], depth=5)


def label_and_stream(label: str, modality: Modality) -> str:
    """The label of a region."""
    return written_label(label) + _BETWEEN + modality.word


def _task(detection: Detection) -> dict[str, Any]:
    clip, events = detection.clip, detection.rounded_events
    frames = Frames.of(clip)
    data: dict[str, Any] = {
        VIDEO if clip.video else AUDIO: quote(clip.name.encode("utf-8", "surrogateescape")),
        "fps": round(float(frames.rate), 6),
    }
    if detection.caution:
        data["note"] = detection.caution
    region = _video_region if clip.video else _audio_region
    result = [
        {
            "id": f"e{number}",
            "from_name": CONTROL,
            **region(event, frames, clip.duration_seconds),
            "score": event.confidence,
        }
        for number, event in enumerate(events, start=1)
    ]
    mean = sum(event.confidence for event in events) / max(1, len(events))
    prediction = {"model_version": f"av2a {detection.backbone.name}", "score": round(mean, 4), "result": result}
    return {"data": data, "predictions": [prediction]}


def _video_region(event: Event, frames: Frames, duration_seconds: float) -> dict[str, Any]:
    start, stop = frames.interval(event)
    value = {
        "ranges": [{"start": start + 1, "end": stop}],
        "timelinelabels": [label_and_stream(event.label, event.modality)],
    }
    return {"to_name": VIDEO, "type": "timelinelabels", "value": value}


def _audio_region(event: Event, frames: Frames, duration_seconds: float) -> dict[str, Any]:
    times = {"start": event.start_seconds, "end": event.stop_seconds, "channel": 0}
    value = {**times, "labels": [label_and_stream(event.label, event.modality)]}
    return {"to_name": AUDIO, "type": "labels", "original_length": round(duration_seconds, 3), "value": value}


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The regions of each task's annotation, of its predictions where nobody has annotated it.

    Of several annotations the last is taken, or the one that is marked as ground truth; cancelled ones are not.

    Raises:
        InvalidAnnotations: the text is no such list of tasks.
    """
    return json_rows(text, "Label Studio's", "from_name", _rows)


def _rows(tasks: Sequence[Mapping[str, Any]]) -> Iterator[EventRow]:
    if not isinstance(tasks, list):
        raise TypeError("a JSON list of tasks is needed: export as JSON")
    for task in tasks:
        name, frames = _clip_name(task["data"]), Frames.at(float(task["data"].get("fps", _USUAL_RATE_HZ)))
        given = [each for each in task.get("annotations", []) if not each.get("was_cancelled")]
        given.sort(key=lambda each: bool(each.get("ground_truth")))
        regions = (given or task.get("predictions") or [{"result": []}])[-1]["result"]
        rows = [row for region in regions for row in _region_rows(region, name, frames)]
        yield from rows or [clip_alone(name)]


def _region_rows(region: Mapping[str, Any], name: str, frames: Frames) -> Iterator[EventRow]:
    value = region["value"]
    if "ranges" in value:
        times = [(frames.seconds(each["start"] - 1), frames.seconds(each["end"])) for each in value["ranges"]]
    elif "start" in value:
        times = [(value["start"], value["end"])]
    else:
        # A choice or a text for the whole task.
        return
    for written in value.get("timelinelabels", value.get("labels", [])):
        label, _, word = written.rpartition(_BETWEEN)
        label, modality = (label, WORDS[word]) if word in WORDS and label else (written, None)
        yield from (event_row(name, label, modality, *each, region.get("score")) for each in times)


def _clip_name(data: Mapping[str, Any]) -> str:
    addresses = [data.get(VIDEO), data.get(AUDIO), *data.values()]
    address: str = next(each for each in addresses if isinstance(each, str))
    name = unquote(re.split(r"[/=]", address)[-1])
    return _UPLOADED.sub("", name, count=1) if "upload/" in address else name
