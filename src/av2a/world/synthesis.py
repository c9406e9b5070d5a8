"""Synthesises the parts of sounds: gliding pitches, tones from a wave table, shaped noise, notes on a track.

All audio is mono and single precision. A tone reads one cycle from a table, which makes a whole scene cheap.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
from jaxtyping import Float, Float32

Samples = Float32[np.ndarray, " sample"]

_TABLE = 2048
_NYQUIST_SHARE = 0.45
_LONGEST_NOISE_SECONDS = 2.5


@dataclass(frozen=True)
class Take:
    """Length and random generators of one interval of one sound.

    ``breed`` gives the same numbers in every interval of an occurrence (this dog), ``rng`` new ones in each (this bark).
    ``noise`` is for samples only, so that the times of events do not depend on the sample rate.
    """

    rate_hz: int
    seconds: float
    breed: np.random.Generator
    rng: np.random.Generator
    noise: np.random.Generator

    @property
    def samples(self) -> int:
        """Number of samples."""
        return round(self.seconds * self.rate_hz)

    def part(self, seconds: float) -> "Take":
        """A shorter take, for one note of this one, with the same generators."""
        return Take(self.rate_hz, seconds, self.breed, self.rng, self.noise)


def silence(take: Take) -> Samples:
    """Zeros of the take's length."""
    return np.zeros(take.samples, dtype=np.float32)


def curve(take: Take, points: Sequence[float], times: Sequence[float] | None = None) -> Samples:
    """A line through the points, evenly spread over the take or at the given fractions of it."""
    shares = np.linspace(0, 1, len(points)) if times is None else np.asarray(times)
    if take.samples == 0:
        return silence(take)
    return np.interp(np.arange(take.samples) / take.samples, shares, points).astype(np.float32)


def wobble(take: Take, rate_hz: float, depth: float) -> Samples:
    """A factor that swings by ``depth`` around 1."""
    return (1 + depth * sine(take, rate_hz)).astype(np.float32)


def sine(take: Take, pitch_hz: float | Samples) -> Samples:
    """A pure tone."""
    return voice(take, pitch_hz, [1.0])


def voice(
    take: Take, pitch_hz: float | Samples, harmonics: Sequence[float] | Float[np.ndarray, " harmonic"]
) -> Samples:
    """A periodic tone of a pitch (constant, or one for each sample) with the given harmonics; its peak is about 1.

    Harmonics above the Nyquist frequency are left out.
    """
    pitch = np.float32(pitch_hz) if isinstance(pitch_hz, float | int) else pitch_hz
    highest = float(np.max(pitch, initial=1.0))
    carried = max(1, int(_NYQUIST_SHARE * take.rate_hz / highest))
    table = _cycle(np.asarray(harmonics, dtype=np.float64)[:carried])
    phase: Float[np.ndarray, " sample"]
    if np.ndim(pitch):
        phase = np.cumsum(pitch, dtype=np.float64) * (_TABLE / take.rate_hz)
    else:
        phase = np.arange(take.samples) * (float(pitch) * _TABLE / take.rate_hz)
    return table[phase.astype(np.int64) & (_TABLE - 1)]


