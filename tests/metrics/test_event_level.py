import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from av2a.metrics.event_level import event_counts, event_f1
from av2a.timeline import runs

masks = arrays(bool, (2, 3, 12))


def row(drawn: str) -> np.ndarray:
    """One video with one category, drawn as ``"##..#"``."""
    return np.array([[[mark == "#" for mark in drawn]]])


def counted(truth: str, predicted: str, minimum_overlap: float = 0.5) -> tuple[int, int, int]:
    counts = event_counts(row(truth), row(predicted), minimum_overlap=minimum_overlap)
    return counts.true_positives.item(), counts.false_positives.item(), counts.false_negatives.item()


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        ("####......", "####......", (1, 0, 0)),
        ("####......", "##........", (1, 0, 0)),  # exactly half
        ("#####.....", "##........", (0, 1, 1)),
        ("####......", "....####..", (0, 1, 1)),  # neighbours do not overlap
        ("####......", "#......###", (0, 2, 1)),
        ("#.#.......", "###.......", (0, 1, 2)),
        ("##########", ".......###", (0, 1, 1)),
        ("..........", ".##....##.", (0, 2, 0)),
        (".##....##.", "..........", (0, 0, 2)),
        ("..........", "..........", (0, 0, 0)),
    ],
)
def test_events_match_when_at_least_half_of_what_they_cover_is_common(
    truth: str, predicted: str, expected: tuple[int, int, int]
) -> None:
    assert counted(truth, predicted) == expected


def test_one_true_event_can_make_two_found_ones_right() -> None:
    assert counted("##########", "####.#####", minimum_overlap=0.4) == (2, 0, 0)


def test_one_found_event_can_make_up_for_two_true_ones() -> None:
    assert counted("####.#####", "##########", minimum_overlap=0.4) == (1, 0, 0)


def test_the_overlap_can_be_chosen() -> None:
    assert counted("####", "###.", minimum_overlap=0.75) == (1, 0, 0)
    assert counted("####", "###.", minimum_overlap=0.76) == (0, 1, 1)


@pytest.mark.parametrize("overlap", [0.0, -1.0, 1.5, float("nan")])
def test_an_overlap_that_is_no_share_is_refused(overlap: float) -> None:
    with pytest.raises(ValueError, match=r"^minimum_overlap must lie in \(0, 1\], got"):
        counted("#", "#", minimum_overlap=overlap)


def overlap(first: tuple[int, int], second: tuple[int, int]) -> float:
    common = set(range(*first)) & set(range(*second))
    return len(common) / len(set(range(*first)) | set(range(*second)))


@given(masks, masks)
def test_all_videos_at_once_give_what_one_event_at_a_time_gives(truth: np.ndarray, predicted: np.ndarray) -> None:
    counts = event_counts(truth, predicted)
    for video, category in np.ndindex(2, 3):
        true, found = runs(truth[video, category]), runs(predicted[video, category])
        hits = sum(any(overlap(one, other) >= 0.5 for other in true) for one in found)
        misses = sum(all(overlap(one, other) < 0.5 for other in found) for one in true)
        assert counts.true_positives[video, category] == hits
        assert counts.false_positives[video, category] == len(found) - hits
        assert counts.false_negatives[video, category] == misses


@given(masks, masks)
def test_time_can_run_backwards(truth: np.ndarray, predicted: np.ndarray) -> None:
    assert event_f1(truth[:, :, ::-1], predicted[:, :, ::-1]) == event_f1(truth, predicted)


@given(masks)
def test_the_truth_itself_is_perfect(truth: np.ndarray) -> None:
    assert event_f1(truth, truth) == 1.0
