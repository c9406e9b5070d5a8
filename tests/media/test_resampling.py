"""The resampler of the released code; its samples are held to torchaudio's by the golden spectrograms of LanguageBind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.media.resampling import SincResampler

RATES = st.sampled_from([8_000, 11_025, 16_001, 22_050, 32_000, 44_100, 48_000, 96_000])


def resampled(samples: np.ndarray, from_hz: int, to_hz: int, *cuts: int) -> np.ndarray:
    resampler = SincResampler(from_hz, to_hz)
    blocks = [resampler.push(block) for block in np.split(samples, sorted(cuts))]
    return np.concatenate([*blocks, resampler.rest()])


@given(RATES, st.lists(st.integers(0, 2000), max_size=5), st.integers(1, 2000))
def test_where_blocks_end_changes_nothing(from_hz: int, cuts: list[int], length: int) -> None:
    samples = np.random.default_rng(length).normal(size=length).astype(np.float32)
    whole = resampled(samples, from_hz, 16_000)
    assert len(whole) == -(-length * 16_000 // from_hz)
    assert np.array_equal(whole, resampled(samples, from_hz, 16_000, *(min(cut, length) for cut in cuts)))


@pytest.mark.parametrize("from_hz", [8_000, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_its_loudness_and_its_time(from_hz: int) -> None:
    tone, expected = (
        np.sin(2 * np.pi * 1000 * np.arange(rate) / rate).astype(np.float32) for rate in (from_hz, 16_000)
    )
    assert np.abs(resampled(tone, from_hz, 16_000) - expected)[100:-100].max() < 3e-3


def test_what_lies_above_half_the_new_rate_is_gone() -> None:
    high = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(resampled(high, 48_000, 16_000))[100:-100].max() < 3e-3
