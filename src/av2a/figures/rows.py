"""What every time line draws: one row a name, three lanes a row, and the words around them."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from av2a.figures.axis import span
from av2a.types import Detection, Event, Modality

_HIDDEN = {"Cc", "Cs", "Co", "Cn"}
_DIRECTION = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


@dataclass(frozen=True)
class Lane:
    """One name in one stream: what was found, and what is true where that is known."""

    modality: Modality
    found: tuple[Event, ...]
    true: tuple[Event, ...]


@dataclass(frozen=True)
class Row:
    """One name with its lanes heard, seen and both, in this order."""

    label: str
    lanes: tuple[Lane, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found of this name, and nothing of it is known to be there."""
        return not any(lane.found or lane.true for lane in self.lanes)


def rows(detection: Detection, truth: Sequence[Event] = ()) -> list[Row]:
    """A row for each name that was found or is known to be there, in the order asked."""
    return [row for row in all_rows(detection, truth) if not row.is_empty]


def all_rows(detection: Detection, truth: Sequence[Event] = ()) -> list[Row]:
    """A row for each name that was asked for, in the order asked."""
    found, true = _by_lane(detection.events), _by_lane(truth)
    return [
        Row(label, tuple(Lane(one, tuple(found[label, one]), tuple(true[label, one])) for one in Modality))
        for label in detection.labels
    ]


def missed_labels(detection: Detection) -> list[str]:
    """The names that were asked for and not found."""
    found = {event.label for event in detection.events}
    return [label for label in detection.labels if label not in found]


def counted(detection: Detection) -> str:
    """The answer in a few words: "2 of 5 names found"."""
    asked = len(detection.labels)
    found = asked - len(missed_labels(detection))
    if found == 0:
        return "none of the names was found" if asked > 1 else "the name was not found"
    return f"{found} of {asked} names found" if asked > 1 else "the name was found"


def closest_words(detection: Detection) -> str:
    """What came nearest to being an event; empty when nothing did."""
    closest = detection.closest
    if closest is None:
        return ""
    where = span(closest.start_seconds, closest.stop_seconds)
    return (
        f"closest: {printable(closest.label)!r} {_stream_words(closest.modality)} at {where}, "
        f"score {closest.score:.3f} against a threshold of {closest.threshold:.3f}"
    )


def sentence(words: str) -> str:
    """``words`` with a capital letter at their beginning.

    >>> sentence("2 of 5 names found"), sentence("closest: 'CNN'")
    ('2 of 5 names found', "Closest: 'CNN'")
    """
    return words[:1].upper() + words[1:]


def printable(label: str) -> str:
    """``label`` fit for one line of a picture or a terminal: nothing in it moves a cursor or turns the writing direction.

    >>> printable("red\\x1b[31m\\nalert")
    'red�[31m alert'
    """
    flat = " ".join(label.split())
    kept = (character for character in flat if character not in _DIRECTION)
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _HIDDEN else one for one in kept)


def _stream_words(modality: Modality) -> str:
    return "heard and seen" if modality is Modality.AUDIO_VISUAL else modality.word


def _by_lane(events: Sequence[Event]) -> defaultdict[tuple[str, Modality], list[Event]]:
    lanes: defaultdict[tuple[str, Modality], list[Event]] = defaultdict(list)
    for event in events:
        lanes[event.label, event.modality].append(event)
    return lanes
