"""Settings are converted and checked in every way of making them."""

import dataclasses
import json
from collections.abc import Callable
from enum import Enum
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.errors import Av2aError, InvalidSetting, UnknownName
from av2a.methods.trained.settings import ParserSettings, table_1
from av2a.settings import (
    PAPER_SETTINGS,
    PROFILES,
    TABLE_1,
    Channels,
    Fusion,
    Sampling,
    Selection,
    Settings,
    SoundScope,
    ThresholdRule,
    score_exceeded_by,
)
from tests.any_settings import SettingsRecipe, any_settings

pytestmark = pytest.mark.usefixtures("without_shape_checks")

WAYS: dict[str, Callable[[dict[str, Any]], Settings]] = {
    "the constructor": lambda changes: Settings(**changes),
    "dataclasses.replace": lambda changes: dataclasses.replace(Settings(), **changes),
    "replace": lambda changes: Settings().replace(**changes),
    "practical": lambda changes: Settings.practical(**changes),
    "released": lambda changes: Settings.released("clip-clap", **changes),
    "paper": lambda changes: Settings.paper(**changes),
    "of a mapping": Settings.of,
    "a parser's": lambda changes: table_1("jomold").replace(**changes),
}


@pytest.fixture(params=WAYS)
def make(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Settings]:
    """One way of making settings."""
    return WAYS[request.param]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("threshold_rule", "ratio-cosine", ThresholdRule.RATIO_COSINE),
        ("threshold_rule", ThresholdRule.STATIC, ThresholdRule.STATIC),
        ("sampling", "time", Sampling.TIME),
        ("sound", "clip", SoundScope.CLIP),
        ("selection", "whole", Selection.WHOLE),
        ("fusion", "late", Fusion.LATE),
        ("decay", 2, 2.0),
        ("decay", np.float32(2.5), 2.5),
        ("initial_threshold", np.int64(1), 1.0),
        ("frames_per_segment", 3.0, 3),
        ("frames_per_segment", np.int64(3), 3),
        ("validate", np.bool_(False), False),
        ("background", ["music", "rain"], ("music", "rain")),
        ("background", np.array(["music", "rain"]), ("music", "rain")),
        ("background", [], ()),
        ("silence_dbfs", None, None),
        ("hold_threshold", 0, 0.0),
    ],
)
def test_a_value_is_converted_to_its_fields_kind(
    make: Callable[[dict[str, Any]], Settings], name: str, given: Any, value: Any
) -> None:
    made = getattr(make({name: given}), name)
    assert (made, type(made)) == (value, type(value))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"audio_weight": 1.2}, r"audio_weight must lie in \[0, 1\], got 1.2"),
        ({"initial_threshold": -0.1}, r"initial_threshold must lie in \[0, 1\]"),
        ({"hold_threshold": 1.5}, r"hold_threshold must lie in \[0, 1\], got 1.5"),
        ({"decay": float("nan")}, "decay must be finite"),
        ({"decay": 10**400}, "decay must be finite, got 1000"),
        ({"decay": -1}, "decay must be 0 or more, got -1"),
        ({"decay": "fast"}, "decay must be a number, got 'fast'"),
        ({"decay": True}, "decay must be a number, got True"),
        ({"decay": None}, "decay must be a number, got None"),
        ({"decay": np.array([1.0])}, "decay must be a number"),
        ({"silence_dbfs": "none"}, "silence_dbfs must be a number, got 'none'"),
        ({"segment_seconds": 0}, "segment_seconds must be 0.05 or more, got 0"),
        ({"segment_seconds": 20}, r"window_seconds must be at least segment_seconds \(20.0\)"),
        ({"validate": 1}, "validate must be true or false, got 1"),
        ({"validate": "no"}, "validate must be true or false, got 'no'"),
        ({"frames_per_segment": 1.5}, "frames_per_segment must be a whole number"),
        ({"frames_per_segment": 0}, r"frames_per_segment must lie in \[1, 64\], got 0"),
        ({"background": "music"}, "background must be a list of names, got 'music'"),
        ({"background": {"music", "rain"}}, "background must be a list of names"),
        ({"background": 3}, "background must be a list of names"),
        ({"background": ["music", 3]}, "background must be a list of names"),
        ({"background": ["music"]}, "background must have two names or more, or none, got 1"),
        ({"profile": ""}, "profile must be a name, got ''"),
        ({"threshold_rule": "statik"}, "unknown threshold_rule 'statik': did you mean 'static'"),
        ({"threshold_rule": Fusion.SCORE}, "unknown threshold_rule 'Fusion.SCORE'"),
        ({"fusion": ["late"]}, "unknown fusion"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(
    make: Callable[[dict[str, Any]], Settings], change: dict[str, Any], words: str
) -> None:
    if make is WAYS["of a mapping"] and "profile" in change:
        pytest.skip("there the key names the profile to begin with")
    with pytest.raises(Av2aError, match=words) as refusal:
        make(change)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"the constructor", "dataclasses.replace"}))
def test_an_unknown_setting_is_refused_with_the_nearest_name(way: str) -> None:
    with pytest.raises(UnknownName, match="unknown setting 'audio_wait': did you mean 'audio_weight'"):
        WAYS[way]({"audio_wait": 0.5})


# Ways of making them.


