"""Chapters for a video player (WebVTT, ``.chapters.vtt``, ``kind="chapters"``): one cue for each part in which the same things happen.

Chapters do not overlap, so heard and seen are not told apart: what is both heard and seen is used, else all events.
"""

from av2a.exports.chapters import NOTHING, chapters
from av2a.exports.rows import clock
from av2a.exports.webvtt import escaped
from av2a.types import Detection

LOSES = "only a summary: chapters do not overlap, and do not tell heard from seen"


def dumps(detection: Detection) -> str:
    """The chapters."""
    notes = [f"NOTE {detection.caution}\n"] if detection.caution else []
    cues = [
        f"{clock(each.start_seconds)} --> {clock(each.stop_seconds)}\n{escaped(each.title)}\n"
        for each in chapters(detection)
        if each.title != NOTHING
    ]
    return "\n".join(["WEBVTT\n", *notes, *(cues or ["NOTE no event was found\n"])])
