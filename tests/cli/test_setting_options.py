import json
from pathlib import Path

import pytest

from av2a.cli.setting_options import MediaOptions, SettingOptions, assignment, settings_in
from av2a.errors import InvalidSetting, MissingFile, UnknownName, UsageError
from av2a.media import Limits
from av2a.settings import Settings, SoundScope


def file_of(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_asked_for_is_the_practical_profile() -> None:
    assert SettingOptions(None, None, []).settings("mini") == Settings()


def test_a_profile_takes_its_values_for_the_backbone() -> None:
    assert SettingOptions("paper", None, []).settings("clip-clap") == Settings.paper("clip-clap")


def test_an_assignment_stands_above_the_file_and_the_file_above_the_profile(tmp_path: Path) -> None:
    file = file_of(tmp_path, "mine.toml", 'decay = 3.0\naudio_weight = 0.2\nsound = "segment"\n')
    chosen = SettingOptions("released", file, ["decay=4", "sound=clip"]).settings("mini")
    assert (chosen.profile, chosen.audio_weight, chosen.decay, chosen.sound) == ("released", 0.2, 4.0, SoundScope.CLIP)


def test_every_profile_comes_back_from_its_own_json(tmp_path: Path) -> None:
    for profile in ("practical", "released", "paper"):
        settings = Settings.of(profile, "clip-clap")
        file = file_of(tmp_path, f"{profile}.json", json.dumps(settings.as_dict()))
        assert SettingOptions(None, file, []).settings("clip-clap") == settings


def test_the_settings_of_a_result_are_found_in_it(tmp_path: Path) -> None:
    file = file_of(tmp_path, "result.json", json.dumps({"schema": "av2a/detection/1", "settings": {"decay": 3.5}}))
    assert settings_in(file) == {"decay": 3.5}


def test_none_can_be_said_in_toml_and_in_an_assignment(tmp_path: Path) -> None:
    file = file_of(tmp_path, "mine.toml", 'silence_dbfs = "none"\n')
    assert SettingOptions(None, file, ["blank_contrast=none"]).settings(None).silence_dbfs is None
    assert SettingOptions(None, file, ["blank_contrast=none"]).settings(None).blank_contrast is None


def test_an_assignment_cannot_smuggle_in_a_second_one() -> None:
    assert assignment("sound=clip\nother = 1", option="--set") == ("sound", "clip\nother = 1")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("decay", InvalidSetting, "--set needs name=value, got 'decay': for example --set decay=2.5"),
        ("=3", InvalidSetting, "--set needs name=value"),
        ("deccay=3", UnknownName, "unknown setting 'deccay': did you mean 'decay'?"),
        (
            "profile=paper",
            InvalidSetting,
            "not the settings of profile 'paper': begin with that profile .--profile paper",
        ),
        ("audio_weight=2", InvalidSetting, r"audio_weight must lie in \[0, 1\], got 2"),
        ("audio_weight=nan", InvalidSetting, "audio_weight must be finite"),
        ("decay=-1", InvalidSetting, "decay must be 0 or more"),
        ("decay=fast", InvalidSetting, "decay must be a number, got 'fast'"),
        ("validate=1", InvalidSetting, "validate must be true or false"),
        ("sound=clips", UnknownName, "unknown sound 'clips': did you mean 'clip'?"),
        ("segment_seconds=0", InvalidSetting, "segment_seconds must be 0.05 or more"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(text: str, kind: type[UsageError], words: str) -> None:
    with pytest.raises(kind, match=words):
        SettingOptions(None, None, [text]).settings(None)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "decay = = 1", r"cannot be read \(Invalid value"),
        ("a.json", "{", r"cannot be read \(Expecting property name"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.json", "[1]", "must hold names and values, such as decay = 1.0"),
        ("a.yaml", "decay: 1", "is neither .toml nor .json"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        settings_in(file_of(tmp_path, name, text))


def test_the_settings_of_a_table_are_found_and_a_table_without_them_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    file.write_text(json.dumps({"schema": "av2a/tables/1", "about": {"settings": {"decay": 1.25}}}), encoding="utf-8")
    assert SettingOptions(None, file, []).settings(None).decay == 1.25
    file.write_text(json.dumps({"schema": "av2a/tables/1", "about": {}}), encoding="utf-8")
    with pytest.raises(InvalidSetting, match="holds no one set of settings"):
        SettingOptions(None, file, []).settings(None)


def test_a_missing_settings_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"cannot read settings from .*gone\.toml"):
        settings_in(tmp_path / "gone.toml")


def test_two_profiles_at_once_are_refused(tmp_path: Path) -> None:
    file = file_of(tmp_path, "mine.toml", 'profile = "paper"\n')
    with pytest.raises(UsageError, match="--profile released and the settings file's profile 'paper' differ"):
        SettingOptions("released", file, []).settings(None)


def test_a_limit_can_be_raised_by_its_name() -> None:
    assert MediaOptions(limit=["duration_seconds=200000", "streams=70"]).limits() == Limits(
        duration_seconds=200000.0, streams=70
    )


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("duration=3", UnknownName, "unknown limit 'duration': did you mean 'duration_seconds'?"),
        ("streams=0", InvalidSetting, "limit streams must be a number above 0, got 0"),
        ("streams=inf", InvalidSetting, "limit streams must be a number above 0, got inf"),
        ("streams", InvalidSetting, "--limit needs name=value"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused(text: str, kind: type[UsageError], words: str) -> None:
    with pytest.raises(kind, match=words):
        MediaOptions(limit=[text]).limits()
