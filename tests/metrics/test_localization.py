from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.metrics.localization import Overlap, accuracy, category_accuracy, every_candidate, first_candidate
from tests.released import released, rows_of

SETS = (
    "first_annotation",
    "official_annotation",
    "all_annotations",
    "shifted",
    "noisy",
    "several_candidates",
    "split_events",
    "empty",
    "random",
    "wrong_class",
)
BACKGROUND = 28
SECONDS = 10
TOLERANCE = 1e-9


def each_video(rows: np.ndarray, timeline: Any, **how: Any) -> np.ndarray:
    """The rows (video, category, start, stop) as one timeline for each of the 402 videos."""
    return np.stack(
        [timeline(rows_of(rows, video), background=BACKGROUND, seconds=SECONDS, **how) for video in range(402)]
    )


def truth_of(kind: str) -> np.ndarray:
    return each_video(released("ave_accuracy")[f"{kind}_annotation_rows"], first_candidate)


def test_the_reference_has_these_sets() -> None:
    assert tuple(released("ave_accuracy")["set_names"]) == SETS


@pytest.mark.parametrize("name", SETS)
def test_the_first_candidate_scores_as_the_released_and_the_original_function_score_it(name: str) -> None:
    stored = released("ave_accuracy")
    number, predicted = SETS.index(name), each_video(stored[name], first_candidate)
    against_first, against_official = (accuracy(truth_of(kind), predicted) for kind in ("first", "official"))
    assert against_first == pytest.approx(stored["authors"][number], abs=TOLERANCE)
    assert against_first == pytest.approx(stored["original_first_vs_first"][number], abs=TOLERANCE)
    assert against_official == pytest.approx(stored["original_first_vs_official"][number], abs=TOLERANCE)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    ("overlap", "column"), [(Overlap.EARLIER_HOLDS, "firstwins"), (Overlap.LATER_HOLDS, "lastwins")]
)
def test_all_candidates_painted_score_as_the_original_function_scores_them(
    name: str, overlap: Overlap, column: str
) -> None:
    stored = released("ave_accuracy")
    predicted = each_video(stored[name], every_candidate, overlap=overlap)
    expected = stored[f"original_{column}_vs_official"][SETS.index(name)]
    assert accuracy(truth_of("official"), predicted) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("name", SETS)
def test_some_of_the_videos_score_the_same(name: str) -> None:
    stored = released("ave_accuracy")
    number, chosen = SETS.index(name), stored["subset"]
    predicted = each_video(stored[name], first_candidate)[chosen]
    for kind, column in (("first", "authors_subset"), ("official", "original_first_vs_official_subset")):
        assert accuracy(truth_of(kind)[chosen], predicted) == pytest.approx(stored[column][number], abs=TOLERANCE)


def test_the_two_truths_differ_in_four_videos_and_33_seconds() -> None:
    differing = truth_of("first") != truth_of("official")
    assert (differing.any(axis=1).sum(), differing.sum()) == (4, 33)


def test_a_perfect_prediction_of_one_truth_is_none_of_the_other() -> None:
    assert accuracy(truth_of("official"), truth_of("first")) == pytest.approx(99.179, abs=1e-3)


timelines = st.integers(1, 5).flatmap(
    lambda videos: st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=videos, max_size=videos)
)


@given(timelines)
def test_what_equals_the_truth_scores_100_and_what_never_does_0(rows: list[list[int]]) -> None:
    truth = np.array(rows)
    assert accuracy(truth, truth) == 100
    assert accuracy(truth, (truth + 1) % 4) == 0


@given(timelines, st.randoms(use_true_random=False))
def test_accuracy_is_the_mean_of_categories_weighted_by_their_seconds(rows: list[list[int]], random: Any) -> None:
    truth = np.array(rows)
    predicted = np.array([[random.randrange(4) for _ in row] for row in rows])
    each = category_accuracy(truth, predicted, background=3)
    there = np.bincount(truth.ravel(), minlength=4)
    assert np.array_equal(np.isnan(each), there == 0)
    assert accuracy(truth, predicted) == pytest.approx(np.nansum(each * there) / there.sum())


candidates = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 8), st.integers(1, 5)).map(lambda c: (c[0], c[1], c[1] + c[2]))
)


@given(candidates)
def test_each_second_is_held_by_the_first_candidate_that_covers_it(found: list[tuple[int, int, int]]) -> None:
    timeline = every_candidate(found, background=4, seconds=10)
    for second in range(10):
        covering = [category for category, start, stop in found if start <= second < stop]
        assert timeline[second] == (covering[0] if covering else 4)


@given(candidates)
def test_later_candidates_hold_as_earlier_ones_do_in_reverse(found: list[tuple[int, int, int]]) -> None:
    later = every_candidate(found, background=4, seconds=10, overlap=Overlap.LATER_HOLDS)
    assert np.array_equal(later, every_candidate(found[::-1], background=4, seconds=10))


def test_candidates_may_be_an_array() -> None:
    assert first_candidate(np.array([[1, 2, 4], [0, 0, 2]]), background=2, seconds=4).tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize("wrong", [(2, 0, 1), (-1, 0, 1), (0, 3, 3), (0, -1, 2)])
def test_what_is_no_candidate_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"0 <= category < 2 and 0 <= start < stop, got \("):
        every_candidate([wrong], background=2, seconds=4)


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        (np.zeros((1, 2), int), np.zeros((2, 1), int)),
        (np.zeros((0, 10), int), np.zeros((0, 10), int)),
        (np.zeros((1, 2)), np.zeros((1, 2))),
        (np.zeros(2, int), np.zeros(2, int)),
    ],
)
@pytest.mark.usefixtures("without_shape_checks")
def test_other_arrays_are_refused(truth: np.ndarray, predicted: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be integer arrays of one shape"):
        accuracy(truth, predicted)


def test_a_truth_of_no_category_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 2\], got 0 to 3"):
        category_accuracy(np.array([[0, 3]]), np.array([[0, 0]]), background=2)
