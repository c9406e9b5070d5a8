"""Which clips can have an event of a label, and how high its confidence can be, from the matrix alone.

A label's score of a segment is σ of (p − μ) / s, with p the row's product with the label, and μ and s the mean and deviation of its products
with the background. The matrix has the sums behind μ and s beside each row, so one product gives the scores of all segments, nearly. Of the
clips that come first, the score of every interval is computed (Eq. 9), nearly as well. Neither is an answer: that is computed by the
method from the clip's stored embeddings.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from av2a.corpora.matrix import STREAMS, Matrix, highest_of_clips, products_of
from av2a.corpora.search import SearchGate
from av2a.embeddings import Vocabulary
from av2a.methods.av2a.scores import lowered, strictness
from av2a.settings import Fusion, IntervalFeatures, Selection, Settings
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


@dataclass(frozen=True)
class _Peaks:
    """Of each clip and label: the highest score of a segment, and a bound on the score of any interval."""

    segment: Float64[np.ndarray, "clip label"]
    interval: Float64[np.ndarray, "clip label"]


def gate_of(matrix: Matrix, vocabulary: Vocabulary, settings: Settings, modality: Modality | None) -> SearchGate:
    """The clips that can have an event of some label.

    With selection by peaks (Eq. 5) a clip has none unless a segment's score is above τ_f. Other settings let every clip through.
    """
    clips = len(matrix)
    if not clips or not _has_gate(settings, vocabulary):
        return SearchGate(np.arange(clips), np.full(clips, np.inf))
    seen = _peaks(matrix, "seen", vocabulary.labels.visual, vocabulary.concepts.visual, vocabulary.counted)
    heard = _peaks(matrix, "heard", vocabulary.labels.audio, vocabulary.concepts.audio, vocabulary.counted)
    passing = np.flatnonzero(_passes(seen.segment, heard.segment, vocabulary.names, settings, modality).any(axis=1))
    if settings.interval_features is IntervalFeatures.EMBEDDED:
        # An interval embedded by itself may have any score.
        return SearchGate(passing, np.full(len(passing), np.inf))
    highest = _capped(np.maximum(seen.interval, heard.interval)[passing].max(axis=1))
    return SearchGate(passing, highest, _IntervalBounds(matrix, vocabulary, settings, modality))


def _has_gate(settings: Settings, vocabulary: Vocabulary) -> bool:
    return (
        settings.select_categories
        and settings.selection is Selection.PEAK
        and bool(settings.background)
        and not settings.renormalise_survivors
        and bool((vocabulary.counted.sum(axis=1) > 2).all())
    )


def _passes(
    seen: Float64[np.ndarray, "clip label"],
    heard: Float64[np.ndarray, "clip label"],
    labels: tuple[str, ...],
    settings: Settings,
    modality: Modality | None,
) -> Bool[np.ndarray, "clip label"]:
    """Where a stream that events of ``modality`` may come from selects a label somewhere."""
    weight = settings.audio_weight
    peaks = {Modality.VISUAL: seen, Modality.AUDIO: heard, Modality.AUDIO_VISUAL: weight * heard + (1 - weight) * seen}
    by = {each: peak > _selecting(labels, each, settings) - SCORE_MARGIN for each, peak in peaks.items()}
    by_seen, by_heard, by_both = by[Modality.VISUAL], by[Modality.AUDIO], by[Modality.AUDIO_VISUAL]
    if modality is None or settings.fusion is Fusion.LATE:
        return by_seen | by_heard | by_both
    if not settings.consistent:
        return by[modality]
    return by_both | (by_seen & by_heard) if modality is Modality.AUDIO_VISUAL else by[modality] | by_both


def _selecting(
    labels: tuple[str, ...], modality: Modality, settings: Settings
) -> float | Float64[np.ndarray, " label"]:
    """τ_f, lower for labels of which less is required."""
    deviations = strictness(labels, modality, settings)
    return settings.category_threshold if deviations is None else lowered(settings.category_threshold, deviations)


def _peaks(
    matrix: Matrix,
    stream: str,
    labels: Float[np.ndarray, "label feature"],
    concepts: Float[np.ndarray, "concept feature"],
    counted: Bool[np.ndarray, "label concept"],
) -> _Peaks:
    """One product for all labels, and for the concepts that some label leaves out."""
    background = matrix.background(stream, concepts)
    left_out = np.flatnonzero(~counted.all(axis=0))
    products = products_of(matrix.rows(stream), np.concatenate([labels, concepts[left_out]]))
    stops = matrix.stops(stream)
    segment = np.empty((len(stops), len(labels)))
    interval = np.empty_like(segment)
    for category in range(len(labels)):
        out = np.flatnonzero(~counted[category, left_out])
        z, bound = _standardised(
            products[:, category].astype(np.float64),
            products[:, len(labels) + out].astype(np.float64),
            background.sums,
            background.concepts - len(out),
            stops,
        )
        # A segment that is seen in several views has the mean of their scores.
        bound = bound if stream == "heard" else z
        segment[:, category] = _sigmoid(_above(highest_of_clips(z, stops)))
        interval[:, category] = _sigmoid(_above(highest_of_clips(np.maximum(bound, z), stops)))
    return _Peaks(segment, interval)


def _above(z: Float64[np.ndarray, "*any"], margin: float = MARGIN) -> Float64[np.ndarray, "*any"]:
    """What the method's own z is at most."""
    return np.asarray(z + margin * (1 + np.abs(np.where(np.isfinite(z), z, 0.0))))


