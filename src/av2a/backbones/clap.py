"""LAION CLAP, an encoder of audio and labels (Wu et al., 2023), as ``transformers.ClapModel``, without fusion.

Sound goes in at 48 kHz, ten seconds at a time. Shorter sound is repeated a whole number of times and then filled up with
silence; longer sound is cut into equal pieces of ten seconds. The released code cuts one piece at random instead.

**Slices.** The audio tower (HTSAT) looks at 1024 spectrogram frames of 64 bands as a square picture: the ten seconds are cut
into four strips that are laid one under the other, strip over strip, low band to high. Its last grid has eight rows (four strips
of two bands) and eight columns (times within a strip). ``last_hidden_state`` has that undone: (feature, band, time), time being
strip after strip, 4 · 8 = 32 slices of 312.5 ms. The clip's own feature is the mean over bands and times. So the mean over
bands alone is a feature for each slice, the mean of which is the clip's, at the price of one pass for ten seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from transformers import ClapModel

from av2a.backbones.base import Sound, Span
from av2a.backbones.pretrained import load_model, load_tokenizer
from av2a.backbones.prompts import Prompts, Tokens
from av2a.backbones.running import Runner, unit
from av2a.backbones.sound_slices import chunk_starts, most_central, span_means
from av2a.errors import WeightsUnavailable

SAMPLE_RATE_HZ = 48_000
WINDOW_SECONDS = 10
WINDOW_SAMPLES = WINDOW_SECONDS * SAMPLE_RATE_HZ
OVERHANG_SAMPLES = SAMPLE_RATE_HZ // 2
"""So much audio beyond whole windows is dropped: files of "ten seconds" carry some hundredths more, worth no second pass."""

FOURIER_SAMPLES = 1024
HOP_SAMPLES = 480
MEL_BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 50.0, 14_000.0
POWER_FLOOR = 1e-10

SLICES = 32
SLICE_SAMPLES = WINDOW_SAMPLES // SLICES
SLICES_HOP = 26
"""Chunks of longer sound start at most 8.1 s apart, so that only the first and last slices lie within 0.9 s of an edge."""

LONGEST_LABEL = 77
"""Tokens; LAION's tokenizer cuts there, in training too."""

Levels = Float32[Tensor, "sound 1 moment band"]


