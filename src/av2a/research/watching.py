"""Embeds every clip of a data set and attaches its ground truth.

A clip that cannot be used never stops the others: it is left out, with the reason.
"""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool

from av2a import media
from av2a.backbones.base import Backbone
from av2a.datasets import Dataset, LabelledClip, truth_masks
from av2a.errors import UsageError, WeightsUnavailable, one_line
from av2a.features import FeatureSource, Progress, Store
from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Clip

TRUTH_UNKNOWN = "what happens in it is not known"
NOT_AT_HAND = "no video at hand"


@dataclass(frozen=True)
class WatchSeconds:
    """What it took to have a clip's embeddings, in seconds of wall clock."""

    decode: float
    """All that is not encoding. Decoding goes on while models compute, so this is what the models waited for."""
    encode: float


@dataclass(frozen=True)
class Watched:
    """A clip as it was seen and heard, and what is true of it."""

    clip: LabelledClip
    grid: Grid
    source: FeatureSource | None
    """Its features; None where a trained parser watched it."""
    heard: Bool[np.ndarray, "category segment"]
    seen: Bool[np.ndarray, "category segment"]
    """Both False everywhere where the truth is unknown, which only happens where that was asked for."""
    seconds: WatchSeconds | None
    """None where it came from the store."""
    has_sound: bool = True
    has_picture: bool = True
    warnings: tuple[str, ...] = ()
    """What was found amiss in the file."""


@dataclass(frozen=True)
class LeftOut:
    """A clip that does not count, and why."""

    name: str
    reason: str
    has_failed: bool = False
    """It is at hand and cannot be used."""


@dataclass(frozen=True)
class Watch:
    """The clips of a data set that could be used, in its order, and the others."""

    watched: tuple[Watched, ...]
    left_out: tuple[LeftOut, ...]
    total: int
    """All clips: those watched and those left out."""


def watch(
    dataset: Dataset,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    every_interval: bool = True,
    progress: Progress | None = None,
) -> Watch:
    """Every clip of ``dataset``, from the store where it is kept.

    Raises:
        OutputRefused: the store cannot be written.
        InvalidSetting: the backbone cannot do what the settings ask for.
    """
    found = list(watching(dataset, backbone, settings, store, every_interval=every_interval, progress=progress))
    return Watch(
        watched=tuple(each for each in found if isinstance(each, Watched)),
        left_out=tuple(each for each in found if isinstance(each, LeftOut)),
        total=len(found),
    )


def watching(
    dataset: Dataset,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    every_interval: bool = True,
    also_unknown: bool = False,
    progress: Progress | None = None,
) -> Iterator[Watched | LeftOut]:
    """As :func:`watch`, one clip after the other, so that memory holds one at a time; ``also_unknown``: those without truth, too."""
    clock = _Clock()
    timed = clock.around(backbone)
    watcher = _Watcher(
        dataset,
        timed,
        settings,
        store,
        every_interval,
        clock,
        also_unknown=also_unknown,
    )
    for done, clip in enumerate(dataset.clips, start=1):
        yield watcher.watched(clip)
        if progress is not None:
            progress("clips", done, len(dataset.clips))


@dataclass(frozen=True)
class _Watcher:
    dataset: Dataset
    backbone: Backbone
    settings: Settings
    store: Store | None
    every_interval: bool
    clock: "_Clock"
    also_unknown: bool

    def watched(self, clip: LabelledClip) -> Watched | LeftOut:
        """One clip, or why it is left out."""
        if clip.path is None:
            return LeftOut(clip.name, NOT_AT_HAND)
        if clip.annotations is None and not self.also_unknown:
            return LeftOut(clip.name, TRUTH_UNKNOWN)
        try:
            opened = media.open_clip(clip.path)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other clips count
            return LeftOut(clip.name, _said(error), has_failed=True)
        try:
            return self._observed(clip, opened)
        except (UsageError, WeightsUnavailable):
            # Concerns all clips alike: settings that cannot be meant, a store that cannot be written.
            raise
        except Exception as error:  # noqa: BLE001 - as above
            return LeftOut(clip.name, _said(error), has_failed=True)

    def _observed(self, clip: LabelledClip, opened: Clip) -> Watched:
        seconds = self.dataset.clip_seconds
        grid = Grid(opened.duration_seconds if seconds is None else seconds, self.settings.segment_seconds)
        began, encoded = perf_counter(), self.clock.seconds
        source = FeatureSource(
            opened, self.backbone, self.settings, self.store, grid=grid, every_interval=self.every_interval
        )
        features = source.features
        encode = self.clock.seconds - encoded
        known = clip if clip.annotations is not None else replace(clip, annotations=())
        known = known.within(grid.duration_seconds)
        heard, seen = truth_masks(known, self.dataset.categories, grid.segments, self.settings.segment_seconds)
        return Watched(
            clip=clip,
            grid=grid,
            source=source,
            heard=heard,
            seen=seen,
            seconds=None if source.was_stored else WatchSeconds(perf_counter() - began - encode, encode),
            has_sound=opened.audio is not None,
            has_picture=opened.video is not None,
            warnings=(*opened.warnings, *features.warnings),
        )


def _said(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__, 300)


Encoder = TypeVar("Encoder")

_CALLS = ("embed_frames", "embed_clips", "embed_sounds", "embed_slices", "embed_spans")


@dataclass
class _Clock:
    """How long encoders took."""

    seconds: float = 0.0

    def around(self, backbone: Backbone) -> Backbone:
        """The same backbone, its calls timed."""
        return replace(backbone, visual=self._timed(backbone.visual), audio=self._timed(backbone.audio))

    def _timed(self, encoder: Encoder) -> Encoder:
        timed = copy(encoder)
        for name in _CALLS:
            if hasattr(encoder, name):
                object.__setattr__(timed, name, partial(self._call, getattr(encoder, name)))
        return timed

    def _call(self, call: Callable[..., Any], *asked: Any) -> Any:
        began = perf_counter()
        try:
            return call(*asked)
        finally:
            self.seconds += perf_counter() - began
