"""How high the confidence of any event of a clip can be, from the matrix alone.

Of clips that come first in a search, the score of every interval is computed nearly as the method does (Eq. 9), so that few others need
be asked.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from av2a.corpora.matrix import STREAMS, Matrix, products_of
from av2a.embeddings import Vocabulary
from av2a.methods.av2a.scores import sigmoid
from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Modality

MARGIN = 2e-3
"""How far a z from float32 products may be from the method's own, and by which part of itself: 3e-5 was the most that was measured."""
SCORE_MARGIN = 1e-6
"""Scores are float32."""
MOST_SEGMENTS = 512
"""Clips with more segments keep their loose bounds: the intervals of a clip are as many as its segments squared."""
MOST_INTERVALS = 1_000_000
"""Of so many intervals scores are computed at a time."""


@dataclass(frozen=True, eq=False)
class _StreamScores:
    """Scores of one stream for clips with as many segments: of each segment at least, and at most of each interval by its first and last."""

    least: Float64[np.ndarray, "clip segment"]
    intervals: Float64[np.ndarray, "clip segment segment"]


@dataclass(frozen=True, eq=False)
class IntervalBounds:
    """The highest score of any interval that can be an event of a clip, nearly as Eq. 9 computes it."""

    matrix: Matrix
    vocabulary: Vocabulary
    settings: Settings
    modality: Modality | None

    def __call__(self, clips: Int64[np.ndarray, " chosen"]) -> Float64[np.ndarray, " chosen"]:
        """A bound for each clip; 1 for those whose intervals are too many, or not intervals of one part."""
        views, highest = self.matrix.views[clips], np.ones(len(clips))
        seen, heard = (self.matrix.counts(stream)[clips] for stream in STREAMS)
        segments = np.where(seen > 0, seen // np.maximum(views, 1), heard)
        shapes = np.stack([segments, views, seen > 0, heard > 0], axis=1)
        usable = (views > 0) & (segments <= MOST_SEGMENTS)
        for shape in np.unique(shapes[usable], axis=0):
            alike = np.flatnonzero(usable & (shapes == shape).all(axis=1))
            together = max(1, MOST_INTERVALS // int(shape[0]) ** 2)
            for first in range(0, len(alike), together):
                chosen = alike[first : first + together]
                highest[chosen] = self._of_alike(clips[chosen], int(shape[0]))
        return capped(highest)

    def _of_alike(self, clips: Int64[np.ndarray, " clip"], segments: int) -> Float64[np.ndarray, " clip"]:
        labels, concepts = self.vocabulary.labels, self.vocabulary.concepts
        seen = self._products("seen", clips, segments, labels.visual, concepts.visual)
        heard = self._products("heard", clips, segments, labels.audio, concepts.audio)
        by_label = [
            self._highest(
                _seen_scores(*_of_label(seen, label, counts)), _heard_scores(*_of_label(heard, label, counts))
            )
            for label, counts in enumerate(self.vocabulary.counted)
        ]
        return np.max(by_label, axis=0)

    def _products(
        self,
        stream: str,
        clips: Int64[np.ndarray, " clip"],
        segments: int,
        labels: Float[np.ndarray, "label feature"],
        concepts: Float[np.ndarray, "concept feature"],
    ) -> tuple[Float32[np.ndarray, "clip segment view label"], Float32[np.ndarray, "clip segment view concept"]]:
        """All rows' products; none is seen or heard where they are zeros."""
        count = int(self.matrix.counts(stream)[clips[0]])
        if not count:
            return (
                np.zeros((len(clips), segments, 1, len(labels)), np.float32),
                np.zeros((len(clips), segments, 1, len(concepts)), np.float32),
            )
        first = self.matrix.stops(stream)[clips] - count
        rows = self.matrix.rows(stream)[first[:, None] + np.arange(count)]
        products = products_of(rows.reshape(-1, rows.shape[-1]), np.concatenate([labels, concepts]))
        own, others = np.split(products.reshape(len(clips), segments, -1, products.shape[1]), [len(labels)], axis=-1)
        return own, others

    def _highest(self, seen: _StreamScores, heard: _StreamScores) -> Float64[np.ndarray, " clip"]:
        """Of the streams that events of the modality may have their confidence from."""
        weight = self.settings.audio_weight
        is_both = (heard.least > 0) & (seen.least > 0)
        both = _StreamScores(
            np.where(is_both, weight * heard.least + (1 - weight) * seen.least, 0),
            weight * heard.intervals + (1 - weight) * seen.intervals,
        )
        by_seen, by_heard, by_both = (self._highest_possible(each) for each in (seen, heard, both))
        if self.modality is Modality.AUDIO:
            return np.maximum(by_heard, by_both)
        if self.modality is Modality.VISUAL:
            return np.maximum(by_seen, by_both)
        # What is both heard and seen by itself has the lower confidence of the two.
        together = np.minimum if self.modality is Modality.AUDIO_VISUAL else np.maximum
        return np.maximum(together(by_seen, by_heard), by_both)

    def _highest_possible(self, stream: _StreamScores) -> Float64[np.ndarray, " clip"]:
        """An event ends where the next segment is not present, so it does not end beside one that certainly is."""
        certain = self._certainly_present(stream.least)
        begins, ends = np.ones_like(certain), np.ones_like(certain)
        begins[:, 1:] = ~certain[:, :-1]
        ends[:, :-1] = ~certain[:, 1:]
        possible = begins[:, :, None] & ends[:, None, :] & np.triu(np.ones((certain.shape[1],) * 2, dtype=bool))
        return np.asarray(np.where(possible, stream.intervals, 0.0).max(axis=(1, 2)))

    def _certainly_present(self, least: Float64[np.ndarray, "clip segment"]) -> Bool[np.ndarray, "clip segment"]:
        """Where a score is above a threshold that never rises, in a window that is certainly selected.

        A threshold never rises where a label is asked alone and no frame is the opposite of the one before it: ŵ of Eq. 7 is not
        negative then. Candidates that are not validated are not scored as intervals.
        """
        settings = self.settings
        if len(self.vocabulary.counted) > 1 or not (settings.validate and settings.validate_single):
            return np.zeros(least.shape, dtype=bool)
        window = Grid(1.0, settings.segment_seconds).segments_in(settings.window_seconds)
        selecting = least if least.shape[1] > window else least.max(axis=1, keepdims=True)
        return np.asarray(
            (least > settings.initial_threshold + SCORE_MARGIN)
            & (selecting > settings.category_threshold + SCORE_MARGIN)
        )


def _of_label(
    products: tuple[Float32[np.ndarray, "clip segment view label"], Float32[np.ndarray, "clip segment view concept"]],
    label: int,
    counts: Bool[np.ndarray, " concept"],
) -> tuple[Float64[np.ndarray, "clip segment view"], Float64[np.ndarray, "clip segment view counted"]]:
    """How far a label's products lie above the mean of the concepts that count against it, and these about their mean."""
    concepts = products[1][..., counts].astype(np.float64)
    mean = concepts.mean(axis=-1)
    return products[0][..., label] - mean, concepts - mean[..., None]


def _seen_scores(
    above: Float64[np.ndarray, "clip segment view"], centred: Float64[np.ndarray, "clip segment view counted"]
) -> _StreamScores:
    """A segment's score is the mean over its views, that of an interval the mean over all views."""
    z, there = _standard(above, centred)
    least = np.where(there, sigmoid(with_margin(z, -MARGIN)), 0).mean(axis=-1)
    most = np.asarray(np.where(there, sigmoid(with_margin(z)), 0).mean(axis=-1))
    counts = _of_intervals(np.asarray(there.all(axis=-1), np.float64))
    return _StreamScores(least, _of_intervals(most) / np.maximum(counts, 1))


def _heard_scores(
    above: Float64[np.ndarray, "clip segment 1"], centred: Float64[np.ndarray, "clip segment 1 counted"]
) -> _StreamScores:
    """An interval is scored by the mean of its segments' products: z = Σ above · √(n − 1) / |Σ centred|."""
    above, centred = above[..., 0], centred[..., 0, :]
    z, there = _standard(above, centred)
    gram = np.matmul(centred, centred.transpose(0, 2, 1))
    sums = np.zeros((len(gram), gram.shape[1] + 1, gram.shape[1] + 1))
    sums[:, 1:, 1:] = gram.cumsum(axis=1).cumsum(axis=2)
    ends = np.diagonal(sums, axis1=1, axis2=2)
    square = ends[:, None, 1:] + ends[:, :-1, None] - 2 * sums[:, :-1, 1:]
    # What is lost in the differences of large sums, or is none at all, says nothing.
    known = square > 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        of_intervals = _of_intervals(above) * np.sqrt(centred.shape[-1] - 1) / np.sqrt(square)
    heard = _of_intervals(there.astype(np.float64)) > 0
    most = np.where(heard, np.where(known, sigmoid(with_margin(of_intervals)), 1.0), 0.0)
    return _StreamScores(np.where(there, sigmoid(with_margin(z, -MARGIN)), 0), most)


def _standard(
    above: Float64[np.ndarray, "*any"], centred: Float64[np.ndarray, "*any counted"]
) -> tuple[Float64[np.ndarray, "*any"], Bool[np.ndarray, "*any"]]:
    """z, and where there is anything: rows of zeros are segments that were not seen, or not heard."""
    spread = np.sqrt(np.einsum("...c,...c->...", centred, centred) / (centred.shape[-1] - 1))
    there = spread > 0
    return np.where(there, above / np.where(there, spread, 1.0), 0.0), there


def _of_intervals(values: Float64[np.ndarray, "clip segment"]) -> Float64[np.ndarray, "clip segment segment"]:
    """Sums over each interval, by its first and last segment; those that end before they begin mean nothing."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    sums[:, 1:] = values.cumsum(axis=1)
    return np.asarray(sums[:, None, 1:] - sums[:, :-1, None])


def with_margin(z: Float64[np.ndarray, "*any"], margin: float = MARGIN) -> Float64[np.ndarray, "*any"]:
    """What the method's own z is at most; with a negative margin, what it is at least."""
    return np.asarray(z + margin * (1 + np.abs(np.where(np.isfinite(z), z, 0.0))))


def capped(scores: Float64[np.ndarray, " clip"]) -> Float64[np.ndarray, " clip"]:
    """What the method's own scores are at most."""
    return np.minimum(scores + SCORE_MARGIN, 1.0)
