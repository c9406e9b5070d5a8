"""Resamples mono audio that arrives in blocks: by FFmpeg, or as torchaudio does at its default settings.

torchaudio uses a sinc under a Hann window (``sinc_interp_hann``), and the released code resamples LanguageBind's audio with it. FFmpeg's
resampler has smaller errors and gives other samples.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import ceil, gcd
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

ZERO_CROSSINGS = 6
"""Of the sinc, on either side."""
ROLLOFF = 0.99
"""Where the low-pass begins, as a part of the lower one of both Nyquist frequencies."""

Samples = Float32[np.ndarray, " _sample"]


class FFmpegResampler:
    """Resamples one run of audio by FFmpeg. The first output sample is at the time of the first input sample."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        import av

        self._from_hz, self._received = from_hz, 0
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_hz)

    def push(self, samples: Samples) -> Samples:
        """Output samples for which all input is there."""
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = self._from_hz, Fraction(1, self._from_hz)
        frame.pts = self._received
        self._received += len(samples)
        return self._made(frame)

    def rest(self) -> Samples:
        """What the filter still holds."""
        return self._made(None)

    def _made(self, frame: Any) -> Samples:
        made = [each.to_ndarray()[0] for each in self._resampler.resample(frame)]
        return np.concatenate(made) if made else np.empty(0, np.float32)


@dataclass(eq=False)
class SincResampler:
    """Resamples one run of audio as torchaudio does. The first output sample is at the time of the first input sample.

    >>> resampler = SincResampler(48_000, 16_000)
    >>> len(resampler.push(np.zeros(1000, np.float32))) + len(resampler.rest())
    334
    """

    from_hz: int
    to_hz: int
    _waiting: Samples = field(init=False)
    """Input that later outputs need, preceded by zeros at the start."""
    _waiting_from: int = field(init=False)
    """The number of its first sample."""
    _received: int = 0
    _made: int = 0

    def __post_init__(self) -> None:
        common = gcd(self.from_hz, self.to_hz)
        self._old, self._new = self.from_hz // common, self.to_hz // common
        self._waiting = np.zeros(_reach(self._old, self._new), np.float32)
        self._waiting_from = -len(self._waiting)

    def push(self, samples: Samples) -> Samples:
        """Output samples for which all input is there."""
        self._received += len(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        reach = _reach(self._old, self._new)
        return self._up_to((self._received - reach - 1) * self._new // self._old)

    def rest(self) -> Samples:
        """The last samples, with silence after the input."""
        self._waiting = np.concatenate([self._waiting, np.zeros(_reach(self._old, self._new) + 1, np.float32)])
        return self._up_to(ceil(self._received * self._new / self._old))

    def _up_to(self, stop: int) -> Samples:
        """Output samples from the first one that was not made."""
        if stop <= self._made:
            return np.empty(0, np.float32)
        numbers = np.arange(self._made, stop)
        weights = _weights(self._old, self._new)
        reach = _reach(self._old, self._new)
        # The input sample at or before each output sample, and its neighbours.
        first = numbers * self._old // self._new - reach - self._waiting_from
        windows = sliding_window_view(self._waiting, weights.shape[1])[first]
        made = np.einsum("st,st->s", windows.astype(np.float64), weights[numbers % self._new]).astype(np.float32)
        self._made = stop
        needed_from = max(self._waiting_from, stop * self._old // self._new - reach)
        self._waiting = self._waiting[needed_from - self._waiting_from :]
        self._waiting_from = needed_from
        return made


def _reach(old: int, new: int) -> int:
    """How many input samples on either side an output sample needs."""
    return ceil(ZERO_CROSSINGS * old / (ROLLOFF * min(old, new)))


@lru_cache(maxsize=4)
def _weights(old: int, new: int) -> Float64[np.ndarray, "phase tap"]:
    """The weight of each neighbouring input sample, for each place that an output sample may have between two of them."""
    cutoff, reach = ROLLOFF * min(old, new), _reach(old, new)
    places = (np.arange(new) * old % new) / new
    taps = np.arange(-reach, reach + 2)
    moments = np.clip(cutoff * (taps - places[:, None]) / old, -ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = np.cos(np.pi * moments / ZERO_CROSSINGS / 2) ** 2
    return np.sinc(moments) * window * cutoff / old
