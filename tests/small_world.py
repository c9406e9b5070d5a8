"""Fixtures: a few clips of the built-in world in a folder, with their truth, and the backbone that knows that world."""

from pathlib import Path

import pytest

from av2a import world as generated_world
from av2a.backbones.base import Backbone
from av2a.backbones.registry import load_backbone

CLIPS = 4


@pytest.fixture(scope="session")
def mini() -> Backbone:
    return load_backbone("mini")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``av2a synth`` writes it, of test clips in which things are heard and seen."""
    folder = tmp_path_factory.mktemp("world") / "clips"
    generated_world.write_dataset(folder, clips=CLIPS, seed=generated_world.SPLITS["test"].seeds[0])
    return folder
