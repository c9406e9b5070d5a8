"""ELAN annotation documents (``.eaf``, format 3.0): a tier for each label and modality, named "dog barking (heard)".

A tier may not overlap itself. XML has no control characters; each becomes U+FFFD. The date, which the format requires, is a
constant, so that the same answer gives the same bytes. What is read is about the document's first media file.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePath
from urllib.parse import quote

from av2a.exports.markup import parsed, xml_text
from av2a.exports.rows import EventRow, clip_alone, invalid, media_name, seconds, track_modality, tracks
from av2a.types import Detection, Event

_MIME_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".wav": "audio/x-wav", ".mp3": "audio/mpeg"}
_SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd"'
)
_LINGUISTIC_TYPE = "default-lt"


def dumps(detection: Detection) -> str:
    """The document as XML."""
    name = quote(detection.clip.name.encode("utf-8", "surrogateescape"))
    kind = _MIME_TYPES.get(PurePath(detection.clip.name).suffix.lower(), "unknown")
    media = f'MEDIA_URL="file:///{name}" MIME_TYPE="{kind}" RELATIVE_MEDIA_URL="./{name}"'
    caution = detection.caution
    slots: list[tuple[int, str]] = []
    tiers = [line for tier, track in tracks(detection.rounded_events) for line in _tier(tier, track, slots)]
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<ANNOTATION_DOCUMENT AUTHOR="av2a" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0" {_SCHEMA}>',
        '  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        f"    <MEDIA_DESCRIPTOR {media}/>",
        *([] if caution is None else [f'    <PROPERTY NAME="caution">{xml_text(caution)}</PROPERTY>']),
        "  </HEADER>",
        "  <TIME_ORDER>",
        *(f'    <TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{time}"/>' for time, slot in sorted(slots)),
        "  </TIME_ORDER>",
        *tiers,
        f'  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="{_LINGUISTIC_TYPE}" TIME_ALIGNABLE="true"/>',
        "</ANNOTATION_DOCUMENT>",
    ]
    return "\n".join(parts) + "\n"


def _tier(name: str, track: Sequence[Event], slots: list[tuple[int, str]]) -> Iterator[str]:
    """The lines of a tier; the times of its events are added to ``slots``."""
    yield f'  <TIER LINGUISTIC_TYPE_REF="{_LINGUISTIC_TYPE}" TIER_ID="{xml_text(name)}">'
    for event in track:
        number = len(slots)
        first, last = f"ts{number + 1}", f"ts{number + 2}"
        slots += [(round(1000 * event.start_seconds), first), (round(1000 * event.stop_seconds), last)]
        reference = f'ANNOTATION_ID="a{number // 2 + 1}" TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{last}"'
        yield f"    <ANNOTATION><ALIGNABLE_ANNOTATION {reference}>"
        yield f"      <ANNOTATION_VALUE>{xml_text(event.label)}</ANNOTATION_VALUE>"
        yield "    </ALIGNABLE_ANNOTATION></ANNOTATION>"
    yield "  </TIER>"


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The annotations with times, of all tiers.

    Raises:
        InvalidAnnotations: the text is no such document.
    """
    root, lines = parsed(text, "ANNOTATION_DOCUMENT")
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    addresses = () if media is None else (media.get("RELATIVE_MEDIA_URL"), media.get("MEDIA_URL"))
    filename = next(filter(None, map(media_name, addresses)), filename)
    tiers = root.findall("TIER")
    if not any(tier.find("ANNOTATION") is not None for tier in tiers):
        yield clip_alone(filename)
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iterfind("TIME_ORDER/TIME_SLOT")}
    for tier in tiers:
        modality = track_modality(tier.get("TIER_ID", ""))
        rows = []
        for annotation in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
            start, stop = (times.get(annotation.get(f"TIME_SLOT_REF{end}")) for end in (1, 2))
            line = lines[annotation]
            if start is None or stop is None:
                name = annotation.get("ANNOTATION_ID", "")
                raise invalid(line, f"annotation {name[:40]!r} has no time of its own: align it in ELAN")
            label = annotation.findtext("ANNOTATION_VALUE") or ""
            rows.append(
                EventRow(filename, label, modality, seconds(start, line) / 1000, seconds(stop, line) / 1000, line=line)
            )
        rows.sort(key=lambda row: (row.start_seconds, row.stop_seconds))
        for before, row in pairwise(rows):
            if row.start_seconds < before.stop_seconds:
                raise invalid(
                    row.line, f"overlaps the annotation of line {before.line} in its tier: put it on another tier"
                )
        yield from rows
