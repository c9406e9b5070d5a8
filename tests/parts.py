"""The parts of a clip's features, as tests look at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from av2a import media
from av2a.backbones.base import Backbone
from av2a.embeddings import (
    ClipFeatures,
    EmbeddedInput,
    Embeddings,
    EmbeddingTable,
    InputKey,
    InputKind,
    Interval,
)
from av2a.features import FeatureSource, Store
from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Clip


@dataclass(frozen=True)
class Part:
    """One part of a clip; intervals that the features do not hold are embedded when they are asked for."""

    source: FeatureSource
    number: int

    @property
    def features(self) -> ClipFeatures:
        return self.source.features

    @property
    def segments(self) -> Embeddings:
        return self.features.segments(self.number)

    @property
    def windows(self) -> list[Embeddings]:
        return self.features.windows(self.number)

    @property
    def window_of(self) -> np.ndarray:
        return self.features.windows_of_segments(self.number)

    @property
    def frame_embeddings(self) -> np.ndarray:
        return self.features.frame_embeddings(self.number)

    @property
    def first_segment(self) -> int:
        return self.features.first_segment(self.number)

    def intervals(self, wanted: Sequence[Interval]) -> list[Embeddings]:
        own = [each._replace(part=self.number) for each in wanted]
        if missing := self.features.missing(own):
            self.source.add(missing)
        return self.features.intervals(own)


def parts_of(source: FeatureSource) -> list[Part]:
    """Every part of a clip."""
    return [Part(source, number) for number in range(len(source.features))]


def extracted(
    clip: Clip | Path,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    grid: Grid | None = None,
    every_interval: bool | None = None,
) -> list[Part]:
    """The parts of a clip's features, from the store or from the file."""
    opened = media.open_clip(clip) if isinstance(clip, Path) else clip
    return parts_of(FeatureSource(opened, backbone, settings, store, grid=grid, every_interval=every_interval))


def made_features(
    segments: Embeddings,
    windows: Sequence[Embeddings],
    window_of: np.ndarray,
    frame_embeddings: np.ndarray,
    intervals: Mapping[tuple[int, int], Embeddings],
) -> ClipFeatures:
    """Features of one part, made from embeddings that a test draws."""
    groups = [
        *((InputKey(0, InputKind.SEGMENT, t, t + 1), segments, t) for t in range(len(segments))),
        *((InputKey(0, InputKind.WINDOW, number, number + 1), each, 0) for number, each in enumerate(windows)),
        *((InputKey(0, InputKind.INTERVAL, *ends), each, 0) for ends, each in intervals.items()),
    ]
    visual = {key: EmbeddedInput(each.visual[row], bool(each.seen[row])) for key, each, row in groups}
    audio = {key: EmbeddedInput(each.audio[row][None], bool(each.heard[row])) for key, each, row in groups}
    frames = {
        InputKey(0, InputKind.FRAME, t, t + 1): EmbeddedInput(row[None], True) for t, row in enumerate(frame_embeddings)
    }
    return ClipFeatures(
        visual=EmbeddingTable.of(visual | frames),
        audio=EmbeddingTable.of(audio),
        parts=np.array([[0, len(segments), len(windows)]], np.int32),
        window_of=np.asarray(window_of, np.int64),
    )
