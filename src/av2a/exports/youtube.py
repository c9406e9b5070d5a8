"""Chapters for the description of a video on YouTube (``.youtube.txt``): ``0:00 title`` lines.

YouTube shows them where there are three or more, the first at 0:00, each of ten seconds or more, in whole seconds. So much of the
answer is lost: what is both heard and seen is used, else all events, and shorter chapters are part of a neighbour.
"""

from av2a.exports.chapters import chapters
from av2a.types import Detection

LOSES = "only a summary: YouTube needs three chapters or more, of ten seconds or more"
_SHORTEST_SECONDS = 10
_LONGEST_TITLE = 100


def dumps(detection: Detection) -> str:
    """The lines."""
    note = f"{detection.caution}\n\n" if detection.caution else ""
    # Starts are cut to whole seconds, so a chapter needs more than ten to last ten in the list.
    found = chapters(detection, _SHORTEST_SECONDS + 0.999)
    return note + "".join(f"{_clock(each.start_seconds)} {_title(each.title)}\n" for each in found)


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _title(title: str) -> str:
    # The description may have no < and no >.
    short = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"
    return short.replace("<", "‹").replace(">", "›")
