"""A linear classifier on frozen embeddings."""

from dataclasses import replace

import numpy as np
import pytest

from av2a.errors import NoClips
from av2a.research.bench import Bench
from av2a.research.probe import Classifier, Seconds, probed
from av2a.research.watching import Watch
from tests.small_splits import CLIPS


def seconds(rng: np.random.Generator, count: int, *, noise: float) -> Seconds:
    """Two categories in three features: above a line of the first two, and never; the third feature is constant."""
    rows = rng.normal(size=(count, 3))
    rows[:, 2] = 7.0
    there = rows[:, 0] + rows[:, 1] + noise * rng.normal(size=count) > 0
    return Seconds(rows, np.ones(count, dtype=bool), np.stack([there, np.zeros(count, dtype=bool)], axis=1))


def test_what_a_line_separates_is_learnt() -> None:
    rng = np.random.default_rng(0)
    classifier = Classifier.trained(seconds(rng, 400, noise=0.0))
    unseen = seconds(rng, 400, noise=0.0)
    assert (classifier.present(unseen) == unseen.truth).mean() > 0.97


def test_noise_is_not_learnt() -> None:
    rng = np.random.default_rng(0)
    unseen = seconds(rng, 400, noise=50.0)
    right = Classifier.trained(seconds(rng, 400, noise=50.0)).present(unseen) == unseen.truth
    assert right[:, 0].mean() < 0.6


@pytest.mark.parametrize("always", [True, False])
def test_a_category_that_never_changes_is_found_always_or_never(always: bool) -> None:
    told = seconds(np.random.default_rng(0), 20, noise=0.0)
    told = replace(told, truth=np.full((20, 1), always))
    assert Classifier.trained(told).present(told).all() == always


def test_what_was_not_observed_is_neither_learnt_nor_found() -> None:
    told = seconds(np.random.default_rng(0), 100, noise=0.0)
    hidden = np.arange(100) % 2 == 0
    blinded = replace(told, observed=~hidden)
    spoilt = replace(blinded, rows=np.where(hidden[:, None], 1e6, told.rows))
    classifier = Classifier.trained(spoilt)
    assert np.array_equal(classifier.weights, Classifier.trained(blinded).weights)
    assert not classifier.present(spoilt)[hidden].any()


def test_table_7_has_a_line_for_pictures_and_one_for_sounds(bench: Bench) -> None:
    train = bench.watched(bench.splits.train or bench.dataset, bench.practical.base)
    part = probed(train, bench.practical.watched, bench.dataset, "mini")
    assert [line.name for line in part.lines] == ["visual embeddings", "audio embeddings"]
    for line in part.lines:
        assert all(0 <= line.runs[0].values[column].value <= 100 for column in ("segment", "event"))
    assert f"trained on {CLIPS} videos" in part.findings[0]
    own = probed(bench.practical.watched, bench.practical.watched, bench.dataset, "mini")
    # On what it was trained on it is better than on what it was not.
    for on_own, on_other in zip(own.lines, part.lines, strict=True):
        assert on_own.runs[0].values["segment"].value > on_other.runs[0].values["segment"].value


def test_the_halves_of_a_backbone_are_called_as_in_the_paper(bench: Bench) -> None:
    part = probed(bench.practical.watched, bench.practical.watched, bench.dataset, "clip-clap")
    assert [line.name for line in part.lines] == ["CLIP", "CLAP"]


def test_nothing_to_train_on_is_refused(bench: Bench) -> None:
    with pytest.raises(NoClips, match="no video with its truth by the second is there to train"):
        probed(Watch((), (), 0), bench.practical.watched, bench.dataset, "mini")
