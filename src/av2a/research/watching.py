"""Embeds every clip of a data set and attaches its ground truth.

A clip that cannot be used never stops the others: it is left out, with the reason.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
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
NO_VIDEO = "no video available"


@dataclass(frozen=True)
class WatchSeconds:
    """Seconds of wall clock that the embeddings of a clip took."""

    decode: float
    """All that is not encoding. Decoding goes on while models compute, so this is the time for which the models waited."""
    encode: float


@dataclass(frozen=True)
class ClipFacts:
    """An embedded clip without its embeddings: for reports."""

    clip: LabelledClip
    grid: Grid
    seconds: WatchSeconds | None
    """None where it came from the store."""
    has_sound: bool
    has_picture: bool
    warnings: tuple[str, ...]
    """Problems of the file."""


@dataclass(frozen=True)
class Watched(ClipFacts):
    """An embedded clip and its truth."""

    source: FeatureSource
    heard: Bool[np.ndarray, "segment label"]
    seen: Bool[np.ndarray, "segment label"]
    """Both False everywhere where the truth is unknown, which only happens with ``also_unknown``."""

    @property
    def facts(self) -> ClipFacts:
        """The same without embeddings, which can then be released."""
        return ClipFacts(**{field.name: getattr(self, field.name) for field in fields(ClipFacts)})


@dataclass(frozen=True)
class LeftOut:
    """A clip that does not count, and the reason."""

    name: str
    reason: str
    has_failed: bool = False
    """It is available and cannot be used."""


@dataclass(frozen=True)
class Watch:
    """The embedded clips of a data set, in its order, and the clips that were left out."""

    watched: tuple[Watched, ...]
    left_out: tuple[LeftOut, ...]
    total: int
    """The number of all clips."""


def watch(
    dataset: Dataset,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    every_interval: bool = True,
    progress: Progress | None = None,
) -> Watch:
    """Embed every clip of ``dataset``, or read its embeddings from the store.

    Raises:
        OutputRefused: the store cannot be written.
        InvalidSetting: the backbone does not support the settings.
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
    watcher = _Watcher(dataset, clock.around(backbone), settings, store, clock, every_interval, also_unknown)
    for done, clip in enumerate(dataset.clips, start=1):
        yield watcher.watched(clip)
        if progress is not None:
            progress("clips", done, len(dataset.clips))


def with_lengths_of(watched: Sequence[ClipFacts], dataset: Dataset) -> Dataset:
    """The data set with the lengths of the clips that were watched."""
    lengths = {each.clip.name: each.grid.duration_seconds for each in watched}
    clips = tuple(replace(clip, seconds=lengths.get(clip.name, clip.seconds)) for clip in dataset.clips)
    return replace(dataset, clips=clips)


@dataclass(frozen=True)
class _Watcher:
    dataset: Dataset
    backbone: Backbone
    settings: Settings
    store: Store | None
    clock: "_Clock"
    every_interval: bool
    also_unknown: bool

    def watched(self, clip: LabelledClip) -> Watched | LeftOut:
        """One clip, or why it is left out."""
        if clip.path is None:
            return LeftOut(clip.name, NO_VIDEO)
        if clip.annotations is None and not self.also_unknown:
            return LeftOut(clip.name, TRUTH_UNKNOWN)
        opened = None
        try:
            opened = media.open_clip(clip.path)
            return self._embedded(clip, opened)
        except Exception as error:
            # Settings that are invalid, or a store that cannot be written, concern all clips alike.
            if opened is not None and isinstance(error, (UsageError, WeightsUnavailable)):
                raise
            return LeftOut(clip.name, one_line(str(error) or type(error).__name__, 300), has_failed=True)

    def _embedded(self, clip: LabelledClip, opened: Clip) -> Watched:
        seconds, segment_seconds = self.dataset.clip_seconds, self.settings.segment_seconds
        grid = Grid(opened.duration_seconds if seconds is None else seconds, segment_seconds)
        began, encoded = perf_counter(), self.clock.seconds
        source = FeatureSource(
            opened, self.backbone, self.settings, self.store, grid=grid, every_interval=self.every_interval
        )
        warnings = (*opened.warnings, *source.features.warnings)
        encode = self.clock.seconds - encoded
        known = replace(clip, annotations=clip.annotations or ()).within(grid.duration_seconds)
        heard, seen = truth_masks(known, self.dataset.categories, grid.segments, segment_seconds)
        return Watched(
            clip=clip,
            grid=grid,
            seconds=None if source.was_stored else WatchSeconds(perf_counter() - began - encode, encode),
            has_sound=opened.audio is not None,
            has_picture=opened.video is not None,
            warnings=warnings,
            source=source,
            heard=heard,
            seen=seen,
        )


Encoder = TypeVar("Encoder")

_CALLS = ("embed_frames", "embed_clips", "embed_sounds", "embed_slices", "embed_spans")


@dataclass
class _Clock:
    """Measures the time that encoders take."""

    seconds: float = 0.0

    def around(self, backbone: Backbone) -> Backbone:
        """The backbone with its calls timed."""
        return replace(backbone, visual=self._timed(backbone.visual), audio=self._timed(backbone.audio))

    def _timed(self, encoder: Encoder) -> Encoder:
        timed = copy(encoder)
        for name in _CALLS:
            if hasattr(encoder, name):
                object.__setattr__(timed, name, partial(self._call, getattr(encoder, name)))
        return timed

    def _call(self, call: Callable[..., Any], *inputs: Any) -> Any:
        began = perf_counter()
        try:
            return call(*inputs)
        finally:
            self.seconds += perf_counter() - began
