"""From presence to candidate intervals, and their validation (S_k and Eq. 9)."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float

from av2a.settings import ValidationRule
from av2a.timeline import runs
from av2a.types import Candidate


def candidates(
    present: Bool[np.ndarray, "segment category"],
    *,
    minimum_segments: int = 2,
    merge_gap_segments: int = 1,
    merge_first: bool = False,
) -> list[Candidate]:
    """The intervals in which each category may be present (S_k).

    Source: the maximal runs of the paper; the defaults are the released rules (behaviour 23): runs of one segment are dropped, then holes of
    one segment between the others are filled. Categories come in the order of their first present segment, dropped ones
    included, ties in category order (behaviour 25); intervals of a category in the order of time.

    Args:
        minimum_segments: shorter intervals are dropped.
        merge_gap_segments: holes up to this length are filled.
        merge_first: fill holes before dropping what is short, so that a short run can bridge.

    >>> present = np.array([[True], [True], [False], [True], [True], [False], [True]])
    >>> candidates(present)
    [Candidate(category=0, start=0, stop=5)]
    >>> candidates(present, merge_first=True)
    [Candidate(category=0, start=0, stop=7)]
    """
    # argmax is the first present segment; the sort is stable, so ties stay in category order.
    order = np.argsort(np.argmax(present, axis=0), kind="stable")
    found = []
    for category in order[np.asarray(present.any(axis=0))[order]]:
        intervals = runs(present[:, category])
        if merge_first:
            intervals = _at_least(_merged(intervals, merge_gap_segments), minimum_segments)
        else:
            intervals = _merged(_at_least(intervals, minimum_segments), merge_gap_segments)
        found += [Candidate(int(category), start, stop) for start, stop in intervals]
    return found


def _at_least(intervals: list[tuple[int, int]], minimum: int) -> list[tuple[int, int]]:
    return [(start, stop) for start, stop in intervals if stop - start >= minimum]


def _merged(intervals: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in intervals:
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


def validated(
    found: Sequence[Candidate],
    scores: Float[np.ndarray, "candidate category"],
    confidence_threshold: float,
    *,
    rule: ValidationRule = ValidationRule.CONFIDENCE,
    keep_best: bool = False,
) -> list[int]:
    """Which candidates hold when each is scored by itself: their indexes, in order (Eq. 9).

    Args:
        scores: of every category on each candidate's own interval, P′.
        confidence_threshold: τ_r; the candidate's own score must be strictly above (compared in float32, behaviour 27).
        keep_best: when none holds, keep the one with the highest score all the same, the first on ties (behaviour 29).

    >>> found = [Candidate(0, 0, 2), Candidate(1, 4, 6)]
    >>> validated(found, np.array([[0.8, 0.1], [0.9, 0.5]], dtype=np.float32), 0.75)
    [0]
    """
    if not found:
        return []
    categories = np.array([candidate.category for candidate in found])
    own = scores[np.arange(len(found)), categories]
    if rule is ValidationRule.ARGMAX:
        holds = scores.argmax(axis=1) == categories
    else:
        holds = own > np.float32(confidence_threshold)
    if keep_best and not holds.any():
        holds[int(np.argmax(own))] = True
    return [int(index) for index in np.flatnonzero(holds)]


def late_fused(visual: Iterable[Candidate], audio: Iterable[Candidate], segments: int) -> list[Candidate]:
    """What is both seen and heard: the segments that the same category has in both (Table 6; behaviour 31).

    Sorted by category, then time; intervals of one segment are allowed.

    >>> late_fused([Candidate(2, 0, 5)], [Candidate(2, 4, 9)], segments=10)
    [Candidate(category=2, start=4, stop=5)]
    """
    seen, heard = _painted(visual, segments), _painted(audio, segments)
    return [
        Candidate(category, start, stop)
        for category in sorted(seen.keys() & heard.keys())
        for start, stop in runs(seen[category] & heard[category])
    ]


def _painted(found: Iterable[Candidate], segments: int) -> dict[int, Bool[np.ndarray, " segment"]]:
    masks: dict[int, np.ndarray] = {}
    for candidate in found:
        mask = masks.setdefault(candidate.category, np.zeros(segments, dtype=bool))
        mask[candidate.start : candidate.stop] = True
    return masks