def _capped(scores: Float64[np.ndarray, " clip"]) -> Float64[np.ndarray, " clip"]:
    return np.minimum(scores + SCORE_MARGIN, 1.0)


def _standardised(
    label: Float64[np.ndarray, " row"],
    left_out: Float64[np.ndarray, "row concept"],
    sums: Float64[np.ndarray, "row 3"],
    concepts: int,
    stops: Int64[np.ndarray, " clip"],
) -> tuple[Float64[np.ndarray, " row"], Float64[np.ndarray, " row"]]:
    """z of each row, and a number that the z of an interval cannot exceed if it is the highest of the interval's rows.

    An interval's sound is scored by the mean of its rows. With v the row's centred products with the background, that mean's
    deviation is |mean v| / √(n − 1), which is at least mean(v · u) / √(n − 1) for any unit vector u; taking u along the clip's own
    mean, the interval's z is at most the highest of its rows' (p − μ) √(n − 1) / (v · u), where all v · u are above zero.
    """
    counts = np.diff(np.concatenate([[0], stops]))
    clip_of = np.repeat(np.arange(len(stops)), counts)
    first = sums[:, 0] - left_out.sum(axis=1)
    square = sums[:, 1] - np.square(left_out).sum(axis=1)
    means_out = (
        np.stack([_mean(column, clip_of, counts) for column in left_out.T], axis=1) if left_out.size else left_out
    )
    cross = sums[:, 2] - (left_out * means_out[clip_of] if left_out.size else left_out).sum(axis=1)
    mean = first / concepts
    deviation = np.sqrt(np.maximum(square - first * mean, 0) / (concepts - 1))
    clip_mean = _mean(mean, clip_of, counts)
    length = np.sqrt(np.maximum(_mean(cross, clip_of, counts) - concepts * np.square(clip_mean), 0))
    along = cross - concepts * mean * clip_mean[clip_of]
    above = label - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, above / deviation, 0.0)
        bound = np.where(along > 1e-9, above * np.sqrt(concepts - 1) * length[clip_of] / along, 0.0)
    # A row of zeros is a segment of which nothing was heard: it adds nothing to a mean.
    opposite = np.bincount(clip_of, (along <= 1e-9) & (square > 0), minlength=len(stops))
    positive = opposite == 0
    return z, np.where(positive[clip_of], np.maximum(bound, 0), np.inf)


def _mean(
    values: Float64[np.ndarray, " row"], clip_of: Int64[np.ndarray, " row"], counts: Int64[np.ndarray, " clip"]
) -> Float64[np.ndarray, " clip"]:
    return np.bincount(clip_of, values, minlength=len(counts)) / np.maximum(counts, 1)


def _sigmoid(z: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500))))


@dataclass(frozen=True, eq=False)
class _StreamScores:
    """Scores of one stream for clips with as many segments: of each segment at least, and at most of each interval by its first and last."""

    least: Float64[np.ndarray, "clip segment"]
    intervals: Float64[np.ndarray, "clip segment segment"]


@dataclass(frozen=True, eq=False)
class _IntervalBounds:
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
        return _capped(highest)

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
    least = np.where(there, _sigmoid(_above(z, -MARGIN)), 0).mean(axis=-1)
    most = np.asarray(np.where(there, _sigmoid(_above(z)), 0).mean(axis=-1))
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
    most = np.where(heard, np.where(known, _sigmoid(_above(of_intervals)), 1.0), 0.0)
    return _StreamScores(np.where(there, _sigmoid(_above(z, -MARGIN)), 0), most)


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
