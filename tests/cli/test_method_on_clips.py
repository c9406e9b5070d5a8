"""What the experiments on one data set say of its clips."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.calling import Call
from tests.small_world import world

__all__ = ["world"]  # fixtures


@pytest.mark.parametrize("command", ["ablate", "compare-fusion"])
def test_a_broken_video_is_counted_named_and_told_with_its_reason(
    av2a: Call, world: Path, tmp_path: Path, command: str
) -> None:
    clips = tmp_path / "clips"
    shutil.copytree(world, clips)
    broken = min(clips.glob("*.mp4"))
    broken.write_bytes(b"junk")
    outcome = av2a(command, clips, "--store", tmp_path / "store", "--json")
    assert outcome.status == 1
    about = json.loads(outcome.out)["about"]
    assert about["videos"] == "3 of 4"
    assert broken.stem in about["left_out"]
    assert about["values"].startswith("audio_weight=0.5, ")
    assert f"1 of 4 videos failed: {broken.stem}" in outcome.err


def test_localization_is_refused_before_anything_is_encoded(av2a: Call, shared: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    annotations = shared / "annotations" / "ave"
    outcome = av2a("ablate", "ave", "--annotations", annotations, "--videos", tmp_path, "--store", store)
    assert outcome.status == 2
    assert "no ten numbers" in outcome.err
    assert not list(tmp_path.rglob("*.safetensors"))
