from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from av2a.methods.av2a.thresholds import ThresholdTracker, cosine, dynamic_thresholds
from av2a.settings import ThresholdRule
from tests.released import RULES, released

CASES = range(len(released("thresholds")["method"]))
seeds = st.integers(0, 2**32 - 1)


def video(seed: int, segments: int = 12, categories: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.beta(0.7, 0.7, (segments, categories)), rng.normal(size=(segments, 8)) + 1


def stepped(scores: np.ndarray, features: np.ndarray, observed: np.ndarray) -> np.ndarray:
    tracker = ThresholdTracker(np.array([0.75]), np.array([1.0]), scores.shape[1])
    return np.concatenate(
        [
            tracker.step(scores[t : t + 1], similarity, observed=observed[t : t + 1])
            for t, similarity in enumerate(arriving(features, observed))
        ]
    )


def arriving(features: np.ndarray, observed: np.ndarray) -> Iterator[np.ndarray]:
    """What a stream knows when a segment arrives: how near its picture is to the last one that there was."""
    before = features[:1]
    for t in range(len(features)):
        yield cosine(features[t : t + 1], before)
        if observed[t]:
            before = features[t : t + 1]


def direct(scores: np.ndarray, features: np.ndarray, tau: float, decay: float) -> np.ndarray:
    """The released recursion written as it reads (behaviours 16 to 18), the whole system solved anew at each segment."""
    segments, categories = scores.shape
    thresholds = np.full((segments, categories), tau)
    count = np.zeros(categories)
    for t in range(segments - 1):
        present = scores[: t + 1] > thresholds[: t + 1]
        count += present[t]
        confusion = scores[: t + 1].T @ present / (t + 1)
        ratio = np.linalg.solve(confusion.T @ confusion + np.eye(categories), confusion.T @ scores[t + 1])
        x, y = features[t], features[t + 1]
        offset = tau * np.exp(-decay * count) * (x @ y / np.linalg.norm(x) / np.linalg.norm(y))
        thresholds[t + 1] = thresholds[t] - offset * ratio * scores[t + 1]
    return thresholds


@pytest.mark.parametrize("case", CASES)
def test_thresholds_equal_the_released_ones(case: int) -> None:
    reference = released("thresholds")
    scores = reference[f"case{case:03d}_scores"]
    expected = reference[f"case{case:03d}_thresholds"]
    thresholds = dynamic_thresholds(
        scores,
        reference[f"case{case:03d}_features"] if reference["has_features"][case] else None,
        initial_threshold=float(reference["tau0"][case]),
        decay=float(reference["gamma"][case]),
        rule=RULES[str(reference["method"][case])],
    )
    np.testing.assert_allclose(thresholds, expected, rtol=0, atol=1e-6, equal_nan=True)
    assert np.array_equal(scores > thresholds, reference[f"case{case:03d}_pred"].astype(bool))


@given(seeds, st.floats(0.3, 0.9), st.floats(0, 3))
def test_the_running_sum_gives_what_solving_the_whole_system_gives(seed: int, tau: float, decay: float) -> None:
    scores, features = video(seed)
    thresholds = dynamic_thresholds(scores, features, initial_threshold=tau, decay=decay)
    np.testing.assert_allclose(thresholds, direct(scores, features, tau, decay), rtol=1e-9, atol=1e-9)


@given(seeds)
def test_a_threshold_never_moves_before_its_category_was_present(seed: int) -> None:
    scores, features = video(seed)
    thresholds = dynamic_thresholds(scores, features, initial_threshold=0.75, decay=0.5)
    present = scores > thresholds
    before_first: np.ndarray = np.cumsum(present, axis=0) - present == 0
    assert (thresholds[before_first] == 0.75).all()


@given(seeds, st.floats(0.1, 0.95))
def test_constant_scores_decide_as_a_static_threshold_does(seed: int, tau: float) -> None:
    # Behaviour 22: with the clip's score in every segment thresholds of present categories only fall.
    scores = np.repeat(video(seed, segments=1)[0], 10, axis=0)
    thresholds = dynamic_thresholds(scores, None, initial_threshold=tau, decay=1.0)
    assert np.array_equal(scores > thresholds, scores > tau)


@given(seeds)
def test_a_stream_gets_the_thresholds_of_the_whole_clip(seed: int) -> None:
    scores, features = video(seed)
    whole = dynamic_thresholds(scores, features, initial_threshold=0.75, decay=1.0)
    assert np.array_equal(stepped(scores, features, np.ones(len(scores), dtype=bool)), whole)


@given(seeds)
def test_a_stream_gets_the_thresholds_of_the_whole_clip_with_holes_in_it(seed: int) -> None:
    scores, features = video(seed)
    observed = np.random.default_rng(seed).random(len(scores)) < 0.6
    whole = dynamic_thresholds(scores, features, initial_threshold=0.75, decay=1.0, observed=observed)
    assert np.array_equal(stepped(scores, features, observed), whole)


@given(seeds)
def test_segments_without_anything_to_score_are_passed_over(seed: int) -> None:
    scores, features = video(seed)
    observed = np.random.default_rng(seed).random(len(scores)) < 0.6
    holes = dynamic_thresholds(scores, features, initial_threshold=0.75, decay=1.0, observed=observed)
    without = dynamic_thresholds(scores[observed], features[observed], initial_threshold=0.75, decay=1.0)
    np.testing.assert_allclose(holes[observed], without, rtol=0, atol=1e-12)


@settings(max_examples=20)
@given(seeds)
def test_a_batch_of_videos_and_settings_gives_what_each_gives_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.7, 0.7, (3, 1, 9, 5))
    features = rng.normal(size=(3, 1, 9, 4)) + 1
    taus, decays = rng.uniform(0.2, 0.9, 4), rng.uniform(0, 3, 4)
    batch = dynamic_thresholds(scores, features, initial_threshold=taus, decay=decays)
    assert batch.shape == (3, 4, 9, 5)
    for row in range(3):
        for column in range(4):
            alone = dynamic_thresholds(
                scores[row, 0],
                features[row, 0],
                initial_threshold=float(taus[column]),
                decay=float(decays[column]),
            )
            np.testing.assert_allclose(batch[row, column], alone, rtol=0, atol=1e-12)


