"""``av2a settings``: what it lists is what ``--set`` and ``--settings`` take."""

import json
from dataclasses import fields
from pathlib import Path

from av2a.settings import Settings
from tests.cli.calling import Call


def test_every_setting_is_listed_with_its_value_and_meaning(av2a: Call) -> None:
    lines = av2a("settings").out.splitlines()
    assert [line.partition(" = ")[0] for line in lines[::2]] == [each.name for each in fields(Settings)]
    assert all(
        line.startswith(f"    {each.metadata['help']}")
        for line, each in zip(lines[1::2], fields(Settings), strict=True)
    )
    assert "ridge = 1" in lines
    assert "validate = true" in lines
    assert "    How thresholds move (Eq. 7 and 8). One of static, ratio, cosine, ratio-cosine." in lines


def test_a_value_is_shown_as_set_takes_it(av2a: Call) -> None:
    shown = dict(line.split(" = ") for line in av2a("settings", "--profile", "released").out.splitlines()[::2])
    words = [
        word
        for name, value in shown.items()
        if name not in ("profile", "background")
        for word in ("--set", f"{name}={value}")
    ]
    again = json.loads(av2a("settings", "--profile", "released", *words, "--json").out)
    assert again == json.loads(av2a("settings", "--profile", "released", "--json").out)


def test_the_released_profile_has_the_paper_s_values_for_the_backbone(av2a: Call) -> None:
    answer = json.loads(av2a("settings", "--profile", "released", "--backbone", "clip-clap", "--json").out)
    assert answer["settings"] == Settings.released("clip-clap").as_dict()
    assert answer["meanings"].keys() == answer["settings"].keys()


def test_its_json_is_a_file_for_settings(av2a: Call, video: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(av2a("settings", "--profile", "paper", "--set", "decay=1.5", "--json").out)
    outcome = av2a("detect", video, "-l", "dog", "--settings", file, "--print-settings")
    assert json.loads(outcome.out) == Settings.paper(decay=1.5).as_dict()
