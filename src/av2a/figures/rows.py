"""What every time line draws: one row a label, three lanes a row, and the words around them."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from av2a.figures.axis import clock, span
from av2a.types import Detection, Event, Modality
from av2a.wording import counted

_HIDDEN = {"Cc", "Cs", "Co", "Cn"}
_DIRECTION = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")

BINS = 400
"""Bars of a long video that would run into one another are drawn as this many bins, shaded by coverage."""
LEVELS = 5


@dataclass(frozen=True)
class RejectedInterval:
    """A candidate that failed validation, and its own score."""

    start_seconds: float
    stop_seconds: float
    score: float


@dataclass(frozen=True)
class Lane:
    """One label in one modality: detected and rejected intervals, and true ones where the truth is known."""

    modality: Modality
    found: tuple[Event, ...]
    true: tuple[Event, ...]
    rejected: tuple[RejectedInterval, ...]
    derived: tuple[tuple[float, float], ...]
    """The parts of ``found``, in seconds, that come from the other modalities alone."""

    @property
    def derived_from(self) -> str:
        """The source of ``derived``, in words."""
        return "heard and seen" if self.modality is Modality.AUDIO_VISUAL else "the fused score"


@dataclass(frozen=True)
class LabelRow:
    """One label with its lanes heard, seen and both, in this order; ``index`` is the label's."""

    label: str
    index: int
    lanes: tuple[Lane, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the label was not found and is not in the truth."""
        return not any(lane.found or lane.true for lane in self.lanes)

    @property
    def is_found(self) -> bool:
        """Whether the label has an event."""
        return any(lane.found for lane in self.lanes)


@dataclass(frozen=True)
class Shade:
    """Neighbouring bins of which about ``level`` of ``LEVELS`` parts are covered by events."""

    start_seconds: float
    stop_seconds: float
    level: int

    @property
    def opacity(self) -> float:
        """Rising with the level; the lowest can still be seen."""
        return 0.3 + 0.7 * self.level / LEVELS


def rows(detection: Detection, truth: Sequence[Event] = ()) -> list[LabelRow]:
    """A row for each label that was found or is in the truth, in the order of the labels."""
    return [row for row in all_rows(detection, truth) if not row.is_empty]


def all_rows(detection: Detection, truth: Sequence[Event] = ()) -> list[LabelRow]:
    """A row for each label, in their order."""
    found, true = _by_lane(detection.events), _by_lane(truth)
    rejected: defaultdict[tuple[int, Modality], list[RejectedInterval]] = defaultdict(list)
    derived: defaultdict[tuple[int, Modality], list[tuple[float, float]]] = defaultdict(list)
    for trace in detection.traces:
        for each, score in trace.rejected:
            interval = RejectedInterval(*detection.grid.seconds(each.start, each.stop), score)
            rejected[each.label, trace.modality].append(interval)
        for each in trace.derived:
            derived[each.label, trace.modality].append(detection.grid.seconds(each.start, each.stop))
    return [
        LabelRow(
            label,
            index,
            tuple(
                Lane(
                    one,
                    tuple(found[label, one]),
                    tuple(true[label, one]),
                    tuple(rejected[index, one]),
                    tuple(derived[index, one]),
                )
                for one in Modality
            ),
        )
        for index, label in enumerate(detection.labels)
    ]


def shades(events: Sequence[Event], duration_seconds: float, segment_seconds: float) -> list[Shade]:
    """The coverage of a lane in bins where bars would merge; empty where bars can be told apart.

    Bars merge where a gap between two events is narrower than a bin. A covered bin is never invisible: its level is at least 1.

    >>> from av2a.types import Modality
    >>> seconds = [Event("a", Modality.AUDIO, 2.0 * index, 2.0 * index + 1, 0.9) for index in range(18)]
    >>> [(each.start_seconds, each.stop_seconds, each.level) for each in shades(seconds, 7200.0, 1.0)]
    [(0.0, 36.0, 3)]
    """
    bin_seconds = duration_seconds / BINS
    ordered = sorted(events, key=lambda event: event.start_seconds)
    starts = np.array([event.start_seconds for event in ordered])
    stops = np.maximum.accumulate(np.array([event.stop_seconds for event in ordered]))
    if bin_seconds <= segment_seconds or not (starts[1:] - stops[:-1] < bin_seconds).any():
        return []
    # Overlapping events count once. Covered seconds up to a time rise only within an event.
    starts[1:] = np.maximum(starts[1:], stops[:-1])
    covered = np.cumsum(stops - starts)
    edges = np.arange(BINS + 1) * bin_seconds
    before = np.stack([covered - (stops - starts), covered], axis=1).ravel()
    before_edges = np.interp(edges, np.stack([starts, stops], axis=1).ravel(), before)
    levels = np.ceil(np.diff(before_edges) / bin_seconds * LEVELS - 1e-6).astype(int)
    borders = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), BINS]
    return [
        Shade(float(edges[start]), float(edges[stop]), int(levels[start]))
        for start, stop in pairwise(borders)
        if levels[start] > 0
    ]


def missed_labels(detection: Detection) -> list[str]:
    """The labels without an event."""
    found = {event.label for event in detection.events}
    return [label for label in detection.labels if label not in found]


def found_words(detection: Detection) -> str:
    """The answer in a few words: "2 of 5 labels found"."""
    count = len(detection.labels)
    found = count - len(missed_labels(detection))
    if found == 0:
        return "none of the labels was found" if count > 1 else "the label was not found"
    return f"{found} of {count} labels found" if count > 1 else "the label was found"


def not_drawn_words(number: int) -> str:
    """How many labels there is no room for; empty for none."""
    return f"{counted(number, 'more label')} {'is' if number == 1 else 'are'} not drawn" if number > 0 else ""


def derived_words(rows: Sequence[LabelRow]) -> str:
    """What the pale parts of bars are; empty where there are none."""
    if not any(lane.derived for row in rows for lane in row.lanes):
        return ""
    return "pale: from the other modalities, as heard, seen and both agree"


def found_lengths(row: LabelRow) -> str:
    """In which modalities and how long a label was found: "heard 2 s, both 1 s"; empty where it was not."""
    totals = {
        lane.modality.word: sum(event.stop_seconds - event.start_seconds for event in lane.found) for lane in row.lanes
    }
    return ", ".join(
        f"{word} {f'{total:.3g} s' if total < 60 else clock(float(round(total)))}"
        for word, total in totals.items()
        if total
    )


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


def lone_both_words(detection: Detection) -> str:
    """Why something can be "both" where it is not heard or not seen; empty where no event is."""
    lanes = _by_lane(detection.events)
    alone = any(
        not _is_covered(event, lanes[event.label, part])
        for event in detection.events_of(Modality.AUDIO_VISUAL)
        for part in (Modality.AUDIO, Modality.VISUAL)
    )
    return '"both" has a score of its own here, so it can stand where heard or seen is missing' if alone else ""


def sentence(words: str) -> str:
    """``words`` with a capital letter at their beginning.

    >>> sentence("2 of 5 labels found"), sentence('"both" has'), sentence("closest: 'CNN'")
    ('2 of 5 labels found', '"Both" has', "Closest: 'CNN'")
    """
    first = 1 if words.startswith('"') else 0
    return words[:first] + words[first : first + 1].upper() + words[first + 1 :]


def printable(label: str) -> str:
    """``label`` for one line of a picture or a terminal, without characters that move a cursor or turn the writing direction.

    >>> printable("red\\x1b[31m\\nalert")
    'red�[31m alert'
    """
    flat = " ".join(label.split())
    kept = (character for character in flat if character not in _DIRECTION)
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in _HIDDEN else one for one in kept)


def _stream_words(modality: Modality) -> str:
    return "heard and seen" if modality is Modality.AUDIO_VISUAL else modality.word


def _is_covered(event: Event, others: Sequence[Event]) -> bool:
    """Whether ``others``, sorted by start, leave no part of ``event`` free."""
    reached = event.start_seconds
    for other in others:
        if other.start_seconds <= reached:
            reached = max(reached, other.stop_seconds)
    return reached >= event.stop_seconds


def _by_lane(events: Sequence[Event]) -> defaultdict[tuple[str, Modality], list[Event]]:
    lanes: defaultdict[tuple[str, Modality], list[Event]] = defaultdict(list)
    for event in events:
        lanes[event.label, event.modality].append(event)
    return lanes
