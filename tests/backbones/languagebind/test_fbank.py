import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from av2a.backbones.languagebind.configuration import Configuration, TowerKind
from av2a.backbones.languagebind.fbank import ENERGY_FLOOR, log_mel, mel_filters, spectrogram_pixels
from av2a.media import decode_sound, open_clip
from av2a.settings import Channels
from tests.backbones.languagebind import tiny

PUBLISHED = {"num_mel_bins": 112, "target_length": 1036, "patch_size": 14}


@pytest.fixture
def golden(shared: Path) -> Any:
    return np.load(shared / "golden" / "languagebind" / "audio_preprocess.npz")


def published() -> Configuration:
    return tiny.configuration(TowerKind.AUDIO, **PUBLISHED)


def sound(golden: Any, case: str, folder: Path) -> torch.Tensor:
    """What a file with these samples sounds like to the audio tower under ``channels = first``."""
    file = folder / f"{case}.wav"
    waveform = golden[f"{case}.waveform_int16"]
    with wave.open(str(file), "wb") as writer:
        writer.setnchannels(len(waveform))
        writer.setsampwidth(2)
        writer.setframerate(int(golden[f"{case}.sample_rate"][0]))
        writer.writeframes(np.ascontiguousarray(waveform.T, "<i2").tobytes())
    blocks = decode_sound(open_clip(file), 16_000, channels=Channels.FIRST)
    return torch.from_numpy(np.concatenate([block.samples for block in blocks]))


def assert_close(pixels: np.ndarray, expected: np.ndarray) -> None:
    assert pixels.shape == expected.shape
    difference = np.abs(pixels - expected)
    assert difference.mean() <= 5e-6
    assert difference.max() <= 2e-3


@pytest.mark.parametrize("case", ["short", "clip10s", "stereo48k", "mono44k"])
def test_spectrograms_are_the_reference_s(golden: Any, case: str, tmp_path: Path) -> None:
    pixels = spectrogram_pixels(sound(golden, case, tmp_path).numpy(), published()).numpy()
    assert pixels.shape == (3, 112, 1036)
    assert_close(pixels[0, golden[f"{case}.mel_rows"]], golden[f"{case}.pixel_values_rows"])
    assert np.array_equal(pixels[0], pixels[1]) and np.array_equal(pixels[0], pixels[2])


def test_of_a_long_sound_each_channel_holds_the_first_stretch_of_its_third(golden: Any, tmp_path: Path) -> None:
    pixels = spectrogram_pixels(sound(golden, "long", tmp_path).numpy(), published()).numpy()
    assert_close(pixels[:, golden["long.first.mel_rows"]], golden["long.first.pixel_values_rows"])


def test_any_stretches_of_a_long_sound_are_the_reference_s(golden: Any, tmp_path: Path) -> None:
    levels = log_mel(sound(golden, "long", tmp_path), 112)
    stretches = torch.stack([levels[start : start + 1036].T for start in golden["long.picked.chunk_start"].tolist()])
    pixels = (stretches - published().spectrogram_mean) / (2 * published().spectrogram_std)
    assert_close(pixels[:, golden["long.picked.mel_rows"]].numpy(), golden["long.picked.pixel_values_rows"])


@pytest.mark.parametrize(
    ("case", "every"), [("short", 1), ("stereo48k", 1), ("mono44k", 1), ("clip10s", 25), ("long", 25)]
)
def test_levels_are_the_reference_s(golden: Any, case: str, every: int, tmp_path: Path) -> None:
    levels = log_mel(sound(golden, case, tmp_path), 112)[::every].numpy() / (2 * published().spectrogram_std)
    assert_close(levels, golden[f"{case}.log_mel"] / (2 * published().spectrogram_std))


def test_only_complete_windows_count(golden: Any) -> None:
    for samples, frames in golden["frame_counts"].tolist():
        assert log_mel(torch.zeros(samples), bands=24).shape == (frames, 24)


def test_a_sound_shorter_than_a_window_is_repeated() -> None:
    short = torch.arange(100, dtype=torch.float32) / 100
    assert torch.equal(log_mel(short, 24), log_mel(short.repeat(4), 24))
    assert log_mel(torch.ones(1), 24).shape == (1, 24)


def test_silence_is_the_floor_everywhere() -> None:
    assert torch.equal(log_mel(torch.zeros(800), 24), torch.full((3, 24), ENERGY_FLOOR).log())


def test_no_sound_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        spectrogram_pixels(np.zeros(0, np.float32), published())


def test_every_band_hears_something() -> None:
    filters = mel_filters(112)
    assert filters.shape == (257, 112)
    assert (filters.max(dim=0).values > 0).all()
    assert filters.max() <= 1
