"""Fixtures: the paper's two backbones with few random weights, and a clip of the built-in world."""

from pathlib import Path

import pytest

from av2a import world
from av2a.backbones.base import Backbone
from av2a.backbones.device import placement
from av2a.backbones.languagebind import load as load_languagebind
from av2a.backbones.pairs import assembled
from tests.backbones import tiny_models
from tests.backbones.languagebind import tiny


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    root = tmp_path_factory.mktemp("pair")
    folders = tiny_models.clip(root / "clip"), tiny_models.clap(root / "clap")
    return assembled("clip-clap", *folders, placement("cpu", "float32"), visual_name="clip", audio_name="clap")


@pytest.fixture(scope="session")
def languagebind(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    folders = tiny.write_backbone(tmp_path_factory.mktemp("languagebind"))
    return load_languagebind(*folders, placement("cpu", "float32"))


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.mp4"
    world.write_clip(world.make_scene(3), path)
    return path
