"""Captions for a video player (WebVTT): "heard: dog barking", "seen: …", "both: …".

Source: W3C WebVTT, sections 4.1 (file structure) and 4.2.2 (cue text): ``&``, ``<`` and ``>`` are escaped, so no cue can hold ``-->``.
"""

import re
from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path

from av2a.exports.fields import utf8
from av2a.exports.rows import EventRow, cell, clock, clock_seconds, invalid, without_prefix
from av2a.types import Detection, Event

_TIMES = re.compile(r"\s*([\d:.,]+)\s+-->\s+([\d:.,]+)")
_TAG = re.compile(r"<[^<>]*>")


def dumps(detection: Detection) -> str:
    """The caption file's text."""
    notes = [] if detection.caution is None else [f"NOTE {detection.caution}\n"]
    cues = [_cue(number, event) for number, event in enumerate(detection.rounded_events, start=1)]
    return "\n".join(["WEBVTT\n", *notes, *(cues or ["NOTE no event was found\n"])])


def write(detection: Detection, path: str | Path, truth: Sequence[Event] = ()) -> None:
    """Writes the captions to ``path``; they have the detected events, ``truth`` is not part of them."""
    Path(path).write_bytes(utf8(dumps(detection)))


def cue_text(event: Event) -> str:
    """The line that a player shows while the event lasts."""
    return f"{event.modality.word}: {escaped(cell(event.label))}"


def escaped(text: str) -> str:
    """Text of one line for a cue."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cue(number: int, event: Event) -> str:
    times = f"{clock(event.start_seconds)} --> {clock(event.stop_seconds)}"
    return f"{number}\n{times}\n{cue_text(event)}\n"


def event_rows(text: str, filename: str) -> Iterator[EventRow]:
    """The events of a caption file; comments, styles and regions are none.

    Raises:
        InvalidAnnotations: the text is no caption file, or a time is none.
    """
    for line, start, stop, payload in cues(text):
        modality, label = without_prefix(unescape(_TAG.sub("", payload)))
        yield EventRow(filename, label, modality, start, stop, line=line)


def cues(text: str) -> Iterator[tuple[int, float, float, str]]:
    """The cues of a WebVTT file: the line of their times, start and stop in seconds, and the lines below as one.

    Raises:
        InvalidAnnotations: the text is no WebVTT file, or a time is none.
    """
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not rows[0].startswith("WEBVTT"):
        raise invalid(1, "a WebVTT file begins with WEBVTT")
    number = 0
    while number < len(rows):
        number += 1
        times = _TIMES.match(rows[number - 1])
        if times:
            first = number
            while number < len(rows) and rows[number]:
                number += 1
            start, stop = (clock_seconds(time, first) for time in times.groups())
            yield first, start, stop, " ".join(rows[first:number])
