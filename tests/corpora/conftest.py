"""Small generated clips, and detectors that have seen them."""

from pathlib import Path

import pytest

from av2a.detector import Detector
from av2a.world import make_scene, write_clip

CLIPS = 8
SECONDS = 4


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight clips of four seconds."""
    folder = tmp_path_factory.mktemp("clips")
    for seed in range(CLIPS):
        write_clip(make_scene(seed, duration_seconds=SECONDS), folder / f"clip-{seed}.mp4")
    return folder


@pytest.fixture(scope="session")
def mini() -> Detector:
    """The built-in backbone, without a store."""
    return Detector("mini")


@pytest.fixture(scope="session")
def stored(clips: Path, mini: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has the embeddings of all clips, to be copied; it knows no names."""
    folder = tmp_path_factory.mktemp("stored")
    detector = Detector(mini.backbone, store=folder)
    for path in sorted(clips.iterdir()):
        detector(path, ["siren"])
    for catalogue in folder.glob("*/clips.jsonl"):
        catalogue.unlink()
    return folder
