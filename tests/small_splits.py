"""Fixtures: a few clips of each split of the built-in world, watched once for all tests."""

import pytest

from av2a.backbones.base import Backbone
from av2a.datasets.splits import Split
from av2a.features.store import Store
from av2a.research.bench import Bench, Plan, Splits
from av2a.research.replay import Replay
from av2a.world.dataset import render_generated
from tests.small_world import mini

__all__ = ["bench", "mini", "replay", "splits"]

CLIPS = 4
PLAN = Plan(seeds=2, trials=14)


@pytest.fixture(scope="session")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    folder = tmp_path_factory.mktemp("splits")
    test, validation, train = (
        render_generated(split, folder, limit=CLIPS, processes=1)
        for split in (Split.TEST, Split.VALIDATION, Split.TRAIN)
    )
    return Splits(test, validation, train)


@pytest.fixture(scope="session")
def bench(splits: Splits, mini: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    store = Store(tmp_path_factory.mktemp("store"))
    return Bench(splits, mini, store, PLAN, lambda stage, done, total: None)


@pytest.fixture(scope="session")
def replay(bench: Bench) -> Replay:
    """The validation clips, sampled as released."""
    assert bench.released.validation is not None
    return bench.released.validation