def _cycle(harmonics: Float[np.ndarray, " harmonic"]) -> Float32[np.ndarray, " step"]:
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    kept = min(len(harmonics), _TABLE // 2 - 1)
    # Phases spread out as a chirp's keep the peaks low and all voices equally loud.
    order = np.arange(kept)
    spectrum[1 : kept + 1] = harmonics[:kept] * np.exp(1j * pi * order * (order + 1) / max(kept, 1))
    cycle = np.fft.irfft(spectrum)
    return (cycle / max(np.abs(cycle).max(), 1e-9)).astype(np.float32)


def falling(count: int, power: float) -> Float[np.ndarray, " harmonic"]:
    """Harmonics that weaken as 1/kᵖ: 1 is a saw, 2 is soft."""
    return 1 / np.arange(1, count + 1) ** power


def formants(
    pitch_hz: float, centres_hz: Sequence[float], *, width_hz: float = 120.0
) -> Float[np.ndarray, " harmonic"]:
    """The harmonics of a voice: a saw with resonances, the higher ones weaker."""
    frequencies = pitch_hz * np.arange(1, max(2, int(5000 / pitch_hz)) + 1)
    gains = sum(
        0.75**k / (1 + ((frequencies - centre) / (width_hz * (1 + 0.4 * k))) ** 2)
        for k, centre in enumerate(centres_hz)
    )
    return (np.asarray(gains) + 0.02) / np.arange(1, len(frequencies) + 1) ** 0.5


def noise(take: Take, low_hz: float, high_hz: float, *, slope: float = 0.0) -> Samples:
    """Noise between two frequencies, its power falling with frequency to the power ``slope``; its peak is about 1."""
    if take.samples == 0:
        return silence(take)
    count = _quick_length(min(take.samples, int(_LONGEST_NOISE_SECONDS * take.rate_hz)))
    spectrum = np.fft.rfft(take.noise.standard_normal(count, dtype=np.float32))
    shaped = np.fft.irfft(spectrum * _band(count, take.rate_hz, low_hz, high_hz, slope), count).astype(np.float32)
    shaped *= np.float32(1 / max(4 * float(shaped.std()), 1e-9))
    # Noise made in the frequency domain is a circle: it goes on without a seam.
    return np.resize(shaped, take.samples)


def _quick_length(count: int) -> int:
    """The next length with a fast Fourier transform."""
    power = 1 << max(4, (count - 1).bit_length())
    return next(length for length in (power * 5 // 8, power * 3 // 4, power) if length >= count)


@lru_cache(maxsize=64)
def _band(count: int, rate_hz: int, low_hz: float, high_hz: float, slope: float) -> Float32[np.ndarray, " frequency"]:
    frequencies = np.fft.rfftfreq(count, 1 / rate_hz)
    below, above = (low_hz / np.maximum(frequencies, 1)) ** 2, (frequencies / high_hz) ** 2
    gain = 1 / (1 + below * below * below) / (1 + above * above * above)
    if slope:
        gain *= np.maximum(frequencies, max(low_hz, 20)) ** (-slope / 2)
    return (gain / gain.max()).astype(np.float32)


def decay(take: Take, half_life_seconds: float, *, attack_seconds: float = 0.002) -> Samples:
    """The envelope of a blow: an immediate rise, then half as loud every ``half_life_seconds``."""
    seconds = np.arange(take.samples, dtype=np.float32) / np.float32(take.rate_hz)
    fall = np.exp2(seconds * np.float32(-1 / half_life_seconds))
    return (fall * np.minimum(1, seconds / np.float32(attack_seconds))).astype(np.float32)


def hold(take: Take, *, attack_seconds: float = 0.03, release_seconds: float = 0.05) -> Samples:
    """The envelope of a sustained note: rising, constant, falling to zero at the end of the take."""
    seconds = np.arange(take.samples, dtype=np.float32) / np.float32(take.rate_hz)
    left = np.float32(take.seconds) - seconds
    return np.minimum(1, np.minimum(seconds / np.float32(attack_seconds), left / np.float32(release_seconds))).astype(
        np.float32
    )


def add(
    track: Samples, start_seconds: float, sound: Float32[np.ndarray, " note"], rate_hz: int, gain: float = 1.0
) -> None:
    """Adds the sound to the track, in place, cut at the track's end."""
    start = round(start_seconds * rate_hz)
    room = len(track) - start
    if room > 0:
        track[start : start + len(sound)] += np.float32(gain) * sound[:room]


def repeated(
    take: Take, make: Callable[[Take], Samples], *, every_seconds: float, lasting_seconds: float, jitter: float = 0.1
) -> Samples:
    """Repeats the sound from the start to the end of the take; distances and loudness vary by ``jitter``."""
    track = silence(take)
    now = 0.0
    while now < take.seconds:
        gain = 1 - 2 * jitter * take.rng.random()
        add(track, now, make(take.part(lasting_seconds)), take.rate_hz, gain)
        now += every_seconds * (1 + jitter * (2 * take.rng.random() - 1))
    return track


def melody(
    take: Take,
    scale_hz: Sequence[float],
    note: Callable[[Take, float], Samples],
    *,
    beat_seconds: float,
    ring: float = 1.0,
) -> Samples:
    """Notes of the scale, one or two beats long, that each sound for ``ring`` times their length."""
    track, made = silence(take), dict[tuple[int, int], Samples]()
    now, degree = 0.0, int(take.rng.integers(len(scale_hz)))
    while now < take.seconds:
        beats = 1 + int(take.rng.random() < 0.3)
        key = (degree, beats)
        if key not in made:
            made[key] = note(take.part(beats * beat_seconds * ring), scale_hz[degree])
        add(track, now, made[key], take.rate_hz, 0.75 + 0.25 * take.rng.random())
        now += beats * beat_seconds
        degree = int(np.clip(degree + take.rng.integers(-2, 3), 0, len(scale_hz) - 1))
    return track


def scale(root_hz: float, *, minor: bool) -> list[float]:
    """Eight steps up from the root."""
    steps = (0, 2, 3, 5, 7, 8, 10, 12) if minor else (0, 2, 4, 5, 7, 9, 11, 12)
    return [root_hz * 2 ** (step / 12) for step in steps]


def crackle(
    take: Take, per_second: float, low_hz: float, high_hz: float, *, half_life_seconds: float = 0.004
) -> Samples:
    """Clicks at random times, the first at once."""
    track = silence(take)
    grain = take.part(10 * half_life_seconds)
    grains = [noise(grain, low_hz, high_hz) * decay(grain, half_life_seconds, attack_seconds=0.0005) for _ in range(6)]
    now = 0.0
    while now < take.seconds:
        add(track, now, grains[int(take.rng.integers(6))], take.rate_hz, 0.25 + 0.75 * take.rng.random() ** 2)
        now += float(min(take.rng.exponential(1 / per_second), 0.6))
    return track
