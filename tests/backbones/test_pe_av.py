from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    PeAudioFeatureExtractor,
    PeAudioFrameLevelModel,
    PeAudioModel,
    PeAudioVideoConfig,
    PeAudioVideoEncoderConfig,
    PeAudioVideoModel,
    PeVideoEncoderConfig,
    PeVideoModel,
    ViTConfig,
)

from av2a.backbones import pe_av
from av2a.backbones.device import BatchSize, placement
from av2a.backbones.pe_av import SAMPLE_RATE_HZ, PeAudio, PeAvVisual
from av2a.backbones.pixels import squeezed_pixels
from av2a.backbones.pretrained import filled, load_tokenizer
from av2a.backbones.prompts import Prompts
from av2a.backbones.running import Runner
from av2a.errors import MissingDependency, WeightsUnavailable
from tests.backbones import tiny_models

LABELS = ["dog_barking", "a"]
TEXTS = ["dog barking", "a"]


def runner() -> Runner:
    return Runner(placement("cpu", "float32"), BatchSize(2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.pe_a_frame(tmp_path_factory.mktemp("pe_a_frame"))


@pytest.fixture(scope="module")
def audio(folder: Path) -> PeAudio:
    return pe_av.load_audio(folder, runner())


@pytest.fixture(scope="module")
def whole() -> Any:
    """PE-AV with another picture tower than the published ones, whose library is not installed."""
    torch.manual_seed(6)
    features: dict[str, Any] = {"num_labels": 24}
    picture = ViTConfig(**tiny_models.TOWER, **features, image_size=32, patch_size=8)
    video = PeVideoEncoderConfig(**tiny_models.TOWER, vision_config=picture, head_dim=16)
    sound = tiny_models.pe_audio_encoder()
    both = PeAudioVideoEncoderConfig(**tiny_models.TOWER, audio_config=sound, video_config=video, head_dim=16)
    model: torch.nn.Module = PeAudioVideoModel(
        PeAudioVideoConfig(text_config=tiny_models.pe_text(), audio_video_config=both)
    )
    return model.train(False)


@pytest.fixture(scope="module")
def visual(whole: Any, folder: Path) -> PeAvVisual:
    shared = {name: values for name, values in whole.state_dict().items() if ".text_model." not in name}
    state = pe_av.part(shared, "video_model")
    model = filled(PeVideoModel, whole.config.video_config, state, folder, torch.device("cpu"))
    return PeAvVisual(model, Prompts(load_tokenizer(folder), lambda label: label.replace("_", " "), 60), runner(), 32)


def noise(seconds: float) -> np.ndarray:
    samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(0).normal(scale=0.1, size=samples).astype(np.float32)


def tokens(folder: Path) -> dict[str, torch.Tensor]:
    found = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    return {"input_ids": found.input_ids, "attention_mask": found.attention_mask}


def test_labels_and_slices_equal_the_library_s_own(folder: Path, audio: PeAudio) -> None:
    sound = noise(1.01)
    heard = PeAudioFeatureExtractor()([sound], sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
    with torch.no_grad():
        expected = PeAudioFrameLevelModel.from_pretrained(folder)(**tokens(folder), input_values=heard["input_values"])
    assert audio.embed_labels(LABELS) == pytest.approx(expected.text_audio_embeds.numpy(), abs=1e-5)
    assert audio.embed_slices(sound) == pytest.approx(expected.audio_embeds[0].numpy(), abs=1e-5)
    mean = expected.audio_embeds[0].mean(dim=0).numpy()
    assert audio.embed_sounds([sound])[0] == pytest.approx(mean, abs=1e-5)


def test_long_sound_goes_through_in_chunks_of_ten_seconds(audio: PeAudio) -> None:
    sound = noise(18.5)
    slices = audio.embed_slices(sound)
    first, last = audio.embed_slices(sound[: 10 * SAMPLE_RATE_HZ]), audio.embed_slices(sound[213 * 1920 :])
    assert len(slices) == 463 == 213 + len(last)
    assert slices[:178] == pytest.approx(first[:178], abs=1e-5)
    assert slices[285:] == pytest.approx(last[72:], abs=1e-5)
    assert audio.embed_sounds([sound])[0] == pytest.approx(slices.mean(axis=0), abs=1e-6)


def test_a_label_for_pictures_differs_from_the_same_label_for_sounds(
    whole: Any, visual: PeAvVisual, folder: Path
) -> None:
    for_sounds = whole.audio_model.text_audio_head(whole.text_model(**tokens(folder)).last_hidden_state[:, 0])
    assert not np.allclose(visual.embed_labels(LABELS), for_sounds.detach().numpy(), atol=1e-2)


def test_labels_and_clips_equal_the_library_s_own(whole: Any, visual: PeAvVisual, folder: Path) -> None:
    rng = np.random.default_rng(0)
    clips = [[rng.integers(256, size=(40, 50, 3)).astype(np.uint8) for _ in range(4)] for _ in range(2)]
    pixels = torch.stack([squeezed_pixels(clip, 32) for clip in clips])
    with torch.no_grad():
        expected = whole(**tokens(folder), input_values=torch.zeros(2, 1, 1920), pixel_values_videos=pixels)
    assert visual.embed_labels(LABELS) == pytest.approx(expected.text_video_embeds.numpy(), abs=1e-5)
    rows = visual.embed_clips(clips)
    assert rows[:, 0] == pytest.approx(expected.video_embeds.numpy(), abs=1e-5)
    assert visual.embed_frames(clips[0][:1]) == pytest.approx(visual.embed_clips([clips[0][:1]])[:, 0], abs=1e-6)
    assert not visual.clips_are_frames


@pytest.mark.skipif(find_spec("timm") is not None, reason="timm is installed")
def test_without_timm_the_pictures_of_pe_av_are_refused_in_one_line(folder: Path) -> None:
    with pytest.raises(MissingDependency, match="the visual encoder of PE-AV needs 'timm'") as refusal:
        pe_av.load_visual(folder, runner())
    assert "\n" not in str(refusal.value)


def test_a_model_of_whole_sounds_is_refused(tmp_path: Path) -> None:
    tiny_models.saved(PeAudioModel(tiny_models.pe_audio_config()), tmp_path)
    with pytest.raises(WeightsUnavailable, match="was trained on whole sounds"):
        pe_av.load_audio(tiny_models.bytewise_tokenizer(tmp_path, "<s> $A </s>"), runner())
