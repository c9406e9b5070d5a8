"""Decides what happens in a generated scene, and when: a pure function of a seed.

A clip has one to three labels (sometimes none), heard only, seen only, or both, at the same times or at different ones, in
whole seconds as in LLP. Labels that share a backdrop often occur together (a car with a motorcycle), and usually on that
backdrop (a blender in a room), but not always, as in real scenes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

import numpy as np
from jaxtyping import Bool

from av2a.types import Modality
from av2a.world.vocabulary import NAMES

FRAME_RATES_HZ = (12, 15)
WIDTH = 192
HEIGHT = 144

Choice = TypeVar("Choice")

Spans = tuple[tuple[int, int], ...]
"""Half-open intervals of whole seconds, in order, with gaps between them."""


class Backdrop(Enum):
    """Where a shot is taken."""

    MEADOW = "meadow"
    STREET = "street"
    ROOM = "room"
    STAGE = "stage"
    NIGHT = "night"
    PLAIN = "plain"


class Entry(Enum):
    """How an object enters and leaves the frame."""

    CUT = "cut"
    SLIDE = "slide"
    GROW = "grow"


@dataclass(frozen=True)
class Pose:
    """Position, size and motion of an object. Lengths are fractions of the frame's height; of its width for x."""

    x: float
    y: float
    size: float
    """The height of the object."""
    mirrored: bool
    tilt_degrees: float
    drift_x: float
    """Change of x in a second; likewise ``drift_y``."""
    drift_y: float
    growth: float
    """Change of the size in a second, as a fraction of it."""
    entry: Entry


@dataclass(frozen=True)
class Occurrence:
    """One label in a scene: when it is heard and seen, and how it sounds and looks."""

    label: str
    heard: Spans
    seen: Spans
    placement: Pose
    level_dbfs: float
    """Peak level of its audio."""
    look_seed: int
    sound_seed: int


@dataclass(frozen=True)
class Shot:
    """An interval without a cut: backdrop, light and camera."""

    start: int
    place: Backdrop
    seed: int
    light: float
    """Brightness at its start, 1 being full; ``light_change`` is added each second."""
    light_change: float
    pan_x: float
    """Camera drift a second, as a fraction of the frame; likewise ``pan_y``."""
    pan_y: float
    shift_x: float
    """How far this shot moves every object, as a fraction of the frame's width."""
    zoom: float


@dataclass(frozen=True)
class Ambience:
    """Unlabelled sound."""

    seed: int
    level_dbfs: float
    """Root-mean-square level of the constant noise."""
    slope: float
    """Its spectrum: power falls as frequency to this exponent; 0 is white, 1 pink, 2 brown."""
    extras: tuple[str, ...]
    """Additional unlabelled sounds (keys of ``sounds.EXTRAS``)."""


@dataclass(frozen=True)
class Scene:
    """Everything that is seen and heard in a clip."""

    seed: int
    duration_seconds: int
    width: int
    height: int
    frame_rate_hz: int
    occurrences: tuple[Occurrence, ...]
    shots: tuple[Shot, ...]
    sensor_noise: float
    """Standard deviation of the noise in frames, of 255."""
    ambience: Ambience

    @property
    def name(self) -> str:
        """The clip's name in LLP's form: an id, start and end."""
        return f"syn{self.seed:06d}_0_{self.duration_seconds}"

    def without(self, label: str) -> "Scene":
        """The same scene without that label."""
        return replace(self, occurrences=tuple(each for each in self.occurrences if each.label != label))


@dataclass(frozen=True)
class SceneAnnotation:
    """One label that is heard or seen over whole seconds ``[onset, offset)``."""

    label: str
    modality: Modality
    onset: int
    offset: int


@dataclass(frozen=True)
class SeedRange:
    """The scenes of consecutive seeds."""

    name: str
    first_seed: int
    clips: int

    @property
    def seeds(self) -> range:
        """Their seeds."""
        return range(self.first_seed, self.first_seed + self.clips)


SPLITS: dict[str, SeedRange] = {
    split.name: split
    for split in (
        SeedRange("train", 1_000_000, 8000),
        SeedRange("validation", 2_000_000, 200),
        SeedRange("test", 3_000_000, 200),
    )
}
"""The benchmark's splits. Training scenes are rendered when needed and never written."""

