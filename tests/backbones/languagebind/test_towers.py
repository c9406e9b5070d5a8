import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from av2a.backbones.languagebind.checkpoint import load_model
from av2a.backbones.languagebind.configuration import Configuration, TowerKind
from av2a.backbones.languagebind.towers import LanguageBindModel
from tests.backbones.languagebind import tiny

KINDS = {
    "image": TowerKind.IMAGE,
    "video": TowerKind.VIDEO,
    "audio": TowerKind.AUDIO,
    "video_lora": TowerKind.VIDEO,
    "audio_lora": TowerKind.AUDIO,
    "video_v15": TowerKind.VIDEO,
}


@pytest.fixture
def golden(shared: Path) -> Path:
    return shared / "golden" / "languagebind"


@pytest.fixture
def expected(golden: Path) -> dict[str, Tensor]:
    return load_file(golden / "towers_io.safetensors")


def golden_model(golden: Path, name: str) -> LanguageBindModel:
    config = json.loads((golden / f"{name}_config.json").read_text(encoding="utf-8"))
    return load_model(Configuration.parsed(config, KINDS[name], name), load_file(golden / f"{name}.safetensors"), name)


def visual_rows(model: LanguageBindModel, inputs: dict[str, Tensor], name: str) -> Tensor:
    pixels = inputs[f"pixel_values.{name.partition('_')[0]}"]
    return model.clip_rows(pixels) if KINDS[name] is TowerKind.VIDEO else model.picture_rows(pixels)


