"""Final Cut Pro 7's XML (``.xml``), which Premiere Pro and others import: each video a clip, each event a marker on it.

Source: Apple, "Final Cut Pro XML Interchange Format", version 4. Markers have the modality before the label, and the confidence as their
comment. Line breaks in labels become spaces, and control characters U+FFFD.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote
from xml.etree.ElementTree import Element

from av2a.exports.frames import Frames
from av2a.exports.markup import parsed, xml_text
from av2a.exports.rows import NOTE, EventRow, cell, clip_alone, invalid, media_name, prefixed, seconds, without_prefix
from av2a.types import Detection

_CONFIDENCE = "confidence "


def dumps(*detections: Detection) -> str:
    """The sequence of all answers, one after the other."""
    # The sequence has the rate of the first; each clip keeps its own.
    rate = Frames.of(detections[0].clip)
    starts, clips = 0, []
    for number, detection in enumerate(detections, start=1):
        length = rate.length(detection.clip)
        clips += _clip(detection, number, starts, starts + length)
        starts += length
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!DOCTYPE xmeml>",
        '<xmeml version="4">',
        ' <sequence id="av2a">',
        f"  <name>av2a</name><duration>{starts}</duration>{_rate(rate)}",
        "  <media><video><track>",
        *clips,
        "  </track></video></media>",
        " </sequence>",
        "</xmeml>",
    ]
    return "\n".join(parts) + "\n"


def _clip(detection: Detection, number: int, start: int, stop: int) -> list[str]:
    clip, frames, events = detection.clip, Frames.of(detection.clip), detection.rounded_events
    markers = [
        _marker(prefixed(each), *frames.interval(each), f"{_CONFIDENCE}{each.confidence:.4f}") for each in events
    ]
    length = frames.length(clip)
    if detection.caution:
        markers.insert(0, _marker(NOTE, 0, length, ""))
    name = xml_text(cell(clip.name))
    sides = ["<video/>" if clip.video else "", "<audio/>" if clip.audio else ""]
    return [
        f'   <clipitem id="clip-{number}">',
        f"    <name>{name}</name><duration>{length}</duration>{_rate(frames)}",
        f"    <start>{start}</start><end>{stop}</end><in>0</in><out>{length}</out>",
        f'    <file id="file-{number}">',
        f"     <name>{name}</name><pathurl>{quote(clip.name.encode('utf-8', 'surrogateescape'))}</pathurl>",
        f"     {_rate(frames)}<duration>{length}</duration><media>{''.join(sides)}</media>",
        "    </file>",
        *markers,
        "   </clipitem>",
    ]


def _rate(frames: Frames) -> str:
    ntsc = "TRUE" if frames.rate.denominator == 1001 else "FALSE"
    return f"<rate><timebase>{max(1, round(frames.rate))}</timebase><ntsc>{ntsc}</ntsc></rate>"


def _marker(name: str, start: int, stop: int, comment: str) -> str:
    texts = f"<comment>{xml_text(comment)}</comment><name>{xml_text(name)}</name>"
    return f"    <marker>{texts}<in>{start}</in><out>{stop}</out></marker>"


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The markers on all clips, in the time of each clip's media.

    Raises:
        InvalidAnnotations: the text is no such document.
    """
    root, lines = parsed(text, "xmeml")
    # A file is described once, and named by its id in the clips that follow.
    paths = {file.get("id"): file.findtext("pathurl") for file in root.iter("file") if file.find("pathurl") is not None}
    paths.pop(None, None)
    for clip in root.iter("clipitem"):
        file = clip.find("file")
        path = None if file is None else file.findtext("pathurl") or paths.get(file.get("id"))
        name, frames = media_name(path) or clip.findtext("name") or filename, _frames(clip)
        if clip.find("marker") is None:
            yield clip_alone(name, lines[clip])
        for marker in clip.iterfind("marker"):
            modality, label = without_prefix(marker.findtext("name") or "")
            if label != NOTE:
                start, stop = _ends(marker, lines)
                comment = marker.findtext("comment") or ""
                has_confidence = comment.startswith(_CONFIDENCE)
                sure = seconds(comment.removeprefix(_CONFIDENCE), lines[marker]) if has_confidence else None
                yield EventRow(name, label, modality, frames.seconds(start), frames.seconds(stop), sure, lines[marker])


def _frames(clip: Element) -> Frames:
    timebase = clip.findtext("rate/timebase") or ""
    ntsc = 1000 / 1001 if clip.findtext("rate/ntsc") == "TRUE" else 1.0
    return Frames.at(int(timebase) * ntsc if timebase.isdecimal() and len(timebase) < 10 else None)


def _ends(marker: Element, lines: Mapping[Element, int]) -> tuple[int, int]:
    start, stop = (marker.findtext(end) or "" for end in ("in", "out"))
    # A marker without a length has -1 for its end.
    stop = start if stop == "-1" else stop
    if not all(end.isascii() and end.isdecimal() and len(end) < 10 for end in (start, stop)):
        raise invalid(lines[marker], f"a marker needs frames as its in and out, got {start[:20]!r} and {stop[:20]!r}")
    return int(start), int(stop)