_PLACES: dict[str, tuple[Backdrop, ...]] = {
    name: places
    for places, names in {
        (Backdrop.MEADOW, Backdrop.STREET, Backdrop.ROOM): ("dog barking", "cat meowing"),
        (Backdrop.MEADOW,): ("bird singing", "rooster crowing", "cow mooing", "frog croaking"),
        (Backdrop.ROOM, Backdrop.STAGE, Backdrop.STREET): ("man speaking", "woman singing"),
        (Backdrop.ROOM, Backdrop.PLAIN): (
            "baby crying", "clock ticking", "telephone ringing", "blender running", "hammer pounding",
        ),
        (Backdrop.STREET,): ("car passing", "bus passing", "motorcycle riding", "ambulance siren"),
        (Backdrop.MEADOW, Backdrop.STREET): ("train passing", "helicopter flying", "church bell ringing", "rain falling"),
        (Backdrop.MEADOW, Backdrop.NIGHT): ("chainsaw running", "fire crackling"),
        (Backdrop.NIGHT,): ("fireworks",),
        (Backdrop.STAGE, Backdrop.ROOM): (
            "acoustic guitar", "violin", "cello", "piano", "drum", "accordion", "trumpet",
        ),
    }.items()
    for name in names
}  # fmt: skip
_LOW = ("car passing", "bus passing", "motorcycle riding", "train passing", "ambulance siren", "cow mooing")
_HIGH = ("helicopter flying", "bird singing", "fireworks", "church bell ringing")
_FAST = ("car passing", "bus passing", "motorcycle riding", "train passing", "helicopter flying", "ambulance siren")
_EXTRAS = ("clicks", "hum", "murmur", "blips", "wind", "knocks")

_KEEPS_TO_PLACE = 0.6
_KEEPS_COMPANY = 0.35
_SLOTS = (0.2, 0.5, 0.8)


def make_scene(seed: int, *, duration_seconds: int = 10) -> Scene:
    """The scene of that seed; the same seed and duration give the same scene on any machine.

    Raises ValueError for a duration below 2 seconds.
    """
    if duration_seconds < 2:
        raise ValueError(f"duration_seconds must be 2 or more, got {duration_seconds}")
    rng = np.random.default_rng([seed, duration_seconds])
    labels = _labels(rng, duration_seconds)
    slots = rng.permutation(len(_SLOTS))
    occurrences = tuple(
        _occurrence(rng, label, duration_seconds, slot=_SLOTS[slots[k % len(slots)]]) for k, label in enumerate(labels)
    )
    return Scene(
        seed=seed,
        duration_seconds=duration_seconds,
        width=WIDTH,
        height=HEIGHT,
        frame_rate_hz=_one_of(rng, FRAME_RATES_HZ),
        occurrences=occurrences,
        shots=_shots(rng, labels, duration_seconds),
        sensor_noise=float(rng.uniform(1.0, 9.0)),
        ambience=_ambience(rng),
    )


def annotations(scene: Scene) -> tuple[SceneAnnotation, ...]:
    """The ground truth of a scene: heard events, then seen events, each in the order of the scene."""
    return tuple(
        SceneAnnotation(each.label, modality, onset, offset)
        for modality in (Modality.AUDIO, Modality.VISUAL)
        for each in scene.occurrences
        for onset, offset in (each.heard if modality is Modality.AUDIO else each.seen)
    )


def truth(scene: Scene) -> tuple[Bool[np.ndarray, "second category"], Bool[np.ndarray, "second category"]]:
    """Which of ``NAMES`` is heard, and which is seen, in each second."""
    shape = (scene.duration_seconds, len(NAMES))
    heard, seen = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for each in annotations(scene):
        rows = heard if each.modality is Modality.AUDIO else seen
        rows[each.onset : each.offset, NAMES.index(each.label)] = True
    return heard, seen


def _one_of(rng: np.random.Generator, options: Sequence[Choice]) -> Choice:
    return options[int(rng.integers(len(options)))]


def _labels(rng: np.random.Generator, duration_seconds: int) -> list[str]:
    tens = max(1, round(duration_seconds / 10))
    count = int(sum(rng.choice(4, p=(0.06, 0.34, 0.38, 0.22)) for _ in range(tens)))
    labels: list[str] = []
    while len(labels) < min(count, len(NAMES)):
        near = [name for name in NAMES if labels and set(_PLACES[name]) & set(_PLACES[labels[0]])]
        label = _one_of(rng, near if near and rng.random() < _KEEPS_COMPANY else NAMES)
        if label not in labels:
            labels.append(label)
    return labels


def _occurrence(rng: np.random.Generator, label: str, duration_seconds: int, *, slot: float) -> Occurrence:
    heard, seen = _times(rng, duration_seconds)
    return Occurrence(
        label=label,
        heard=heard,
        seen=seen,
        placement=_placement(rng, label, slot),
        level_dbfs=float(-6 - 20 * rng.beta(1.2, 1.4)),
        look_seed=int(rng.integers(2**31)),
        sound_seed=int(rng.integers(2**31)),
    )