def assert_close(answer: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    assert answer.shape == expected.shape
    assert (answer - expected).abs().max() <= tolerance


@pytest.mark.parametrize("name", KINDS)
def test_rows_of_pictures_clips_and_sounds_are_the_reference_s(
    golden: Path, expected: dict[str, Tensor], name: str
) -> None:
    assert_close(visual_rows(golden_model(golden, name), expected, name), expected[f"{name}.vision_embeds"])


@pytest.mark.parametrize("name", KINDS)
def test_rows_of_texts_are_the_reference_s(golden: Path, expected: dict[str, Tensor], name: str) -> None:
    assert_close(golden_model(golden, name).text_rows(expected["input_ids"]), expected[f"{name}.text_embeds"])


@pytest.mark.parametrize("name", KINDS)
def test_each_step_of_a_tower_is_the_reference_s(golden: Path, expected: dict[str, Tensor], name: str) -> None:
    model = golden_model(golden, name)
    pixels = expected[f"pixel_values.{name.partition('_')[0]}"]
    pictures = pixels.transpose(1, 2).flatten(0, 1) if KINDS[name] is TowerKind.VIDEO else pixels
    hidden = model.vision_model.last_hidden(pictures)
    pooled = model.vision_model.pooled(hidden)
    assert_close(hidden, expected[f"{name}.vision_last_hidden"], 1e-4)
    assert_close(pooled, expected[f"{name}.vision_pooled"])
    assert_close(model.visual_projection(pooled), expected[f"{name}.vision_features"])


@pytest.mark.parametrize("name", KINDS)
def test_logits_follow_from_unit_rows_and_the_temperature(golden: Path, expected: dict[str, Tensor], name: str) -> None:
    model = golden_model(golden, name)
    cosines = visual_rows(model, expected, name) @ model.text_rows(expected["input_ids"]).T
    assert_close(model.logit_scale.reshape(1), expected[f"{name}.logit_scale"], 0.0)
    assert_close(model.logit_scale.exp() * cosines, expected[f"{name}.logits_per_image"], 1e-4)


def test_the_released_wrapper_differs_by_each_checkpoint_s_temperature(
    golden: Path, expected: dict[str, Tensor]
) -> None:
    for name in ("image", "video", "audio"):
        model = golden_model(golden, name)
        rows = visual_rows(model, expected, name)
        assert_close(rows, expected[f"wrapper_no_temp.{name}"])
        assert_close(model.logit_scale.exp() * rows, expected[f"wrapper.{name}"], 1e-4)
    # Names are read by the image checkpoint, whose temperature they are not given.
    names = golden_model(golden, "image").text_rows(expected["input_ids"])
    assert_close(names, expected["wrapper.language"])
    assert_close(names, expected["wrapper_no_temp.language"])


def test_what_stands_after_a_text_s_end_does_not_matter(golden: Path, expected: dict[str, Tensor]) -> None:
    model = golden_model(golden, "image")
    shorter = expected["input_ids"][:3, :9]
    assert_close(model.text_rows(shorter), expected["image.text_embeds"][:3])
    shorter = shorter.clone()
    shorter[1, 3:] = 0
    assert_close(model.text_rows(shorter), expected["image.text_embeds"][:3])


PUBLISHED_TEXT = {
    "hidden_act": "gelu",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
}
PUBLISHED_VISION = {
    "hidden_act": "gelu",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "patch_size": 14,
}


@pytest.mark.parametrize(
    ("kind", "vision", "parameters", "keys"),
    [
        (TowerKind.IMAGE, {}, 427_616_513, 590),
        (TowerKind.VIDEO, {"add_time_attn": True, "num_frames": 8}, 528_623_873, 854),
        (TowerKind.AUDIO, {"num_mel_bins": 112, "target_length": 1036}, 427_960_577, 590),
    ],
)
def test_models_of_the_published_sizes_have_the_published_numbers_of_parameters(
    kind: TowerKind, vision: dict[str, int], parameters: int, keys: int
) -> None:
    config = {
        "model_type": kind.value,
        "projection_dim": 768,
        "text_config": PUBLISHED_TEXT,
        "vision_config": PUBLISHED_VISION | vision,
    }
    with torch.device("meta"):
        model = LanguageBindModel(Configuration.parsed(config, kind, "published"))
    assert count(model) == parameters
    # Without position_ids, which the video and audio files have besides.
    assert len(model.state_dict()) == keys
    assert model.text_model is not None
    assert count(model.text_model) == 123_060_480


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def tiny_model(kind: TowerKind, **vision: object) -> LanguageBindModel:
    configuration = tiny.configuration(kind, **vision)
    return load_model(configuration, tiny.state(configuration), "tiny")


def test_clips_do_not_see_each_other() -> None:
    model = tiny_model(TowerKind.VIDEO)
    clips = torch.randn(3, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([model.clip_rows(clip[None]) for clip in clips])
    assert_close(model.clip_rows(clips), alone, 1e-6)


def test_the_order_of_frames_matters() -> None:
    model = tiny_model(TowerKind.VIDEO)
    clip = torch.randn(1, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    assert (model.clip_rows(clip) - model.clip_rows(clip.flip(2))).abs().max() > 1e-3


def test_a_clip_of_one_frame_has_no_place_in_time() -> None:
    configuration = tiny.configuration(TowerKind.VIDEO, num_frames=1)
    state = tiny.state(configuration)
    elsewhere = state | {name: values + 1 for name, values in state.items() if name.endswith("temporal_embedding")}
    clip = torch.randn(1, 3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    first, second = (load_model(configuration, each, "tiny").clip_rows(clip) for each in (state, elsewhere))
    assert torch.equal(first, second)


def test_clips_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="a clip must have 4 frames, got 8"):
        tiny_model(TowerKind.VIDEO).clip_rows(torch.zeros(1, 3, 8, 32, 32))


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pixels must be \(n × 1, 3, 24, 72\), got \(1, 3, 72, 24\)"):
        tiny_model(TowerKind.AUDIO).picture_rows(torch.zeros(1, 3, 72, 24))


def test_texts_need_the_text_tower() -> None:
    configuration = tiny.configuration(TowerKind.AUDIO)
    model = load_model(configuration, tiny.state(configuration), "tiny", with_text=False)
    assert count(model) < count(tiny_model(TowerKind.AUDIO))
    with pytest.raises(ValueError, match="without its text tower"):
        model.text_rows(torch.tensor([[tiny.BEGIN, tiny.END]]))