@given(seeds)
def test_no_ridge_is_the_moore_penrose_inverse(seed: int) -> None:
    scores, _ = video(seed, segments=2)
    present = scores[0] > 0.5
    confusion = np.outer(scores[0], present)
    ratio = np.linalg.pinv(confusion) @ scores[1]
    thresholds = dynamic_thresholds(
        scores,
        None,
        initial_threshold=0.5,
        decay=1.0,
        rule=ThresholdRule.RATIO,
        ridge=0.0,
        ratio_times_scores=False,
    )
    expected = 0.5 - 0.5 * np.exp(-1.0 * present) * ratio
    np.testing.assert_allclose(thresholds[1], expected, rtol=0, atol=1e-9)


def test_a_category_that_is_not_allowed_counts_for_nothing() -> None:
    scores = np.full((4, 2), 0.9)
    allowed = np.array([[True, False]] * 4)
    thresholds = dynamic_thresholds(scores, None, initial_threshold=0.75, decay=1.0, allowed=allowed)
    assert (thresholds[1:, 0] < 0.75).all()
    assert (thresholds[:, 1] == 0.75).all()


@pytest.mark.usefixtures("without_shape_checks")
def test_an_integer_threshold_makes_no_integer_thresholds() -> None:
    thresholds = dynamic_thresholds(np.full((3, 1), 1.5), None, initial_threshold=1, decay=0.0)
    assert thresholds.dtype == np.float64
    assert thresholds[2, 0] != round(thresholds[2, 0])


@pytest.mark.usefixtures("without_shape_checks")
def test_inputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="same segments, got 4 of scores"):
        dynamic_thresholds(np.zeros((4, 2)), np.zeros((3, 2)), initial_threshold=0.5, decay=1.0)
