"""A clip as a backbone sees and hears it, from the store where it is kept, else looked at now and kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import combinations
from typing import Any

from av2a.backbones.base import Backbone, embed_labels
from av2a.backbones.remarks import remarks_to
from av2a.features import Interval, Observation, Observer, Progress
from av2a.features.store.entries import STORE_VERSION, MadeBy, Store
from av2a.features.store.packing import Ask, Packed, packed
from av2a.settings import Sampling, SegmentSound, Selection, Settings, SoundScope
from av2a.timeline import Grid
from av2a.types import Clip, Embeddings, LabelEmbeddings

MOST_SEGMENTS = 16
"""Of clips up to this length every interval is embedded at once; of n segments there are n (n + 1) / 2."""


class Intervals(Enum):
    """Which intervals are embedded and kept."""

    ALL = "all"
    """Every one there could be, so that no settings and no names ever ask for another; of long clips, those asked for."""
    ASKED = "asked"
    """Those that the method asks for: as much work as one run needs."""


@dataclass(frozen=True)
class Stored:
    """A clip's observations, and how they came about."""

    observations: tuple[Observation, ...]
    warnings: tuple[str, ...]
    """What the user should know about the clip."""
    was_kept: bool
    """They came from the store: nothing was decoded or encoded."""


def observed(
    clip: Clip,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    grid: Grid | None = None,
    intervals: Intervals = Intervals.ALL,
) -> tuple[Observation, ...]:
    """The observations of :func:`stored`."""
    return stored(clip, backbone, settings, store, grid=grid, intervals=intervals).observations


def stored(
    clip: Clip,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    grid: Grid | None = None,
    intervals: Intervals = Intervals.ALL,
    labels: Callable[[], LabelEmbeddings] | None = None,
    progress: Progress | None = None,
) -> Stored:
    """What an observer makes of a clip. Once kept, neither it nor any interval that is kept calls an encoder again.

    Args:
        clip: an open clip.
        backbone: the encoders that are asked, where something is not kept.
        settings: those that decide what is asked (:func:`sampling_of`); the others are free.
        store: where it is kept; in memory only when None.
        grid: the clip's segments, where they are not those of its own length.
        intervals: which intervals are embedded now.
        labels: gives any names as the backbone reads them, where they are known already.
        progress: told what is being done.

    Raises:
        OutputRefused: the store cannot be written.
        MediaError: the clip cannot be decoded.
    """
    grid = grid or Grid(clip.duration_seconds, settings.segment_seconds)
    labels = labels or partial(embed_labels, backbone, ["anything"])
    entry = _Entry(_Question(clip, grid, backbone, settings, labels, progress or _quietly), store)
    was_kept = entry.opened()
    is_whole = intervals is Intervals.ALL and grid.segments <= MOST_SEGMENTS
    if is_whole:
        entry.fill()
    if entry.has_grown or not was_kept:
        entry.keep()
    # Which asks nobody, and so holds on to neither the encoders nor the clip.
    ask: Ask = entry.packed.intervals if is_whole else entry.intervals
    return Stored(entry.packed.observations(ask), entry.packed.warnings, was_kept and not entry.has_grown)


def sampling_of(settings: Settings) -> dict[str, Any]:
    """What of the settings decides what is asked of the encoders, as plain values; equal where the same is asked."""
    by_time, by_segment = settings.sampling is Sampling.TIME, settings.sound is SoundScope.SEGMENT
    return {
        "sampling": settings.sampling.value,
        "frames_per_segment": settings.frames_per_segment if by_time else 1,
        "sound": settings.sound.value,
        "segment_sound": (settings.segment_sound if by_segment else SegmentSound.WINDOWS).value,
        "whole_windows": settings.selection is Selection.WHOLE,
        "segment_seconds": settings.segment_seconds,
        "window_seconds": settings.window_seconds,
        "silence_dbfs": settings.silence_dbfs,
        "blank_contrast": settings.blank_contrast,
    }


@dataclass(frozen=True)
class _Question:
    """A clip, and how it is looked at."""

    clip: Clip
    grid: Grid
    backbone: Backbone
    settings: Settings
    labels: Callable[[], LabelEmbeddings]
    progress: Progress

    @property
    def made_by(self) -> MadeBy:
        """The key of the answer. Where the models ran is no part of it: a store filled on a GPU serves any machine."""
        clip, info = self.clip, self.backbone.info
        return {
            "version": STORE_VERSION,
            "clip": {
                "sha256": clip.sha256,
                "picture": None if clip.video is None else clip.video.index,
                "sound": None if clip.audio is None else clip.audio.index,
                "seconds": self.grid.duration_seconds,
            },
            "backbone": {
                "name": info.name,
                "visual": info.visual,
                "audio": info.audio,
                "digest": info.digest,
                "precision": info.precision,
            },
            "sampling": sampling_of(self.settings),
        }

    def observer(self, warn: "_Warnings") -> Observer:
        """An observer that has asked nothing yet."""
        return Observer.of(self.clip, self.grid, self.backbone, self.settings, self.labels(), warn.add, self.progress)


@dataclass
class _Warnings:
    """Each said once."""

    said: list[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        if message not in self.said:
            self.said.append(message)


@dataclass(eq=False)
class _Entry:
    """A clip's entry, which may grow by intervals."""

    question: _Question
    store: Store | None
    packed: Packed = field(init=False)
    has_grown: bool = False
    _warnings: _Warnings = field(default_factory=_Warnings)
    _observer: Observer | None = None

    def opened(self) -> bool:
        """Whether it was kept already; what was not is observed now."""
        kept = None if self.store is None else self.store.read(self.question.made_by)
        if kept is None:
            self._observer = self.question.observer(self._warnings)
            with remarks_to(self._warnings.add):
                observations = list(self._observer.observations())
            self.packed = packed(observations, self._warnings.said)
        else:
            self.packed = kept
        return kept is not None

    def fill(self) -> None:
        """Have every interval that there could be."""
        for number, segments in enumerate(self.packed.stretches[:, 1].tolist()):
            self._have(number, [Interval(*ends) for ends in combinations(range(segments + 1), 2)])

    def intervals(self, stretch: int, wanted: Sequence[Interval]) -> list[Embeddings]:
        """Intervals that are kept, and others, which are kept from now on."""
        if self._have(stretch, wanted):
            self.keep()
        return self.packed.intervals(stretch, wanted)

    def keep(self) -> None:
        """Write it, and use it from there on."""
        if self.store is not None:
            self.store.write(self.question.made_by, self.packed)
            self.packed = self.store.read(self.question.made_by) or self.packed

    def _have(self, stretch: int, wanted: Sequence[Interval]) -> bool:
        """Whether something was missing; it was asked for."""
        missing = self.packed.missing(stretch, wanted)
        if not missing:
            return False
        self._observer = self._observer or self.question.observer(self._warnings)
        with remarks_to(self._warnings.add):
            answers = self._observer.intervals(stretch, missing)
        self.packed = self.packed.with_intervals(stretch, missing, answers)
        self.has_grown = True
        return True


def _quietly(stage: str, done: int, total: int) -> None:
    """No progress is shown unless asked for."""
