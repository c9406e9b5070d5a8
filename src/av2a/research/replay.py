"""Runs the method on embedded clips again and again with other settings; what no hyper-parameter changes is computed once.

Decisions are those of :func:`av2a.research.predictions.predict`; nothing is decoded or encoded where all intervals were stored.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Protocol, runtime_checkable

from av2a.backbones.base import Backbone
from av2a.datasets import Dataset
from av2a.detector import vocabulary_of
from av2a.embeddings import MissingIntervals
from av2a.methods.av2a.method import parse_all
from av2a.methods.av2a.scores import PartScores
from av2a.research.predictions import ClipPredictions, Predictions
from av2a.research.watching import Watched, with_lengths_of
from av2a.settings import Settings
from av2a.types import Parsing


@runtime_checkable
class Replayable(Protocol):
    """Clips whose predictions can be computed with any settings, for tuning."""

    @property
    def dataset(self) -> Dataset:
        """The data set of the clips, with their truth."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the clips."""

    def predictions(self, settings: Settings) -> Predictions:
        """The predictions for all clips."""


class Replay:
    """Embedded clips of a data set and its labels.

    The settings given first decide sampling and prompts, and these stay; those of Table 1 and the switches of the method may change.
    """

    def __init__(self, watched: Sequence[Watched], dataset: Dataset, backbone: Backbone, settings: Settings) -> None:
        self.watched = tuple(watched)
        self.dataset = with_lengths_of(self.watched, dataset)
        self._vocabulary = vocabulary_of(backbone, dataset.labels, settings)
        self._parts = [self._parts_of(each) for each in self.watched]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the clips."""
        return tuple(each.clip.name for each in self.watched)

    def predictions(self, settings: Settings) -> Predictions:
        """Run the method on each clip."""
        parsings = self._parsed(settings)
        ends = accumulate((len(parts) for parts in self._parts), initial=0)
        found = [
            ClipPredictions.joined(each.clip.name, parsings[start:stop], each.grid.segments)
            for each, (start, stop) in zip(self.watched, pairwise(ends), strict=True)
        ]
        return Predictions.of(found, len(self.dataset.categories))

    def _parts_of(self, watched: Watched) -> list[PartScores]:
        features = watched.source.features
        return [PartScores(features, part, self._vocabulary) for part in range(len(features))]

    def _parsed(self, settings: Settings) -> list[Parsing]:
        while True:
            try:
                return parse_all([part for parts in self._parts for part in parts], settings)
            except MissingIntervals as missing:
                # Of clips too long to have every interval embedded beforehand.
                [clip] = {clip for clip, parts in enumerate(self._parts) if parts[0].features is missing.features}
                self.watched[clip].source.add(missing.intervals)
                self._parts[clip] = self._parts_of(self.watched[clip])
