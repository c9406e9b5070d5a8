"""Which clips can have an event of a label, from the matrix alone.

A label's score of a segment is σ of (p − μ) / s, with p the row's product with the label, and μ and s the mean and deviation of its products
with the background. The matrix has the sums behind μ and s beside each row, so one product gives the scores of all segments, nearly. It
is no answer: that is computed by the method from the clip's stored embeddings.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from av2a.corpora.interval_bounds import SCORE_MARGIN, IntervalBounds, capped, with_margin
from av2a.corpora.matrix import Matrix, highest_of_clips, products_of
from av2a.corpora.search import SearchGate
from av2a.embeddings import Vocabulary
from av2a.methods.av2a.scores import lowered, sigmoid, strictness
from av2a.settings import Fusion, IntervalFeatures, Selection, Settings
from av2a.types import Modality


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
    highest = capped(np.maximum(seen.interval, heard.interval)[passing].max(axis=1))
    return SearchGate(passing, highest, IntervalBounds(matrix, vocabulary, settings, modality))


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
    for label in range(len(labels)):
        out = np.flatnonzero(~counted[label, left_out])
        z, bound = _standardised(
            products[:, label].astype(np.float64),
            products[:, len(labels) + out].astype(np.float64),
            background.sums,
            background.concepts - len(out),
            stops,
        )
        # A segment that is seen in several views has the mean of their scores.
        bound = bound if stream == "heard" else z
        segment[:, label] = sigmoid(with_margin(highest_of_clips(z, stops)))
        interval[:, label] = sigmoid(with_margin(highest_of_clips(np.maximum(bound, z), stops)))
    return _Peaks(segment, interval)


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
