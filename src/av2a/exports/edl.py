"""Marker lists for DaVinci Resolve (``.edl``, CMX 3600 with Resolve's notes): green is heard, blue is seen, red is both.

Import it as "Timeline Markers from EDL" into a timeline that begins at 01:00:00:00, Resolve's default, and has the video's frame
rate, which the title names after the video: readers take no comment before the first event. Time codes do not drop frames.
Line breaks in labels become spaces, and ``|``, which ends a name, ``¦``.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

from av2a.exports.frames import USUAL_RATE, Frames
from av2a.exports.rows import NOTE, EventRow, cell, clip_alone, invalid, lines, prefixed, without_prefix
from av2a.types import Detection, Modality

_COLOURS = {Modality.AUDIO: "Green", Modality.VISUAL: "Blue", Modality.AUDIO_VISUAL: "Red"}
_FIRST_TIMECODE = "01:00:00:00"
_RATE = re.compile(r", (\d{1,9})(?:/(\d{1,9}))? frames a second")
_CLIP = re.compile(r"^\* FROM CLIP NAME:(.*)$", re.MULTILINE)
_EVENT = re.compile(r"\d+ +\S+ +\S+ +C +(?:\d+:\d\d:\d\d[:;]\d\d +){2}(\d+:\d\d:\d\d[:;]\d\d) .*")
_MARKER = re.compile(r"[^|]*\|C:(\w+) \|M:([^|]*) \|D:(\d{1,9})")


def dumps(detection: Detection) -> str:
    """The list of markers."""
    frames = Frames.of(detection.clip)
    first = frames.frame(_FIRST_TIMECODE)
    title = f"{written_label(detection.clip.path.stem)}, {frames.rate} frames a second"
    parts = [f"TITLE: {title}{f', {NOTE}' if detection.caution else ''}", "FCM: NON-DROP FRAME"]
    for number, event in enumerate(detection.rounded_events, start=1):
        start, stop = frames.interval(event)
        at, after = frames.timecode(first + start), frames.timecode(first + start + 1)
        marker = f"|C:ResolveColor{_COLOURS[event.modality]} |M:{written_label(prefixed(event))} |D:{stop - start}"
        parts += ["", f"{number:03d}  001      V     C        {at} {after} {at} {after}  ", f" {marker}"]
    return "\n".join(parts) + "\n"


def written_label(label: str) -> str:
    """A label as a marker's name."""
    return cell(label).replace("|", "¦")


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The markers of a list, at the frame rate that its title names, else 25.

    They are about the one clip that an editor's comments name, or the video in the title.

    Raises:
        InvalidAnnotations: the text is no such list.
    """
    numbered = lines(text)
    number, title = next(numbered, (1, ""))
    if not title.startswith("TITLE:"):
        raise invalid(number, "an EDL begins with TITLE:")
    # The last: the name of a video may look like one.
    rate = next(reversed([*_RATE.finditer(title)]), None)
    frames = Frames(Fraction(max(1, int(rate[1])), max(1, int(rate[2] or 1))) if rate else USUAL_RATE)
    clips = {name.strip() for name in _CLIP.findall(text)}
    if len(clips) == 1:
        filename = clips.pop() or filename
    elif rate:
        filename = title[len("TITLE:") : rate.start()].strip() or filename
    at, empty = None, True
    for number, line in numbered:
        if found := _EVENT.fullmatch(line + " "):
            at = frames.frame(found[1]) - frames.frame(_FIRST_TIMECODE)
            if not 0 <= at < 1e9:
                raise invalid(
                    number, f"the time code {found[1]} is before {_FIRST_TIMECODE}, where the timeline begins"
                )
        elif (found := _MARKER.fullmatch(line.strip())) and at is not None:
            modality, label = without_prefix(found[2])
            yield EventRow(
                filename, label, modality, frames.seconds(at), frames.seconds(at + int(found[3])), line=number
            )
            at, empty = None, False
    if empty:
        yield clip_alone(filename)
