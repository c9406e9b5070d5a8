"""ELAN annotation documents (``.eaf``, format 3.0): a tier for each label and modality, named "dog barking (heard)".

A tier may not overlap itself. XML has no control characters; each becomes U+FFFD. The date, which the format requires, is a
constant, so that the same answer gives the same bytes.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from av2a.exports.rows import EventRow, invalid, seconds, track_modality, tracks
from av2a.types import Detection, Event

_NOT_IN_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
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
        *([] if caution is None else [f'    <PROPERTY NAME="caution">{_xml_text(caution)}</PROPERTY>']),
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
    yield f'  <TIER LINGUISTIC_TYPE_REF="{_LINGUISTIC_TYPE}" TIER_ID="{_xml_text(name)}">'
    for event in track:
        number = len(slots)
        first, last = f"ts{number + 1}", f"ts{number + 2}"
        slots += [(round(1000 * event.start_seconds), first), (round(1000 * event.stop_seconds), last)]
        reference = f'ANNOTATION_ID="a{number // 2 + 1}" TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{last}"'
        yield f"    <ANNOTATION><ALIGNABLE_ANNOTATION {reference}>"
        yield f"      <ANNOTATION_VALUE>{_xml_text(event.label)}</ANNOTATION_VALUE>"
        yield "    </ALIGNABLE_ANNOTATION></ANNOTATION>"
    yield "  </TIER>"


def written_label(label: str) -> str:
    """A label as XML can have it."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", label)


def _xml_text(text: str) -> str:
    # A carriage return as it is would be read as a line feed.
    return escape(written_label(text), {"\r": "&#13;", '"': "&quot;"})


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The annotations with times, of all tiers.

    Raises:
        InvalidAnnotations: the text is no such document.
    """
    root = parsed(text, "ANNOTATION_DOCUMENT")
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iterfind("TIME_ORDER/TIME_SLOT")}
    for tier in root.iterfind("TIER"):
        modality = track_modality(tier.get("TIER_ID", ""))
        for annotation in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
            start, stop = (times.get(annotation.get(f"TIME_SLOT_REF{end}")) for end in (1, 2))
            if start is None or stop is None:
                name = annotation.get("ANNOTATION_ID")
                raise invalid(0, f"annotation {name!r} has no time of its own: align it in ELAN")
            label = annotation.findtext("ANNOTATION_VALUE") or ""
            yield EventRow(filename, label, modality, seconds(start, 0) / 1000, seconds(stop, 0) / 1000)


def parsed(text: str, root: str) -> Element:
    """The document's root element.

    Raises:
        InvalidAnnotations: it is no XML with this root, or declares a document type, which may have entities of any size.
    """
    declared = re.search("<!DOCTYPE|<!ENTITY", text)
    if declared:
        raise invalid(text.count("\n", 0, declared.start()) + 1, "document types are refused: delete the declaration")
    try:
        element = ElementTree.fromstring(text)
    except ElementTree.ParseError as wrong:
        raise invalid(wrong.position[0], f"no whole XML document ({wrong})") from wrong
    if element.tag != root:
        raise invalid(1, f"expected an XML document {root}, got {element.tag[:40]!r}")
    return element
