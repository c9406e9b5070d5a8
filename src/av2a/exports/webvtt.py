"""Captions for a video player (WebVTT): "heard: dog barking", "seen: …", "both: …".

Source: W3C WebVTT, sections 4.1 (file structure) and 4.2.2 (cue text): ``&``, ``<`` and ``>`` are escaped, so no cue can hold ``-->``.
"""

from collections.abc import Sequence
from pathlib import Path

from av2a.exports.fields import single_line, utf8
from av2a.types import Detection, Event


def dumps(detection: Detection) -> str:
    """The caption file's text."""
    notes = [] if detection.caution is None else [f"NOTE {detection.caution}\n"]
    cues = [_cue(number, event) for number, event in enumerate(detection.rounded_events, start=1)]
    return "\n".join(["WEBVTT\n", *notes, *(cues or ["NOTE no event was found\n"])])


def write(detection: Detection, path: str | Path, truth: Sequence[Event] = ()) -> None:
    """Writes the captions to ``path``; they have the detected events, ``truth`` is not part of them."""
    Path(path).write_bytes(utf8(dumps(detection)))


def timestamp(seconds: float) -> str:
    """A WebVTT time.

    >>> timestamp(3723.5)
    '01:02:03.500'
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}.{milliseconds:03d}"


def cue_text(event: Event) -> str:
    """The line that a player shows while the event lasts."""
    label = single_line(event.label).replace("\0", "\N{REPLACEMENT CHARACTER}")
    escaped = label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"{event.modality.word}: {escaped}"


def _cue(number: int, event: Event) -> str:
    times = f"{timestamp(event.start_seconds)} --> {timestamp(event.stop_seconds)}"
    return f"{number}\n{times}\n{cue_text(event)}\n"
