"""Spectrograms as LanguageBind's audio tower was trained on them: Kaldi's log-mel filter bank, repeated or cut to a fixed length.

In plain torch, held to torchaudio's numbers. The constants are those that the released code passes, or leaves, to torchaudio.
"""

from functools import cache
from math import ceil, log

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor
from torch.nn import functional

from av2a.backbones.base import Sound
from av2a.backbones.languagebind.configuration import Configuration

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FOURIER_SAMPLES = 512
PREEMPHASIS = 0.97
LOWEST_HZ, HIGHEST_HZ = 20.0, 8000.0
ENERGY_FLOOR = 1.1920929e-07


def spectrogram_pixels(sound: Sound, configuration: Configuration) -> Float[Tensor, "3 band frame"]:
    """A sound at 16 kHz as the audio tower takes it: a picture of mel bands by time, of fixed length.

    A sound shorter than the tower's length is repeated. Of a longer one each channel holds another interval, at a fixed position where
    the released code draws a random one (:func:`spectrogram_rows`).

    Raises:
        ValueError: the sound has no samples.
    """
    if not len(sound):
        raise ValueError("a sound must have at least one sample, got none")
    bands, length = configuration.tower.input_shape
    levels = log_mel(torch.from_numpy(np.array(sound)), bands)
    rows = torch.from_numpy(spectrogram_rows(len(levels), length))
    pixels = levels[rows].transpose(1, 2)
    return (pixels - configuration.spectrogram_mean) / (2 * configuration.spectrogram_std)


def log_mel(sound: Float32[Tensor, " sample"], bands: int) -> Float32[Tensor, "frame band"]:
    """The natural logarithm of the energy in each mel band, 100 times a second, of complete windows only.

    A sound shorter than one window, which torchaudio refuses, is repeated to fill it.
    """
    sound = sound - sound.mean()
    if len(sound) < WINDOW_SAMPLES:
        sound = sound.repeat(ceil(WINDOW_SAMPLES / len(sound)))[:WINDOW_SAMPLES]
    windows = sound.unfold(0, WINDOW_SAMPLES, HOP_SAMPLES)
    windows = windows - windows.mean(dim=1, keepdim=True)
    before = functional.pad(windows[:, None], (1, 0), mode="replicate")[:, 0, :-1]
    windows = (windows - PREEMPHASIS * before) * torch.hann_window(WINDOW_SAMPLES, periodic=False)
    power = torch.fft.rfft(windows, FOURIER_SAMPLES).abs().square()
    return (power @ mel_filters(bands)).clamp_min(ENERGY_FLOOR).log()


@cache
def mel_filters(bands: int) -> Float32[Tensor, "frequency band"]:
    """Triangles evenly spaced on the mel scale, with slopes that are straight on that scale, as Kaldi's are."""
    lowest, highest = _mel(LOWEST_HZ), _mel(HIGHEST_HZ)
    step = (highest - lowest) / (bands + 1)
    left, centre, right = (lowest + (torch.arange(bands) + edge) * step for edge in (0.0, 1.0, 2.0))
    # Half the sample rate itself is left out.
    frequencies = SAMPLE_RATE_HZ / FOURIER_SAMPLES * torch.arange(FOURIER_SAMPLES // 2)
    mels = (1127 * (1 + frequencies / 700).log())[:, None]
    triangles = torch.minimum((mels - left) / (centre - left), (right - mels) / (right - centre)).clamp_min(0)
    return functional.pad(triangles, (0, 0, 0, 1))


def _mel(hertz: float) -> float:
    return 1127 * log(1 + hertz / 700)


def spectrogram_rows(available: int, needed: int = 1036) -> Int64[np.ndarray, "channel needed"]:
    """Which spectrogram frame each of ``needed`` positions takes, in three channels (behaviour 33).

    Short sounds are repeated. Of long ones three intervals are used, where the released code draws random ones: at the
    start of the first, second and last third of the possible positions.

    >>> spectrogram_rows(3, needed=5)[0]
    array([0, 1, 2, 0, 1])
    """
    positions = np.arange(needed, dtype=np.int64)
    if available <= needed:
        return np.tile(positions % available, (3, 1))
    thirds = np.array_split(np.arange(available - needed + 1), 3)
    return np.stack([positions + (third[0] if len(third) else 0) for third in thirds])
