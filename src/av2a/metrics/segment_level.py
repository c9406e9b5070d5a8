"""Segment-level counts and F1.

Conventions
    Arrays are boolean, (video, category, segment); all videos of one call have the same number of segments.
    A true positive is a segment in which a category is present and predicted; a false positive one in which it
    is predicted only; a false negative one in which it is present only. A segment in which it is neither
    does not count. Source: Tian, Li, Xu, "Unified Multisensory Perception", ECCV 2020.

Differences from the official script
    None in the numbers. Any number of segments is taken, not ten only, and all videos are counted at once.
"""

import numpy as np

from av2a.metrics.counts import Counts, Masks, require_masks


def segment_counts(truth: Masks, predicted: Masks) -> Counts:
    """Segments found, wrongly found and missed, for each video and category.

    >>> truth = np.array([[[True, True, True, False]]])
    >>> predicted = np.array([[[False, True, True, True]]])
    >>> counts = segment_counts(truth, predicted)
    >>> counts.true_positives, counts.false_positives, counts.false_negatives
    (array([[2]]), array([[1]]), array([[1]]))

    Raises:
        ValueError: the two are not boolean arrays of one shape.
    """
    require_masks(truth=truth, predicted=predicted)
    return Counts(
        true_positives=np.count_nonzero(truth & predicted, axis=2),
        false_positives=np.count_nonzero(~truth & predicted, axis=2),
        false_negatives=np.count_nonzero(truth & ~predicted, axis=2),
    )


def segment_f1(truth: Masks, predicted: Masks) -> float:
    """F1 in [0, 1] over all segments of all videos and categories at once (micro); 1 if nothing is there and nothing found.

    Not one of the ten numbers of :mod:`av2a.metrics.parsing`, which are means over videos.

    >>> segment_f1(np.array([[[True, False]]]), np.array([[[True, True]]])) == 2 / 3
    True
    """
    return segment_counts(truth, predicted).f1
