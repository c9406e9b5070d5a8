import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.errors import InvalidSetting, UnknownName
from av2a.settings import PAPER_SETTINGS, PROFILES, TABLE_1, Settings, profile_settings, score_exceeded_by


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


@pytest.mark.parametrize("profile", PROFILES)
def test_settings_survive_being_written_and_read(profile: str) -> None:
    settings = profile_settings(profile, "clip-clap")
    assert Settings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


def test_released_takes_the_values_of_the_backbone_and_practical_does_not() -> None:
    assert profile_settings("released", "clip-clap").decay == 1.0
    assert profile_settings("released", "languagebind").decay == 2.5
    assert profile_settings("practical", "clip-clap") == profile_settings("practical")


@given(st.floats(1e-6, 0.5))
def test_a_score_is_exceeded_as_often_as_it_says(chance: float) -> None:
    z = np.log(score_exceeded_by(chance) / (1 - score_exceeded_by(chance)))
    from statistics import NormalDist

    assert 1 - NormalDist().cdf(float(z)) == pytest.approx(chance, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"audio_weight": 1.2}, r"audio_weight must lie in \[0, 1\], got 1.2"),
        ({"initial_threshold": -0.1}, r"initial_threshold must lie in \[0, 1\]"),
        ({"decay": float("nan")}, "decay must be finite"),
        ({"decay": -1}, "decay must be 0 or more, got -1"),
        ({"decay": "fast"}, "decay must be a number, got 'fast'"),
        ({"segment_seconds": 0}, "segment_seconds must be above 0"),
        ({"segment_seconds": 20}, r"window_seconds must be at least segment_seconds \(20.0\)"),
        ({"validate": 1}, "validate must be true or false, got 1"),
        ({"frames_per_segment": 1.5}, "frames_per_segment must be a whole number"),
        ({"background": "music"}, "background must be a list of names"),
        ({"background": 3}, "background must be a list of names"),
        ({"background": ["music"]}, "background must have two names or more, or none, got 1"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        Settings().changed(change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"audio_wait": 0.5}, "unknown setting 'audio_wait': did you mean 'audio_weight'"),
        ({"threshold_rule": "statik"}, "unknown threshold_rule 'statik': did you mean 'static'"),
        ({"profile": "paper"}, "unknown setting 'profile'"),
    ],
)
def test_unknown_settings_are_refused_with_the_nearest_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        Settings().changed(change)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown profile 'practicle': did you mean 'practical'"):
        profile_settings("practicle")


def test_every_hyper_parameter_of_table_1_is_a_setting() -> None:
    assert all(hasattr(Settings(), name) for name in TABLE_1)