def test_a_profile_is_made_with_changes_and_the_values_of_the_backbone() -> None:
    assert Settings.practical() == Settings.of(None) == Settings.of("practical") == Settings()
    assert (Settings.released("clip-clap").decay, Settings.released("languagebind").decay) == (1.0, 2.5)
    assert Settings.released("languagebind").channels is Channels.FIRST
    assert Settings.released("languagebind", channels="mean").channels is Channels.MEAN
    assert {Settings.released("clip-clap").channels, Settings.paper("languagebind").channels} == {Channels.MEAN}
    assert (Settings.paper("clip-clap").audio_weight, Settings.paper("clip-clap").ridge) == (0.45, 0.0)
    assert Settings.released("clip-clap", decay=1.5) == Settings.released("clip-clap").replace(decay=1.5)
    assert Settings.of("practical", "clip-clap") == Settings.practical()
    assert Settings.of("released", "clip-clap") == Settings.released("clip-clap")


def test_settings_are_made_of_what_names_them() -> None:
    settings = Settings.paper(decay=0.25)
    assert Settings.of(settings) is settings
    assert Settings.of({"profile": "paper", "decay": 0.25}) == settings
    assert Settings.of({"decay": 0.25}) == Settings.practical(decay=0.25)
    assert Settings.of({"profile": "paper"}, "clip-clap") == Settings.paper("clip-clap")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("practicle", "unknown profile 'practicle': did you mean 'practical'"),
        ("", "unknown profile ''"),
        ({"profile": "mine", "decay": 2}, "unknown profile 'mine'"),
        ({"profile": ["paper"]}, r"profile must be a name, got \['paper'\]"),
        (3, "settings must be Settings, a profile's name or a mapping of names to values, got 3"),
        (["paper"], "settings must be Settings, a profile's name"),
        (Settings, "settings must be Settings, a profile's name"),
        ({1: 2}, "settings must be Settings, a profile's name"),
        ({"self": 2}, "unknown setting 'self'"),
    ],
)
def test_anything_else_is_refused_in_one_line(value: Any, words: str) -> None:
    with pytest.raises(Av2aError, match=words) as refusal:
        Settings.of(value)
    assert "\n" not in str(refusal.value)


def test_a_profile_of_ones_own_has_its_own_name_and_never_that_of_another() -> None:
    assert Settings.practical(profile="mine", decay=1).profile == "mine"
    with pytest.raises(
        InvalidSetting, match=r"not the settings of profile 'paper': begin with that profile \(--profile paper"
    ):
        Settings.practical(profile="paper")


@given(any_settings())
def test_settings_come_back_from_their_plain_values(recipe: SettingsRecipe) -> None:
    settings = recipe.made()
    plain = json.loads(json.dumps(settings.as_dict()))
    back = type(settings).of(plain)
    assert (back, hash(back)) == (settings, hash(settings))


def test_a_parsers_settings_are_those_of_the_method_and_more() -> None:
    assert isinstance(ParserSettings.of(Settings.paper()), ParserSettings)
    assert ParserSettings.of(Settings.paper()).ridge == 0.0
    assert ParserSettings.of(table_1("cmpae").replace(audio_visual_gate="either").as_dict()) == table_1(
        "cmpae"
    ).replace(audio_visual_gate="either")


# What they say.


@pytest.mark.parametrize("kind", [Settings, ParserSettings])
def test_every_setting_has_a_meaning_of_one_line(kind: type[Settings]) -> None:
    meanings = {field.name: field.metadata["help"] for field in dataclasses.fields(kind)}
    for name, meaning in meanings.items():
        assert meaning.endswith("."), name
        assert "\n" not in meaning and 10 < len(meaning) < 120, name
    assert len(set(meanings.values())) == len(meanings)
    assert all(isinstance(getattr(kind(), name), (str, float, int, tuple, Enum, type(None))) for name in meanings)


def test_paper_settings_are_table_1() -> None:
    rows = {
        name: (settings.audio_weight, settings.initial_threshold, settings.decay)
        for name, settings in PAPER_SETTINGS.items()
    }
    assert rows == {
        "clip-clap": (0.45, 0.75, 1.0),
        "languagebind": (0.5, 0.75, 2.5),
        "mgn-ma": (0.3, 0.55, 0.5),
        "jomold": (0.4, 0.5, 0.5),
        "cmpae": (0.45, 0.5, 0.5),
    }
    gates = {
        name: (PAPER_SETTINGS[name].category_threshold, PAPER_SETTINGS[name].confidence_threshold) for name in rows
    }
    assert gates["clip-clap"] == (0.5, 0.75)
    assert gates["languagebind"] == (0.55, 0.75)


@pytest.mark.parametrize("backbone", [None, "clip-clap", "languagebind", "mini"])
@pytest.mark.parametrize("profile", ["practical", "scores"])
def test_profiles_with_thresholds_of_their_own_have_them_with_every_backbone(
    profile: str, backbone: str | None
) -> None:
    assert Settings.of(profile, backbone) == PROFILES[profile]


def test_every_hyper_parameter_of_table_1_is_a_setting() -> None:
    assert all(hasattr(Settings(), name) for name in TABLE_1)
    assert set(PROFILES) == {"practical", "released", "paper", "scores"}


@given(st.floats(1e-6, 0.5))
def test_a_score_is_exceeded_as_often_as_it_says(chance: float) -> None:
    z = np.log(score_exceeded_by(chance) / (1 - score_exceeded_by(chance)))
    assert 1 - NormalDist().cdf(float(z)) == pytest.approx(chance, rel=1e-6)