def _times(rng: np.random.Generator, duration: int) -> tuple[Spans, Spans]:
    kind = rng.choice(4, p=(0.28, 0.17, 0.25, 0.30))
    if kind == 0:
        return _spans(rng, duration, mean_share=0.5), ()
    if kind == 1:
        return (), _spans(rng, duration, mean_share=0.6)
    if kind == 2:
        both = _spans(rng, duration, mean_share=0.65)
        return both, both
    return _spans(rng, duration, mean_share=0.45), _spans(rng, duration, mean_share=0.7)


def _spans(rng: np.random.Generator, duration: int, *, mean_share: float) -> Spans:
    """One interval, sometimes the whole clip, or two or three with gaps."""
    if rng.random() < 0.6 * mean_share**1.5:
        return ((0, duration),)
    total = int(np.clip(np.rint(duration * rng.beta(4 * mean_share, 4 * (1 - mean_share))), 1, duration - 1))
    pieces = min(int(rng.choice(3, p=(0.62, 0.28, 0.1))) + 1, total, duration - total + 1)
    lengths = 1 + _shares(rng, total - pieces, pieces)
    gaps = _shares(rng, duration - total - (pieces - 1), pieces + 1)
    gaps[1:-1] += 1
    starts = np.cumsum(gaps[:-1]) + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return tuple((int(start), int(start + length)) for start, length in zip(starts, lengths, strict=True))


def _shares(rng: np.random.Generator, total: int, parts: int) -> np.ndarray:
    """``total`` seconds distributed at random over ``parts``."""
    return rng.multinomial(total, rng.dirichlet(np.ones(parts)))


def _placement(rng: np.random.Generator, label: str, slot: float) -> Pose:
    if label == "rain falling":
        return Pose(0.5, 0.5, 1.0, bool(rng.random() < 0.5), 0.0, 0.0, 0.0, 0.0, Entry.CUT)
    small = rng.random() < 0.2 and label != "fireworks"
    size = float(rng.uniform(0.15, 0.3) if small else rng.uniform(0.28, 0.62))
    size *= 1.4 if label == "fireworks" else 1.0
    low, high = (0.3, 0.5) if label in _HIGH else (0.55, 0.75) if label in _LOW else (0.4, 0.68)
    fast = 0.1 if label in _FAST else 0.02
    return Pose(
        x=float(np.clip(slot + rng.normal(0, 0.07), 0.15, 0.85)),
        y=float(np.clip(rng.uniform(low, high), 0.45 * size, max(0.45 * size, 0.94 - 0.5 * size))),
        size=size,
        mirrored=bool(rng.random() < 0.5),
        tilt_degrees=float(rng.normal(0, 5)),
        drift_x=float(rng.normal(0, fast)),
        drift_y=float(rng.normal(0, 0.008)),
        growth=float(rng.normal(0, 0.03)),
        entry=_one_of(rng, tuple(Entry)),
    )


def _shots(rng: np.random.Generator, labels: Sequence[str], duration: int) -> tuple[Shot, ...]:
    cuts = sum(rng.random() < 0.35 for _ in range(max(1, round(duration / 10))))
    starts = sorted({0, *(int(start) for start in rng.integers(1, duration, cuts))})
    homes = _PLACES[labels[0]] if labels and rng.random() < _KEEPS_TO_PLACE else tuple(Backdrop)
    return tuple(_shot(rng, start, homes, duration) for start in starts)


def _shot(rng: np.random.Generator, start: int, homes: Sequence[Backdrop], duration: int) -> Shot:
    light = float(rng.uniform(0.35, 0.7) if rng.random() < 0.18 else rng.uniform(0.8, 1.06))
    fades = rng.random() < 0.15
    return Shot(
        start=start,
        place=_one_of(rng, homes),
        seed=int(rng.integers(2**31)),
        light=light,
        light_change=-0.5 * light / duration if fades else 0.0,
        pan_x=float(rng.normal(0, 0.008)),
        pan_y=float(rng.normal(0, 0.004)),
        shift_x=float(rng.normal(0, 0.05)) if start else 0.0,
        zoom=float(rng.uniform(0.8, 1.25)) if start else 1.0,
    )


def _ambience(rng: np.random.Generator) -> Ambience:
    count = int(rng.choice(3, p=(0.5, 0.35, 0.15)))
    return Ambience(
        seed=int(rng.integers(2**31)),
        level_dbfs=float(rng.uniform(-66, -38)),
        slope=float(rng.uniform(0.0, 2.0)),
        extras=tuple(_EXTRAS[k] for k in sorted(rng.choice(len(_EXTRAS), count, replace=False))),
    )
