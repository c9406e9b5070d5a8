"""Renders the audio of a scene: a pure function. Labelled sounds fill exactly their seconds, over constant noise."""

import numpy as np
from jaxtyping import Float32

from av2a.world.scene import Ambience, Occurrence, Scene
from av2a.world.synthesis import (
    Samples,
    Take,
    crackle,
    curve,
    decay,
    hold,
    noise,
    repeated,
    silence,
    sine,
    voice,
    wobble,
)
from av2a.world.voices import SOUNDERS

_FADE_IN_SECONDS = 0.004
_FADE_OUT_SECONDS = 0.03


def render_sound(scene: Scene, sample_rate_hz: int) -> Float32[np.ndarray, " sample"]:
    """The audio of the whole scene, mono, within ±1.

    Raises ValueError for a sample rate below 4000.
    """
    if sample_rate_hz < 4000:
        raise ValueError(f"sample_rate_hz must be 4000 or more, got {sample_rate_hz}")
    track = _ambience(scene.ambience, scene.duration_seconds, sample_rate_hz)
    for each in scene.occurrences:
        _add_occurrence(track, each, sample_rate_hz)
    return np.clip(track, -1, 1, out=track)


def _add_occurrence(track: Samples, each: Occurrence, rate_hz: int) -> None:
    """The audio of one occurrence, all its spans at the same level."""
    spans = [_span(each, number, rate_hz) for number in range(len(each.heard))]
    peak = max((float(np.abs(sound).max()) for sound in spans), default=1.0)
    for (start, _), sound in zip(each.heard, spans, strict=True):
        first = start * rate_hz
        track[first : first + len(sound)] += sound * np.float32(_gain(each.level_dbfs) / max(peak, 1e-6))


def _span(each: Occurrence, number: int, rate_hz: int) -> Samples:
    start, stop = each.heard[number]
    take = _take(each.sound_seed, number, float(stop - start), rate_hz)
    borders = hold(take, attack_seconds=_FADE_IN_SECONDS, release_seconds=_FADE_OUT_SECONDS)
    return SOUNDERS[each.label](take).astype(np.float32) * borders


def _take(seed: int, number: int, seconds: float, rate_hz: int) -> Take:
    return Take(
        rate_hz=rate_hz,
        seconds=seconds,
        breed=np.random.default_rng([seed, 0]),
        rng=np.random.default_rng([seed, 1, number]),
        noise=np.random.default_rng([seed, 2, number]),
    )


def _gain(level_dbfs: float) -> float:
    return float(10 ** (level_dbfs / 20))


def _ambience(ambience: Ambience, seconds: int, rate_hz: int) -> Samples:
    take = _take(ambience.seed, 0, float(seconds), rate_hz)
    # The peak of shaped noise is four times its root-mean-square level.
    track = noise(take, 20.0, 16000.0, slope=ambience.slope) * np.float32(4 * _gain(ambience.level_dbfs))
    for number, name in enumerate(ambience.extras):
        extra = EXTRAS[name](_take(ambience.seed, number + 1, float(seconds), rate_hz))
        track += extra * np.float32(_gain(take.rng.uniform(-44, -26)) / max(float(np.abs(extra).max()), 1e-6))
    return track.astype(np.float32)


def _clicks(take: Take) -> Samples:
    return crackle(take, 0.8 + 2 * take.breed.random(), 500.0, 8000.0)


def _hum(take: Take) -> Samples:
    return voice(take, float(take.breed.choice((50.0, 60.0))), [1.0, 0.6, 0.3, 0.4, 0.1, 0.2])


def _murmur(take: Take) -> Samples:
    swell = curve(take, take.rng.uniform(0.2, 1, int(5 * take.seconds)).tolist())
    return noise(take, 150.0, 900.0, slope=0.8) * swell


def _blips(take: Take) -> Samples:
    """Tones that belong to no label, at a few moments."""
    track = silence(take)
    for start in take.rng.uniform(0, take.seconds, int(take.rng.integers(1, 5))).tolist():
        part = take.part(float(take.rng.uniform(0.1, 0.5)))
        ends = take.rng.uniform(300, 3000, 2).tolist()
        first = round(start * take.rate_hz)
        tone = sine(part, curve(part, ends)) * hold(part)
        track[first : first + len(tone)] += tone[: len(track) - first]
    return track


def _wind(take: Take) -> Samples:
    return noise(take, 80.0, 600.0, slope=1.5) * wobble(take, take.breed.uniform(0.1, 0.4), 0.7)


def _knocks(take: Take) -> Samples:
    pitch = take.breed.uniform(80, 250)

    def knock(part: Take) -> Samples:
        return noise(part, pitch, 4 * pitch) * decay(part, 0.02)

    return repeated(take, knock, every_seconds=take.breed.uniform(1.5, 4), lasting_seconds=0.2, jitter=0.3)


EXTRAS = {"clicks": _clicks, "hum": _hum, "murmur": _murmur, "blips": _blips, "wind": _wind, "knocks": _knocks}
"""Unlabelled sounds."""