@dataclass(eq=False)
class Clap:
    """Audio and labels in one space of unit embeddings."""

    model: ClapModel
    prompts: Prompts
    runner: Runner
    name: str = "clap"
    sample_rate_hz: int = SAMPLE_RATE_HZ
    segment_seconds: float = 1.0
    longest_seconds: float = float(WINDOW_SECONDS)
    slice_seconds: float = SLICE_SAMPLES / SAMPLE_RATE_HZ

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return int(self.model.config.projection_dim)

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit embedding for each label, independent of the others."""
        return self.prompts.rows(labels, self.runner, self._text, self.features)

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One unit embedding for each sound; of a longer one, the mean direction of its ten-second pieces."""
        pieces = [(owner, piece) for owner, sound in enumerate(sounds) for piece in ten_seconds_each(sound)]
        rows = self.runner.rows([piece for _, piece in pieces], self._levels, self._sound, self.features)
        if len(pieces) == len(sounds):
            return rows
        owners = np.array([owner for owner, _ in pieces])
        means = np.stack([rows[owners == owner].mean(axis=0) for owner in range(len(sounds))])
        return unit(torch.from_numpy(means)).numpy()

    def embed_slices(self, sound: Sound) -> Float[np.ndarray, "slice feature"]:
        """One unit embedding for each 312.5 ms of the sound; the last slice may be shorter."""
        return self._projected(self.pooled_slices(sound))

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> Float[np.ndarray, "span feature"]:
        """One unit embedding for each span of seconds: the mean feature of its slices, projected. One pass, whatever the spans."""
        return self._projected(span_means(self.pooled_slices(sound), spans, self.slice_seconds))

    def pooled_slices(self, sound: Sound) -> Float32[np.ndarray, "slice hidden"]:
        """The audio tower's feature of each slice, before projection; its mean over ten seconds is the clip's."""
        _check(sound)
        slices = -(-len(sound) // SLICE_SAMPLES)
        starts = chunk_starts(slices, SLICES, SLICES_HOP)
        chunks = [sound[start * SLICE_SAMPLES :][:WINDOW_SAMPLES] for start in starts]
        grids = self.runner.rows(chunks, self._levels, self._grid, SLICES, self._hidden)
        return np.stack([grids[place] for place in most_central(slices, starts, SLICES)])

    @property
    def _hidden(self) -> int:
        return self.model.audio_projection.linear1.in_features

    def _text(self, ids: Tokens, mask: Tokens) -> Tensor:
        return self.model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output

    def _sound(self, levels: Levels) -> Tensor:
        return self.model.get_audio_features(input_features=levels).pooler_output

    def _grid(self, levels: Levels) -> Tensor:
        return self.model.audio_model(input_features=levels).last_hidden_state.mean(dim=2).transpose(1, 2)

    def _levels(self, sounds: Sequence[Sound]) -> Levels:
        return log_mel(sounds).to(self.runner.placement.device)

    def _projected(self, pooled: Float32[np.ndarray, "row hidden"]) -> Float32[np.ndarray, "row feature"]:
        device = self.runner.placement.device
        return self.runner.rows(
            list(pooled),
            lambda some: torch.from_numpy(np.stack(some)).to(device),
            self._projection,
            self.features,
        )

    def _projection(self, pooled: Tensor) -> Tensor:
        return unit(self.model.audio_projection(pooled))


def load(folder: Path, runner: Runner, name: str = "clap") -> Clap:
    """The encoder in ``folder``, of either size.

    Raises:
        WeightsUnavailable: the folder holds no CLAP, not all of one, or one with fusion.
    """
    model = load_model(ClapModel, folder, runner.placement.device, "clap")
    # The library types a configuration's parts as anything they may be given as.
    config: Any = model.config
    if config.audio_config.enable_fusion:
        raise WeightsUnavailable(
            f"{folder} holds a CLAP with fusion, which hears long sound in another way: name one without, such as laion/clap-htsat-unfused"
        )
    positions = config.text_config.max_position_embeddings - config.text_config.pad_token_id - 1
    prompts = Prompts(load_tokenizer(folder), "This is a sound of {}".format, min(LONGEST_LABEL, positions))
    return Clap(model, prompts, runner, name)


# Sound as the model sees it.


def ten_seconds_each(sound: Sound) -> list[Sound]:
    """The sound in pieces of at most ten seconds: as few as hold it, all of ten seconds when there are several, evenly spread.

    Up to half a second may fall between or around them.

    >>> [len(piece) / 48000 for piece in ten_seconds_each(np.zeros(25 * 48000, np.float32))]
    [10.0, 10.0, 10.0]

    Raises:
        ValueError: the sound has no samples.
    """
    _check(sound)
    beyond = len(sound) - WINDOW_SAMPLES
    if beyond <= 0:
        return [sound]
    pieces = 1 + max(0, -(-(beyond - OVERHANG_SAMPLES) // WINDOW_SAMPLES))
    starts = [beyond // 2] if pieces == 1 else [beyond * piece // (pieces - 1) for piece in range(pieces)]
    return [sound[start : start + WINDOW_SAMPLES] for start in starts]


def _check(sound: Sound) -> None:
    if not len(sound):
        raise ValueError("a sound must have at least one sample, got none")


def log_mel(sounds: Sequence[Sound]) -> Levels:
    """The level in each band, in dB, a hundred times a second over ten seconds.

    Source: torchlibrosa as LAION's code sets it: periodic Hann window, reflected ends, power, bands of equal area evenly spaced on
    Slaney's mel scale, nothing below −100 dB. Without the 16-bit rounding of LAION's file reader, as in the released method.
    """
    waves = torch.from_numpy(np.stack([filled_up(sound) for sound in sounds]))
    spectrum = torch.stft(
        waves,
        FOURIER_SAMPLES,
        HOP_SAMPLES,
        window=torch.hann_window(FOURIER_SAMPLES),
        pad_mode="reflect",
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    bands = power.transpose(1, 2) @ torch.from_numpy(mel_filters())
    return 10 * bands.clamp(min=POWER_FLOOR).log10()[:, None]


def filled_up(sound: Sound) -> Float32[np.ndarray, " filled_sample"]:
    """The sound repeated as often as it fits into ten seconds, then silence.

    >>> filled_up(np.ones(300_000, np.float32)).sum(), filled_up(np.ones(200_000, np.float32)).sum()
    (np.float32(300000.0), np.float32(400000.0))
    """
    repeated = np.tile(sound, max(1, WINDOW_SAMPLES // len(sound)))
    return np.pad(repeated, (0, WINDOW_SAMPLES - len(repeated)))


@cache
def mel_filters() -> Float32[np.ndarray, "frequency band"]:
    """Triangles evenly spaced on Slaney's mel scale, each of the same area."""
    lowest, highest = _mel(LOWEST_HZ), _mel(HIGHEST_HZ)
    corners = np.array([_hertz(mel) for mel in np.linspace(lowest, highest, MEL_BANDS + 2)])
    frequencies = np.fft.rfftfreq(FOURIER_SAMPLES, 1 / SAMPLE_RATE_HZ)[:, None]
    rising = (frequencies - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequencies) / np.diff(corners)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * 2 / (corners[2:] - corners[:-2]), np.float32)


# Slaney's scale: linear up to 1000 Hz, where it reaches 15, then 27 steps for each factor of 6.4.
_KNEE_HZ, _KNEE_MEL, _MELS_A_FACTOR, _FACTOR = 1000.0, 15.0, 27.0, 6.4


def _mel(hertz: float) -> float:
    if hertz < _KNEE_HZ:
        return hertz * _KNEE_MEL / _KNEE_HZ
    return _KNEE_MEL + _MELS_A_FACTOR * math.log(hertz / _KNEE_HZ) / math.log(_FACTOR)


def _hertz(mel: float) -> float:
    if mel < _KNEE_MEL:
        return mel * _KNEE_HZ / _KNEE_MEL
    return _KNEE_HZ * math.exp((mel - _KNEE_MEL) * math.log(_FACTOR) / _MELS_A_FACTOR)
