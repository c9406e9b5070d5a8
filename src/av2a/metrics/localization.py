"""The accuracy of audio-visual event localization (AVE).

Conventions
    A timeline holds one category for each second of a video, ``(video, second)``, counted from 0; *background* is the number
    after the last category: nothing that is heard and seen at once. Accuracy is the share of all seconds of all videos, in percent, in which truth and prediction
    name the same; background counts like any category, so predicting nothing scores its share (17.79 on the
    test truth). A candidate is ``(category, start, stop)`` in whole seconds, half-open, in the order in which the method gives them;
    what lies behind the video's last second is cut off. Source: Tian, Shi, Li, Duan, Xu, "Audio-Visual Event
    Localization in Unconstrained Videos", ECCV 2018.

Differences from the official script
    None in the numbers for the same timelines; values agree within 1e-9 on the AVE test truth. The official script takes the largest of 29
    scores in each second, and so never has to choose between intervals that overlap. AV²A's released code makes
    its timeline from the *first* candidate alone, a second event of a video or a second part of the same event being lost: :func:`first_candidate`.
    :func:`every_candidate` paints them all. Which truth a prediction is held to (the line of the test list, or the first line of
    ``Annotations.txt``; they differ in 4 of 402 videos) is the caller's choice. The released function prints its number and returns None.
    Any number of seconds is taken. Numbers per category do not exist there.
"""

from collections.abc import Sequence
from enum import Enum

import numpy as np
from jaxtyping import Float64, Int, Int64

Candidates = Sequence[tuple[int, int, int]] | Int[np.ndarray, "candidate 3"]
"""``(category, start, stop)`` of one video, in the order in which they were given."""


class Overlap(Enum):
    """Which candidate a second belongs to that several cover."""

    EARLIER_HOLDS = "earlier_holds"
    LATER_HOLDS = "later_holds"


def accuracy(truth: Int[np.ndarray, "video second"], predicted: Int[np.ndarray, "video second"]) -> float:
    """The share of seconds with the right category, in percent.

    >>> accuracy(np.array([[0, 0, 2, 2]]), np.array([[0, 1, 2, 0]]))
    50.0

    Raises:
        ValueError: the two are not integer arrays of one shape with at least one video and one second.
    """
    _require_timelines(truth, predicted)
    return float(100 * np.mean(truth == predicted))


def category_accuracy(
    truth: Int[np.ndarray, "video second"], predicted: Int[np.ndarray, "video second"], background: int
) -> Float64[np.ndarray, " category"]:
    """Of the seconds that truly are of each category, the share that is predicted so, in percent; the last is background.

    NaN for a category that is in no video.

    >>> category_accuracy(np.array([[0, 0, 2, 2]]), np.array([[0, 1, 2, 2]]), background=2)
    array([ 50.,  nan, 100.])

    Raises:
        ValueError: as :func:`accuracy`, or the truth holds a number that is no category.
    """
    _require_timelines(truth, predicted)
    if truth.min() < 0 or truth.max() > background:
        raise ValueError(f"categories must lie in [0, {background}], got {truth.min()} to {truth.max()}")
    there = np.bincount(truth.ravel(), minlength=background + 1)
    right = np.bincount(truth[truth == predicted], minlength=background + 1)
    return 100 * np.divide(right, there, out=np.full(background + 1, np.nan), where=there > 0)


def first_candidate(candidates: Candidates, *, background: int, seconds: int) -> Int64[np.ndarray, " second"]:
    """The timeline of the first candidate alone, as the released code scores it.

    >>> first_candidate([(1, 0, 2), (0, 2, 4)], background=3, seconds=4).tolist()
    [1, 1, 3, 3]

    Raises:
        ValueError: a candidate is of no category, or is no interval.
    """
    return every_candidate(candidates[:1], background=background, seconds=seconds)


def every_candidate(
    candidates: Candidates, *, background: int, seconds: int, overlap: Overlap = Overlap.EARLIER_HOLDS
) -> Int64[np.ndarray, " second"]:
    """The timeline of all candidates.

    >>> every_candidate([(1, 0, 2), (0, 1, 4)], background=3, seconds=5).tolist()
    [1, 1, 0, 0, 3]

    Raises:
        ValueError: a candidate is of no category, or is no interval.
    """
    timeline = np.full(seconds, background, dtype=np.int64)
    in_order = candidates if overlap is Overlap.LATER_HOLDS else candidates[::-1]
    for category, start, stop in in_order:
        if not (0 <= category < background and 0 <= start < stop):
            raise ValueError(
                f"a candidate needs 0 <= category < {background} and 0 <= start < stop, got {(category, start, stop)}"
            )
        timeline[start:stop] = category
    return timeline


def _require_timelines(truth: np.ndarray, predicted: np.ndarray) -> None:
    kinds = [np.issubdtype(array.dtype, np.integer) and array.ndim == 2 for array in (truth, predicted)]
    if not all(kinds) or truth.shape != predicted.shape or truth.size == 0:
        raise ValueError(
            "truth and predicted must be integer arrays of one shape (video, second), none of them empty, got "
            f"{truth.dtype} {truth.shape} and {predicted.dtype} {predicted.shape}"
        )
