"""Clips that were watched, parsed again and again under other settings: what no hyper-parameter changes is computed once.

Decisions are those of :func:`av2a.research.predictions.predict`; nothing is decoded or encoded where all intervals were stored.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import groupby

import numpy as np
from jaxtyping import Bool, Int64

from av2a.backbones.base import Backbone
from av2a.datasets import Dataset, GroundTruth, Task, truth_timeline
from av2a.detector import vocabulary_of
from av2a.embeddings import MissingIntervals
from av2a.methods.av2a.method import parse_all
from av2a.methods.av2a.scores import PartScores
from av2a.metrics.localization import accuracy, first_candidate
from av2a.metrics.parsing import ParsingMetrics, parsing_metrics
from av2a.research.predictions import (
    STREAMS,
    Found,
    MethodSeconds,
    Predictions,
    found_by,
    gathered,
    painted,
    stacked,
)
from av2a.research.watching import Watched
from av2a.settings import Settings
from av2a.types import Modality, Parsing


class Replay:
    """The clips of a data set beside its labels.

    Bound to whatever of the settings decides how clips are watched and names are read: all but the five of Table 1 and the switches
    of the method.
    """

    def __init__(self, watched: Sequence[Watched], dataset: Dataset, backbone: Backbone, settings: Settings) -> None:
        self.watched = tuple(watched)
        self.dataset = dataset
        self._vocabulary = vocabulary_of(backbone, dataset.labels, settings)
        self._parts = [self._parts_of(each) for each in self.watched]

    def _parts_of(self, watched: Watched) -> list[PartScores]:
        assert watched.source is not None, "a trained parser has no features of its clips"
        features = watched.source.features
        return [PartScores(features, part, self._vocabulary) for part in range(len(features))]

    def predictions(self, settings: Settings) -> Predictions:
        """What the method finds in each clip."""
        owners = [clip for clip, parts in enumerate(self._parts) for _ in parts]
        parsings = zip(owners, self._parsed(settings), strict=True)
        found = [
            self._found(self.watched[clip], [parsing for _, parsing in parts])
            for clip, parts in groupby(parsings, key=lambda pair: pair[0])
        ]
        return gathered(found, categories=len(self.dataset.categories))

    def _parsed(self, settings: Settings) -> list[Parsing]:
        while True:
            try:
                return parse_all([part for parts in self._parts for part in parts], settings)
            except MissingIntervals as missing:
                # Of clips too long to have every interval embedded beforehand.
                [clip] = {clip for clip, parts in enumerate(self._parts) if parts[0].features is missing.features}
                watched = self.watched[clip]
                assert watched.source is not None
                watched.source.add(missing.intervals)
                self._parts[clip] = self._parts_of(watched)

    def _found(self, watched: Watched, parsings: Sequence[Parsing]) -> Found:
        shape = len(self.dataset.categories), watched.grid.segments
        return Found(
            watched.clip.name,
            {modality: painted(found_by(parsings, modality), shape) for modality in STREAMS},
            tuple(found_by(parsings, Modality.AUDIO_VISUAL)),
            MethodSeconds(0.0, 0.0),
        )

    @cached_property
    def truth(self) -> tuple[Bool[np.ndarray, "video category segment"], Bool[np.ndarray, "video category segment"]]:
        """What is heard and what is seen in each clip."""
        segments = max(each.grid.segments for each in self.watched)
        categories = len(self.dataset.categories)
        return (
            stacked([each.heard for each in self.watched], categories, segments),
            stacked([each.seen for each in self.watched], categories, segments),
        )

    def numbers(self, predictions: Predictions, *, as_released: bool = False) -> ParsingMetrics:
        """The ten numbers; as released with the visual predictions in place of the audio ones (behaviour 36)."""
        audio, visual, both = (predictions.masks[modality] for modality in STREAMS)
        return parsing_metrics(*self.truth, visual if as_released else audio, visual, both)

    @cached_property
    def timelines(self) -> Int64[np.ndarray, "video segment"]:
        """The one category of each second of each clip, for localization."""
        segments = max(each.grid.segments for each in self.watched)
        categories = self.dataset.categories
        return np.stack([truth_timeline(each.clip, categories, segments, GroundTruth.LISTED) for each in self.watched])

    def accuracy(self, predictions: Predictions) -> float:
        """The accuracy of localization of the first candidate alone, in percent."""
        background, seconds = len(self.dataset.categories), self.timelines.shape[1]
        found = [
            first_candidate(
                [(each.category, each.start, each.stop) for each in predictions.candidates(video)],
                background=background,
                seconds=seconds,
            )
            for video in range(len(self.watched))
        ]
        return accuracy(self.timelines, np.stack(found))

    @property
    def is_localization(self) -> bool:
        """Whether accuracy is what counts."""
        return self.dataset.task is Task.LOCALIZATION
