import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from av2a.metrics.segment_level import segment_counts, segment_f1

masks = arrays(bool, (2, 3, 7))


@given(masks, masks)
def test_every_segment_of_the_truth_is_found_or_missed(truth: np.ndarray, predicted: np.ndarray) -> None:
    counts = segment_counts(truth, predicted)
    assert (counts.true_positives + counts.false_negatives == truth.sum(axis=2)).all()
    assert (counts.true_positives + counts.false_positives == predicted.sum(axis=2)).all()


@given(masks, masks, st.permutations(range(7)))
def test_the_order_of_segments_does_not_matter(truth: np.ndarray, predicted: np.ndarray, order: list[int]) -> None:
    assert segment_f1(truth[:, :, order], predicted[:, :, order]) == segment_f1(truth, predicted)


@given(masks)
def test_the_truth_itself_is_perfect(truth: np.ndarray) -> None:
    assert segment_f1(truth, truth) == 1.0


def test_a_wrong_answer_to_nothing_scores_nothing() -> None:
    nothing = np.zeros((1, 1, 4), dtype=bool)
    assert segment_f1(nothing, ~nothing) == 0.0
