"""W3C's Web Annotations (``.jsonld``): a page with an annotation for each event, of any number of clips.

Source: W3C, "Web Annotation Data Model" and "Media Fragments URI 1.0". The label tags a part of the video, ``t=3.000,5.000``. Heard,
seen or both classifies it, and the confidence assesses it. A page and its annotations need names of their own: the page's is computed from
what it says, and they are numbered. A page must not be empty: where there is no event, the file is a collection without pages. A clip without events has no annotation.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from av2a.exports.rows import WORDS, EventRow, media_name
from av2a.exports.structured import event_row, json_rows, json_text
from av2a.types import Detection, Event

_CONTEXT = "http://www.w3.org/ns/anno.jsonld"
_FRAGMENT = re.compile(r"t=(?:npt:)?(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)")


def dumps(*detections: Detection) -> str:
    """The page of all answers."""
    items = [_annotation(detection, event) for detection in detections for event in detection.rounded_events]
    name = uuid5(NAMESPACE_URL, json.dumps(items)).urn
    items = [{"id": f"{name}#{number}", **each} for number, each in enumerate(items, start=1)]
    page: dict[str, Any] = {"@context": _CONTEXT, "id": name}
    page["type"] = "AnnotationPage" if items else "AnnotationCollection"
    caution = next((each.caution for each in detections if each.caution), None)
    if caution:
        page["summary"] = caution
    return json_text(page | ({"items": items} if items else {"label": "av2a", "total": 0}), depth=2)


def _annotation(detection: Detection, event: Event) -> dict[str, Any]:
    return {
        "type": "Annotation",
        "body": [
            _body("tagging", event.label),
            _body("classifying", event.modality.word),
            _body("assessing", f"{event.confidence:.4f}"),
        ],
        "target": {
            "type": "SpecificResource",
            "source": quote(detection.clip.name.encode("utf-8", "surrogateescape")),
            "selector": {
                "type": "FragmentSelector",
                "conformsTo": "http://www.w3.org/TR/media-frags/",
                "value": f"t={event.start_seconds:.3f},{event.stop_seconds:.3f}",
            },
        },
    }


def _body(purpose: str, value: str) -> dict[str, str]:
    return {"type": "TextualBody", "value": value, "purpose": purpose}


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The annotations of a page that have a tag and a part of a video.

    Raises:
        InvalidAnnotations: the text is no such page.
    """
    return json_rows(text, "Web Annotation's", "selector", _rows)


def _rows(page: Mapping[str, Any]) -> Iterator[EventRow]:
    annotations: Iterable[Any] = () if page.get("type") == "AnnotationCollection" else page["items"]
    for annotation in annotations:
        bodies = {body.get("purpose"): body["value"] for body in annotation["body"]}
        source, fragment = annotation["target"]["source"], annotation["target"]["selector"]["value"]
        times = _FRAGMENT.fullmatch(fragment)
        if times is None:
            raise ValueError(f"a part of a video looks like t=3.000,5.000, got {str(fragment)[:40]!r}")
        modality, confidence = WORDS.get(bodies.get("classifying", "")), bodies.get("assessing")
        name = media_name(source)
        sure = None if confidence is None else float(confidence)
        yield event_row(name, bodies["tagging"], modality, times[1], times[2], sure)
