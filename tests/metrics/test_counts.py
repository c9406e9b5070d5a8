import numpy as np
import pytest

from av2a.metrics.counts import Counts, require_masks


def counts(true_positives: list[int], false_positives: list[int], false_negatives: list[int]) -> Counts:
    """One video, one entry a category."""
    return Counts(np.array([true_positives]), np.array([false_positives]), np.array([false_negatives]))


def test_a_video_averages_over_the_categories_that_are_there_or_were_found() -> None:
    # F1 is 1 and 0; the third category is neither there nor found and counts nowhere.
    assert counts([2, 0, 0], [0, 3, 0], [0, 0, 0]).video_f1.tolist() == [0.5]


def test_a_video_in_which_nothing_is_there_and_nothing_was_found_is_perfect() -> None:
    assert counts([0, 0], [0, 0], [0, 0]).video_f1.tolist() == [1.0]


def test_a_category_that_is_neither_there_nor_found_has_no_f1() -> None:
    assert np.isnan(counts([1, 0], [1, 0], [0, 0]).category_f1).tolist() == [False, True]


def test_micro_f1_counts_everything_at_once() -> None:
    assert counts([2, 0], [0, 1], [0, 1]).f1 == 4 / 6
    assert counts([0, 0], [0, 0], [0, 0]).f1 == 1.0


def test_sums_pool_hits_false_alarms_and_misses() -> None:
    pooled = counts([1], [0], [0]) + counts([0], [1], [1])
    assert pooled.video_f1.tolist() == [0.5]


@pytest.mark.usefixtures("without_shape_checks")
def test_arrays_of_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^predicted must be a boolean array, got float64: compare scores with"):
        require_masks(truth=np.zeros((1, 2, 3), dtype=bool), predicted=np.zeros((1, 2, 3)))


@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize("shape", [(2, 3), (0, 2, 3), (1, 0, 3), (1, 2, 0)])
def test_arrays_without_the_three_axes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must have axes \(video, category, segment\), none of them empty, got \("):
        require_masks(truth=np.zeros(shape, dtype=bool))


@pytest.mark.usefixtures("without_shape_checks")
def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same shape, got \{'truth': \(1, 2, 3\), 'predicted': \(1, 2, 4\)\}"):
        require_masks(truth=np.zeros((1, 2, 3), dtype=bool), predicted=np.zeros((1, 2, 4), dtype=bool))
