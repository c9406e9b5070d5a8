"""Event-level counts and F1: predicted events matched with true ones by their overlap.

Conventions
    An event is a maximal run of segments in which one category is present, half-open, ``[start, stop)``. A found event
    matches a true one of the same video and category when their intersection over union is at least ``minimum_overlap``
    (0.5 in all published numbers; equality matches). A found event that matches any true one is a true positive, else a
    false positive; a true event that no found one matches is a false negative. So two found events may both match
    one true event, and one found event may match two true ones. Source: Tian, Li, Xu, "Unified Multisensory
    Perception", ECCV 2020.

Differences from the official script
    None in the numbers. Any number of segments is taken, not ten only, the overlap can be chosen, and all videos are
    matched at once. Neighbouring intervals of one category are one event, as they are once painted on the time line.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from av2a.metrics.counts import Counts, Masks, require_masks


@dataclass(frozen=True)
class _Runs:
    """All events of all videos; ``row`` is the number of their (video, category), ascending."""

    row: Int[np.ndarray, " event"]
    start: Int[np.ndarray, " event"]
    stop: Int[np.ndarray, " event"]

    @property
    def length(self) -> Int[np.ndarray, " event"]:
        return self.stop - self.start


def event_counts(truth: Masks, predicted: Masks, *, minimum_overlap: float = 0.5) -> Counts:
    """Events found, wrongly found and missed, for each video and category.

    >>> truth = np.array([[[True, True, False, False, True]]])
    >>> predicted = np.array([[[True, False, False, True, False]]])
    >>> counts = event_counts(truth, predicted)
    >>> counts.true_positives, counts.false_positives, counts.false_negatives
    (array([[1]]), array([[1]]), array([[1]]))

    Raises:
        ValueError: the two are not boolean arrays of one shape, or ``minimum_overlap`` is not in (0, 1].
    """
    require_masks(truth=truth, predicted=predicted)
    if not 0 < minimum_overlap <= 1:
        raise ValueError(f"minimum_overlap must lie in (0, 1], got {minimum_overlap}")
    true_runs, found_runs = _all_runs(truth), _all_runs(predicted)
    true_matched, found_matched = _matched(true_runs, found_runs, minimum_overlap)
    shape = (truth.shape[0], truth.shape[1])
    return Counts(
        true_positives=_per_row(found_runs.row[found_matched], shape),
        false_positives=_per_row(found_runs.row[~found_matched], shape),
        false_negatives=_per_row(true_runs.row[~true_matched], shape),
    )


def event_f1(truth: Masks, predicted: Masks, *, minimum_overlap: float = 0.5) -> float:
    """F1 in [0, 1] over all events of all videos and categories at once (micro); 1 if nothing is there and nothing found.

    Not one of the ten numbers of :mod:`av2a.metrics.parsing`, which are means over videos.

    >>> event_f1(np.array([[[True, True, False]]]), np.array([[[True, False, True]]])) == 2 / 3
    True
    """
    return event_counts(truth, predicted, minimum_overlap=minimum_overlap).f1


def _all_runs(masks: Masks) -> _Runs:
    rows = masks.reshape(-1, masks.shape[2])
    edges = np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    # Row by row and in time, starts and stops take turns, so the two lists pair up one to one.
    row, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    return _Runs(row, start, stop)


def _matched(
    true_runs: _Runs, found_runs: _Runs, minimum_overlap: float
) -> tuple[Bool[np.ndarray, " true"], Bool[np.ndarray, " found"]]:
    """Which true and which found events overlap enough with any of the other kind."""
    true, found = _pairs(true_runs, found_runs)
    intersection = np.minimum(true_runs.stop[true], found_runs.stop[found]) - np.maximum(
        true_runs.start[true], found_runs.start[found]
    )
    # Where the two are apart the union is too large by the gap, and the intersection below zero: no match either way.
    union = true_runs.length[true] + found_runs.length[found] - intersection
    enough = intersection / union >= minimum_overlap
    true_matched = np.zeros(len(true_runs.row), dtype=bool)
    found_matched = np.zeros(len(found_runs.row), dtype=bool)
    true_matched[true[enough]] = True
    found_matched[found[enough]] = True
    return true_matched, found_matched


def _pairs(true_runs: _Runs, found_runs: _Runs) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """Every true event with every found one of the same row, as indexes into both."""
    first = np.searchsorted(true_runs.row, found_runs.row, side="left")
    partners = np.searchsorted(true_runs.row, found_runs.row, side="right") - first
    found = np.repeat(np.arange(len(found_runs.row)), partners)
    # The nth pair of a found event takes the nth true event of its row.
    nth = np.arange(len(found)) - np.repeat(np.cumsum(partners) - partners, partners)
    return np.repeat(first, partners) + nth, found


def _per_row(rows: Int[np.ndarray, " event"], shape: tuple[int, int]) -> Int[np.ndarray, "video category"]:
    return np.bincount(rows, minlength=shape[0] * shape[1]).reshape(shape)
