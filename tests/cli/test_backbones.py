"""``av2a backbones``."""

import json
from pathlib import Path

import pytest

from av2a.backbones.checkpoints import BACKBONES, SOUND, VISION
from tests.backbones.small_hub import repository
from tests.cli.calling import Call


def test_every_backbone_is_told_with_licence_size_and_what_it_gives(av2a: Call) -> None:
    rows = json.loads(av2a("backbones", "--json").out)
    names = [row["name"] for row in rows]
    assert names == ["mini", "light", *BACKBONES, *(f"{name}+…" for name in VISION), *(f"…+{name}" for name in SOUND)]
    assert all(row["licence"] and row["size"] and row["gives"] and row["where"] for row in rows)


def test_it_is_said_where_the_weights_are(av2a: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("AV2A_WEIGHTS", str(tmp_path))
    clip, clap = (part.checkpoint.repo for part in BACKBONES["clip-clap"])
    folder = tmp_path / clip
    folder.mkdir(parents=True)
    for name, content in repository().items():
        (folder / name).write_bytes(content)
    answer = av2a("backbones")
    assert answer.status == 0
    assert f"{clap} not on this machine: av2a weights fetch clip-clap" in answer.out
    rows = {row["name"]: row for row in json.loads(av2a("backbones", "--json").out)}
    assert rows["clip+…"]["where"] == "weights are on this machine"
    assert rows["clip+…"]["paths"] == rows["clip-clap"]["paths"] == [str(folder)]
    assert rows["mini"]["paths"] == rows["languagebind"]["paths"] == []
    assert f"weights are on this machine\n  {folder}\n" in answer.out
    assert rows["mini"]["where"] == "comes with av2a"
