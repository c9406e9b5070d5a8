"""Chapters: the clip cut wherever what happens changes, so that no two chapters overlap."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from av2a.exports.rows import cell
from av2a.types import Detection, Modality

NOTHING = "–"
"""The title of a chapter in which nothing happens."""

_LABELS_IN_TITLE = 3


@dataclass
class Chapter:
    """A part of a clip in which the same things happen."""

    start_seconds: float
    stop_seconds: float
    title: str


def chapters(detection: Detection, shortest_seconds: float = 0.0) -> list[Chapter]:
    """The chapters of a clip, from its start to its end, of what is both heard and seen, else of all events.

    One shorter than ``shortest_seconds`` belongs to the one before it, the first to the one after it. A title names up to three
    labels, those that began first.
    """
    found: list[Chapter] = []
    for start, stop, title in _parts(detection):
        last = found[-1] if found else None
        if last is not None and (
            title == last.title or stop - start < shortest_seconds or _length(last) < shortest_seconds
        ):
            # The longer of two that become one gives the title.
            last.title = title if stop - start > _length(last) else last.title
            last.stop_seconds = stop
        else:
            found.append(Chapter(start, stop, title))
    if len(found) > 1 and _length(found[-1]) < shortest_seconds:
        found[-2].stop_seconds = found.pop().stop_seconds
    return found


def _length(chapter: Chapter) -> float:
    return round(chapter.stop_seconds - chapter.start_seconds, 3)


def _parts(detection: Detection) -> Iterator[tuple[float, float, str]]:
    events = detection.rounded_events
    both = [event for event in events if event.modality is Modality.AUDIO_VISUAL]
    changes: dict[float, list[tuple[int, str]]] = {0.0: [], detection.clip.duration_seconds: []}
    for event in both or events:
        changes.setdefault(event.start_seconds, []).append((1, cell(event.label)))
        changes.setdefault(event.stop_seconds, []).append((-1, cell(event.label)))
    present: dict[str, int] = {}
    times = sorted(changes)
    for start, stop in pairwise(times):
        for change, label in changes[start]:
            present[label] = present.get(label, 0) + change
            if not present[label]:
                del present[label]
        more = len(present) - _LABELS_IN_TITLE
        title = ", ".join(islice(present, _LABELS_IN_TITLE)) + (f" and {more} more" if more > 0 else "")
        yield start, stop, title or NOTHING
