from typing import Any

import pytest

from av2a.backbones.languagebind.configuration import Configuration, TowerKind
from av2a.errors import WeightsUnavailable
from tests.backbones.languagebind import tiny


@pytest.mark.parametrize("size", [224, [112, 1036]])
def test_the_size_of_a_spectrogram_is_not_read_from_image_size(size: object) -> None:
    assert tiny.configuration(TowerKind.AUDIO, image_size=size).tower.input_shape == (24, 72)


def test_what_a_published_audio_configuration_says_is_what_the_tower_is() -> None:
    shape = tiny.configuration(
        TowerKind.AUDIO, num_mel_bins=112, target_length=1036, patch_size=14, hidden_size=1024
    ).tower
    assert (shape.rows, shape.columns, shape.tokens, shape.frames) == (8, 74, 593, 1)


def test_no_mention_of_low_rank_updates_means_none() -> None:
    assert tiny.configuration(TowerKind.IMAGE).lora_rank is None
    assert tiny.configuration(TowerKind.IMAGE, lora_r=0).lora_rank == 0


def test_widths_of_the_towers_own_projections_are_not_the_shared_space_s() -> None:
    assert tiny.configuration(TowerKind.IMAGE, projection_dim=512).shared_width == tiny.SHARED


@pytest.mark.parametrize(
    ("kind", "vision", "words"),
    [
        (TowerKind.IMAGE, {"add_time_attn": True}, "add_time_attn outside a video tower"),
        (TowerKind.VIDEO, {"tube_size": 2}, "tube_size must be 1"),
        (TowerKind.IMAGE, {"num_attention_heads": 5}, "hidden_size 32 is no multiple of num_attention_heads 5"),
        (TowerKind.IMAGE, {"num_attention_heads": 0}, "a size below 1"),
        (TowerKind.IMAGE, {"patch_size": 0}, "zero"),
        (TowerKind.IMAGE, {"patch_size": 64}, "a size below 1"),
        (TowerKind.IMAGE, {"hidden_size": "wide"}, "'wide'"),
        (TowerKind.IMAGE, {"hidden_act": "gelo"}, "hidden_act 'gelo'"),
        (TowerKind.AUDIO, {"num_mel_bins": None}, "NoneType"),
    ],
)
def test_what_cannot_be_meant_is_refused(kind: TowerKind, vision: dict[str, Any], words: str) -> None:
    with pytest.raises(WeightsUnavailable, match=f"the configuration of tiny is invalid .*{words}"):
        tiny.configuration(kind, **vision)


@pytest.mark.parametrize("name", ["vision_config", "text_config"])
def test_what_a_configuration_lacks_is_named(name: str) -> None:
    whole = tiny.config(TowerKind.IMAGE)
    with pytest.raises(WeightsUnavailable, match=f"the configuration of tiny lacks '{name}': get"):
        Configuration.parsed({key: value for key, value in whole.items() if key != name}, TowerKind.IMAGE, "tiny")


@pytest.mark.parametrize("broken", [{"text_config": None}, {"vision_config": []}, {"text_config": {"hidden_size": 25}}])
def test_a_configuration_of_another_form_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(WeightsUnavailable, match="is invalid"):
        Configuration.parsed(tiny.config(TowerKind.IMAGE) | broken, TowerKind.IMAGE, "tiny")
