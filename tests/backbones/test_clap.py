from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, RobertaTokenizer

from av2a.backbones import clap
from av2a.backbones.clap import SAMPLE_RATE_HZ, SLICES, Clap, log_mel, ten_seconds_each
from av2a.backbones.device import placement
from av2a.backbones.pretrained import filled, load_tokenizer
from av2a.backbones.prompts import Prompts
from av2a.backbones.running import Runner
from av2a.backbones.weights import read_json
from av2a.errors import WeightsUnavailable
from tests.backbones import tiny_models

Golden = dict[str, Tensor]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.clap(tmp_path_factory.mktemp("clap"))


def runner() -> Runner:
    return Runner.on(placement("cpu", "float32"))


@pytest.fixture
def encoder(folder: Path) -> Clap:
    return clap.load(folder, runner())


@pytest.fixture
def golden(shared: Path) -> Golden:
    return load_file(shared / "golden" / "clip_clap" / "clip_clap_io.safetensors")


@pytest.fixture
def golden_encoder(shared: Path, folder: Path) -> Clap:
    golden = shared / "golden" / "clip_clap"
    config = ClapConfig.from_dict(read_json(golden / "clap_config.json"))
    model = filled(ClapModel, config, load_file(golden / "clap.safetensors"), golden, torch.device("cpu"))
    return Clap(model, Prompts(load_tokenizer(folder), str, 40), runner())


def golden_sound(golden: Golden, name: str) -> np.ndarray:
    if name.startswith("over10s"):
        period = golden["clap.over10s.period_int16"].numpy()
        start = int(golden[f"clap.{name}"].item())
        values = np.resize(period, int(golden["clap.over10s.num_samples"].item()))[start:][: 10 * SAMPLE_RATE_HZ]
    else:
        values = golden[f"clap.{name}.waveform_int16"].numpy()
    return values.astype(np.float32) / np.float32(32768)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    samples = round(seconds * SAMPLE_RATE_HZ)
    return np.random.default_rng(seed).normal(scale=0.1, size=samples).astype(np.float32)


@pytest.mark.parametrize("name", ["w1s", "w3s", "over10s.crop_start_first", "over10s.crop_start_given"])
def test_sounds_of_all_lengths_equal_those_of_laion_s_code(golden: Golden, golden_encoder: Clap, name: str) -> None:
    sound = golden_sound(golden, name)
    levels = log_mel([sound])[0, 0, ::20].numpy()
    assert levels == pytest.approx(golden[f"clap.{name}.log_mel_every20"].numpy(), abs=2e-4)
    (row,) = golden_encoder.embed_sounds([sound])
    assert row == pytest.approx(golden[f"clap.{name}.audio_embed"].numpy(), abs=1e-5)


def test_texts_equal_those_of_laion_s_code(golden: Golden, golden_encoder: Clap) -> None:
    found = golden_encoder.model.get_text_features(golden["clap.input_ids"], golden["clap.attention_mask"])
    assert torch.allclose(found.pooler_output, golden["clap.text_embed"], atol=1e-5)


def test_the_mean_of_the_slices_is_the_clip_s_pooled_feature(golden: Golden, golden_encoder: Clap) -> None:
    slices = golden_encoder.pooled_slices(golden_sound(golden, "over10s.crop_start_first"))
    expected = golden["clap.over10s.crop_start_first.audio_pooled"].numpy()
    assert slices.shape == (SLICES, len(expected))
    assert slices.mean(axis=0) == pytest.approx(expected, abs=1e-5)


def test_the_span_of_a_whole_clip_is_the_clip(encoder: Clap) -> None:
    sound = noise(10)
    assert encoder.embed_spans(sound, [(0.0, 10.0)]) == pytest.approx(encoder.embed_sounds([sound]), abs=1e-5)


@pytest.mark.parametrize("second", [0, 3, 6, 9])
def test_a_slice_changes_most_where_the_sound_changes(encoder: Clap, second: int) -> None:
    quiet = noise(10) * np.float32(0.01)
    loud = quiet.copy()
    loud[second * SAMPLE_RATE_HZ : (second + 1) * SAMPLE_RATE_HZ] += noise(1, seed=1)
    change = np.linalg.norm(encoder.pooled_slices(loud) - encoder.pooled_slices(quiet), axis=1)
    most = (int(change.argmax()) + 0.5) * encoder.slice_seconds
    assert second - encoder.slice_seconds < most < second + 1 + encoder.slice_seconds


def test_slices_of_longer_sound_are_those_of_the_chunk_around_them(encoder: Clap) -> None:
    sound = noise(23.3)
    slices = encoder.pooled_slices(sound)
    start = 21
    chunk = encoder.pooled_slices(sound[start * 15_000 :][: 10 * SAMPLE_RATE_HZ])
    assert slices[start + 8 : start + 24] == pytest.approx(chunk[8:24], abs=1e-5)
    assert encoder.embed_slices(sound).shape == (len(slices), encoder.features)


def test_levels_equal_the_library_s_own(encoder: Clap) -> None:
    library = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad", frequency_min=50, frequency_max=14_000)
    heard = [noise(0.3), noise(4), noise(10)]
    expected = library(heard, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")["input_features"]
    assert torch.allclose(log_mel(heard), expected.float(), atol=2e-4)


def test_labels_equal_the_library_s_own_padded_to_the_full_length(folder: Path, encoder: Clap) -> None:
    tokens = RobertaTokenizer.from_pretrained(folder)(
        ["This is a sound of Frying_(food)", "This is a sound of a"],
        padding="max_length",
        max_length=77,
        return_tensors="pt",
    )
    expected = ClapModel.from_pretrained(folder).get_text_features(**tokens).pooler_output.detach().numpy()
    assert encoder.embed_labels(["Frying_(food)", "a"]) == pytest.approx(expected, abs=1e-6)


def test_rows_are_of_unit_length(encoder: Clap) -> None:
    for rows in (
        encoder.embed_labels(["dog", "cat"]),
        encoder.embed_sounds([noise(1), noise(25)]),
        encoder.embed_slices(noise(3)),
        encoder.embed_spans(noise(3), [(0.5, 2.0)]),
    ):
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("seconds", "pieces"), [(0.1, 1), (10.0, 1), (10.4, 1), (10.6, 2), (20.0, 2), (30.9, 4)])
def test_long_sound_is_cut_into_the_fewest_pieces_of_ten_seconds(seconds: float, pieces: int) -> None:
    sound = np.arange(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)
    found = ten_seconds_each(sound)
    assert len(found) == pieces
    assert {len(piece) for piece in found} == {min(len(sound), 10 * SAMPLE_RATE_HZ)}
    if pieces > 1:
        assert found[0][0] == sound[0] and found[-1][-1] == sound[-1]


def test_a_long_sound_has_the_mean_direction_of_its_pieces(encoder: Clap) -> None:
    sound = noise(20)
    pieces = encoder.embed_sounds([sound[: 10 * SAMPLE_RATE_HZ], sound[10 * SAMPLE_RATE_HZ :]])
    mean = pieces.mean(axis=0)
    assert encoder.embed_sounds([sound])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_a_checkpoint_with_fusion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="with fusion"):
        clap.load(tiny_models.clap(tmp_path, fusion=True), runner())
