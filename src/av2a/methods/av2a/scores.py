"""From embeddings to the scores of each stream: similarity, fusion of audio with video, selection of labels (Eq. 1 to 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from av2a.background import near_synonym
from av2a.embeddings import ClipFeatures, Embeddings, Interval, LabelEmbeddings, Vocabulary
from av2a.settings import IntervalFeatures, Selection, Settings, shifted_score
from av2a.timeline import Grid
from av2a.types import Modality, ScoredClip


@dataclass(frozen=True)
class Similarities:
    """How near n inputs are to each label and each background concept: inner products, before any normalisation."""

    visual: Float32[np.ndarray, "input view label"]
    audio: Float32[np.ndarray, "input label"]
    visual_concepts: Float32[np.ndarray, "input view concept"]
    audio_concepts: Float32[np.ndarray, "input concept"]
    counted: Bool[np.ndarray, "label concept"]
    seen: Bool[np.ndarray, " input"]
    heard: Bool[np.ndarray, " input"]

    def of(self, kept: Bool[np.ndarray, " label"]) -> "Similarities":
        """Only the ``kept`` labels: what they are normalised over changes with them (behaviour 12)."""
        return replace(self, visual=self.visual[..., kept], audio=self.audio[:, kept], counted=self.counted[kept])

    @cached_property
    def heard_scores(self) -> Float32[np.ndarray, "input label"]:
        """P_a of each input."""
        return _scored(self.audio, self.audio_concepts, self.counted)

    @cached_property
    def seen_scores(self) -> Float32[np.ndarray, "input label"]:
        """P_v of each input. An image encoder's views are normalised one by one, then averaged (behaviour 7)."""
        return _scored(self.visual, self.visual_concepts, self.counted).mean(axis=1, dtype=np.float32)

    def over(self, start: int, stop: int) -> "Similarities":
        """Inputs ``[start, stop)`` as one input: the views of all that were seen, and the mean of what was heard."""
        seen, heard = self.seen[start:stop], self.heard[start:stop]

        def views(similarity: np.ndarray) -> np.ndarray:
            chosen = similarity[start:stop][seen] if seen.any() else similarity[start : start + 1]
            return np.asarray(chosen.reshape(1, chosen.shape[0] * chosen.shape[1], chosen.shape[2]))

        def mean(similarity: np.ndarray) -> np.ndarray:
            chosen = similarity[start:stop][heard] if heard.any() else similarity[start : start + 1]
            return np.asarray(chosen.mean(axis=0, keepdims=True))

        return Similarities(
            visual=views(self.visual),
            audio=mean(self.audio),
            visual_concepts=views(self.visual_concepts),
            audio_concepts=mean(self.audio_concepts),
            counted=self.counted,
            seen=np.array([seen.any()]),
            heard=np.array([heard.any()]),
        )

    def observed(self, modality: Modality) -> Bool[np.ndarray, " input"]:
        """Which inputs a stream can score: a stream of both needs both."""
        if modality is Modality.VISUAL:
            return self.seen
        return self.heard if modality is Modality.AUDIO else self.seen & self.heard


def vocabulary(
    labels: Sequence[str],
    concepts: Sequence[str],
    label_embeddings: LabelEmbeddings,
    concept_embeddings: LabelEmbeddings,
    synonym_similarity: float,
    *,
    unit_labels: bool = False,
) -> Vocabulary:
    """The labels, and for each the background concepts that are not near-synonyms of it.

    A concept is one if it shares a telling word with the label, or if either encoder reads both as nearly the same, above
    ``synonym_similarity`` in cosine. Each label is judged by itself, so that its scores do not depend on the others. With
    ``unit_labels`` all rows are brought to unit length; without, a longer one weighs more (behaviour 5).
    """
    counted = ~_near_synonyms(tuple(labels), tuple(concepts))
    for rows, columns in (
        (label_embeddings.visual, concept_embeddings.visual),
        (label_embeddings.audio, concept_embeddings.audio),
    ):
        if len(concepts):
            counted &= _unit(rows) @ _unit(columns).T <= synonym_similarity
    if unit_labels:
        label_embeddings, concept_embeddings = _of_unit_length(label_embeddings), _of_unit_length(concept_embeddings)
    return Vocabulary(label_embeddings, concept_embeddings, counted, tuple(labels))


@lru_cache(maxsize=8)
def _near_synonyms(labels: tuple[str, ...], concepts: tuple[str, ...]) -> Bool[np.ndarray, "label concept"]:
    pairs = [[near_synonym(label, concept) for concept in concepts] for label in labels]
    return np.array(pairs, dtype=bool).reshape(len(labels), len(concepts))


def _of_unit_length(rows: LabelEmbeddings) -> LabelEmbeddings:
    return LabelEmbeddings(_unit(rows.visual), _unit(rows.audio))


def _unit(rows: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))


def similarities(embeddings: Embeddings, words: Vocabulary) -> Similarities:
    """Inner products of inputs with names (FM(C, ·) of Eq. 1 and 2)."""
    return Similarities(
        visual=_products(embeddings.visual, words.labels.visual),
        audio=_products(embeddings.audio, words.labels.audio),
        visual_concepts=_products(embeddings.visual, words.concepts.visual),
        audio_concepts=_products(embeddings.audio, words.concepts.audio),
        counted=words.counted,
        seen=embeddings.seen,
        heard=embeddings.heard,
    )


def _products(
    rows: Float[np.ndarray, "*input feature"], names: Float[np.ndarray, "label feature"]
) -> Float32[np.ndarray, "*input label"]:
    # einsum sums each product by itself, so a name's similarity is the same to the last bit whatever is asked beside it;
    # a matrix product's blocking would depend on the number of names.
    return np.einsum("...f,cf->...c", rows.astype(np.float64), names.astype(np.float64)).astype(np.float32)


def normalised(similarity: Float[np.ndarray, "*input label"]) -> Float32[np.ndarray, "*input label"]:
    """σ of the z-score over the labels (behaviours 3 and 4): how each label stands out among those asked.

    The standard deviation is unbiased. One label, or equal similarities, give NaN, which is above no threshold.

    >>> normalised(np.array([1.0, 2.0, 3.0], dtype=np.float32)).round(4)
    array([0.2689, 0.5   , 0.7311], dtype=float32)
    """
    wide = similarity.astype(np.float64)
    if wide.shape[-1] < 2:
        return np.full(wide.shape, np.nan, dtype=np.float32)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, ddof=1, keepdims=True)
    # A row of equal float32 numbers is constant; its rounded mean must not make it look otherwise.
    spread[np.ptp(similarity, axis=-1, keepdims=True) == 0] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return sigmoid(centred / spread).astype(np.float32)


def against_background(
    similarity: Float32[np.ndarray, "*input label"],
    concepts: Float32[np.ndarray, "*input concept"],
    counted: Bool[np.ndarray, "label concept"],
) -> Float32[np.ndarray, "*input label"]:
    """σ of how many standard deviations each label lies above the background concepts that count against it.

    Departs from behaviour 3, where labels are compared with each other: here a label's score depends on no other label. Where all concepts are equally
    near, nothing stands out and the score is 1/2.

    >>> concepts = np.array([0.0, 0.1, -0.1], dtype=np.float32)
    >>> against_background(np.array([0.2], dtype=np.float32), concepts, np.ones((1, 3), dtype=bool)).round(4)
    array([0.8808], dtype=float32)
    """
    scores = np.empty(similarity.shape, dtype=np.float32)
    for label, counts in enumerate(counted):
        # One label at a time: the same numbers in the same order, whatever is asked beside it.
        reference = concepts[..., counts].astype(np.float64)
        spread = reference.std(axis=-1, ddof=1) if counts.sum() > 1 else np.zeros(reference.shape[:-1])
        above = similarity[..., label] - reference.mean(axis=-1) if counts.any() else np.zeros(spread.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            scores[..., label] = sigmoid(np.where(spread > 0, above / spread, 0.0))
    return scores


def sigmoid(z: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Scores of z, in z's own precision."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500))))


def fused(
    audio: Float32[np.ndarray, "*input label"],
    visual: Float32[np.ndarray, "*input label"],
    audio_weight: float,
) -> Float32[np.ndarray, "*input label"]:
    """P_av = α P_a + (1 − α) P_v (Eq. 3 and 4).

    Raises:
        ValueError: the weight lies outside [0, 1], or the scores cannot be of the same inputs.

    >>> fused(np.array([0.8], dtype=np.float32), np.array([0.4], dtype=np.float32), audio_weight=0.5).round(4)
    array([0.6], dtype=float32)
    """
    if not 0 <= audio_weight <= 1:
        raise ValueError(f"audio_weight must lie in [0, 1], got {audio_weight}")
    if audio.shape[-1] != visual.shape[-1]:
        raise ValueError(f"audio and visual must score the same labels, got shapes {audio.shape} and {visual.shape}")
    return np.asarray((1 - audio_weight) * visual + audio_weight * audio).astype(np.float32)


def similarity_scores(
    similarity: Similarities, modality: Modality, audio_weight: float
) -> Float32[np.ndarray, "input label"]:
    """The scores of one stream for each input (P_a, P_v or P_av)."""
    if modality is Modality.AUDIO:
        return similarity.heard_scores
    if modality is Modality.VISUAL:
        return similarity.seen_scores
    return fused(similarity.heard_scores, similarity.seen_scores, audio_weight)


def _scored(
    similarity: Float32[np.ndarray, "*input label"],
    concepts: Float32[np.ndarray, "*input concept"],
    counted: Bool[np.ndarray, "label concept"],
) -> Float32[np.ndarray, "*input label"]:
    return against_background(similarity, concepts, counted) if concepts.shape[-1] else normalised(similarity)


def window_peaks(
    scores: Float32[np.ndarray, "segment label"],
    observed: Bool[np.ndarray, " segment"],
    window_of: Int64[np.ndarray, " segment"],
) -> tuple[Float32[np.ndarray, "window label"], Bool[np.ndarray, " window"]]:
    """Each label's highest score in each window, and which windows have anything to score at all.

    >>> scores = np.array([[0.2], [0.9], [0.4]], dtype=np.float32)
    >>> window_peaks(scores, np.array([True, False, True]), np.array([0, 0, 1]))
    (array([[0.2],
           [0.4]], dtype=float32), array([ True,  True]))
    """
    windows = int(window_of[-1]) + 1
    peaks = np.zeros((windows, scores.shape[1]), dtype=np.float32)
    np.maximum.at(peaks, window_of[observed], scores[observed])
    return peaks, np.bincount(window_of[observed], minlength=windows) > 0


def selected_categories(
    whole: Float[np.ndarray, "*window label"], category_threshold: float | Float64[np.ndarray, " label"]
) -> Bool[np.ndarray, "*window label"]:
    """Ĉ: the labels whose score over the whole window is above τ_f (Eq. 5; compared in float32, behaviour 11).

    >>> selected_categories(np.array([0.5, 0.7], dtype=np.float32), 0.55)
    array([False,  True])
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(whole > np.asarray(category_threshold, dtype=np.float32))


class PartScores:
    """A part of a clip beside a vocabulary: scores by similarity. Each similarity is computed once, whatever settings are tried."""

    def __init__(self, features: ClipFeatures, number: int, vocabulary: Vocabulary) -> None:
        self.features = features
        self.number = number
        self.vocabulary = vocabulary
        self.first_segment = features.first_segment(number)
        self.window_of = features.windows_of_segments(number)
        self.frame_embeddings = features.frame_embeddings(number)
        self._intervals: dict[Interval, Similarities] = {}

    @cached_property
    def segments(self) -> Similarities:
        """Of the segments."""
        return similarities(self.features.segments(self.number), self.vocabulary)

    @cached_property
    def windows(self) -> list[Similarities]:
        """Of the windows that were embedded whole."""
        return [similarities(window, self.vocabulary) for window in self.features.windows(self.number)]

    def intervals(self, wanted: Sequence[Interval], settings: Settings) -> dict[tuple[int, int], Similarities]:
        """Of intervals, by their segments.

        Raises:
            MissingIntervals: some have to be embedded first.
        """
        if settings.interval_features is IntervalFeatures.SEGMENTS:
            return {(each.start, each.stop): self.segments.over(each.start, each.stop) for each in wanted}
        missing = [each for each in wanted if each not in self._intervals]
        for each, embedded in zip(missing, self.features.intervals(missing), strict=True):
            self._intervals[each] = similarities(embedded, self.vocabulary)
        return {(each.start, each.stop): self._intervals[each] for each in wanted}


@dataclass(frozen=True)
class StreamScores:
    """The scores of one stream, as input to selection and thresholds."""

    modality: Modality
    segments: Float[np.ndarray, "segment label"]
    observed: Bool[np.ndarray, " segment"]
    """False for segments with nothing to score."""
    whole: Float[np.ndarray, "window label"]
    """The score of each label over each window, which selection compares."""
    has_whole: Bool[np.ndarray, " window"]
    window_of: Int64[np.ndarray, " segment"]
    frame_embeddings: Float[np.ndarray, "segment feature"] | None
    similarities: Similarities | None = None
    """What the segments' scores were made of; None for the scores of another model."""
    chosen: Bool[np.ndarray, " label"] | None = None
    """The labels that the scores' own source selected, in place of Eq. 5."""
    strictness: Float64[np.ndarray, " label"] | None = None
    """How much more is required of each label, in standard deviations; None where nothing is."""


@dataclass(frozen=True)
class SelectedScores:
    """The scores of the labels that a stream selected somewhere, as input to thresholds."""

    stream: StreamScores
    selected: Bool[np.ndarray, "segment label"]
    """Where each label, selected or not, is looked for."""
    kept: Bool[np.ndarray, " label"]
    """The labels that are looked for anywhere."""
    scores: Float[np.ndarray, "segment kept"]
    frame_embeddings: Float[np.ndarray, "segment feature"] | None
    """x_t for the cosine; None for a stream without one (behaviour 18)."""

    allowed: Bool[np.ndarray, "segment kept"]
    """Where each kept label is looked for."""


def stream_scores(source: PartScores | ScoredClip, modality: Modality, settings: Settings) -> StreamScores:
    """The scores of one stream, by similarity (Eq. 1 to 4) or as another model gave them, fused for both (Eq. 3 and 4)."""
    if isinstance(source, ScoredClip):
        return _given_scores(source, modality, settings)
    segments = similarity_scores(source.segments, modality, settings.audio_weight)
    observed = source.segments.observed(modality)
    if settings.selection is Selection.WHOLE:
        windows = [similarity_scores(window, modality, settings.audio_weight) for window in source.windows]
        whole = np.concatenate(windows)
        has_whole = np.concatenate([window.observed(modality) for window in source.windows])
    else:
        whole, has_whole = window_peaks(segments, observed, source.window_of)
    return StreamScores(
        modality,
        segments,
        observed,
        whole,
        has_whole,
        source.window_of,
        source.frame_embeddings,
        source.segments,
        strictness=strictness(source.vocabulary.names, modality, settings),
    )


def strictness(labels: Sequence[str], modality: Modality, settings: Settings) -> Float64[np.ndarray, " label"] | None:
    """How much more is required of each label in one stream: the stream's own number and the label's together.

    >>> settings = Settings(strictness={"heard": 1, "rain (heard)": 0.5, "dog": -1})
    >>> strictness(["rain", "dog"], Modality.AUDIO, settings)
    array([1.5, 0. ])
    """
    numbers = dict(settings.strictness)
    if not numbers:
        return None
    stream = numbers.get(modality.word, 0.0)
    own = [numbers.get(label, 0.0) + numbers.get(f"{label} ({modality.word})", 0.0) for label in labels]
    return np.array(own, dtype=np.float64) + stream


def lowered(threshold: float, deviations: Float64[np.ndarray, " label"]) -> Float64[np.ndarray, " label"]:
    """A threshold of each label: where less is required it is lower; where more is, Eq. 9 alone requires it."""
    return np.array([shifted_score(threshold, min(0.0, float(each))) for each in deviations], dtype=np.float64)


def _given_scores(scored: ScoredClip, modality: Modality, settings: Settings) -> StreamScores:
    if modality is Modality.AUDIO_VISUAL:
        segments = fused(scored.audio.segments, scored.visual.segments, settings.audio_weight)
        whole = fused(scored.audio.whole, scored.visual.whole, settings.audio_weight)
    else:
        scores = scored.audio if modality is Modality.AUDIO else scored.visual
        segments, whole = scores.segments, scores.whole
    observed = ~np.isnan(segments).any(axis=1)
    window_of = np.zeros(len(observed), dtype=np.int64)
    has_whole = ~np.isnan(whole).any(axis=1) & observed.any()
    if settings.selection is Selection.PEAK and scored.chosen is None:
        grid = Grid(len(observed) * settings.segment_seconds, settings.segment_seconds)
        window_of = np.arange(len(observed)) // grid.segments_in(settings.window_seconds)
        whole, has_whole = window_peaks(segments, observed, window_of)
    chosen = None if scored.chosen is None else scored.chosen[modality]
    deviations = strictness([""] * segments.shape[1], modality, settings)
    return StreamScores(
        modality, segments, observed, whole, has_whole, window_of, scored.frame_embeddings, None, chosen, deviations
    )


def selected_scores(stream: StreamScores, settings: Settings) -> SelectedScores:
    """The scores of the selected labels (Eq. 5), normalised again over them where the settings say so (behaviour 12)."""
    if stream.chosen is not None:
        everywhere = np.broadcast_to(stream.chosen, stream.segments.shape)
        selected = everywhere & stream.has_whole[stream.window_of][:, None]
    else:
        selected = (_selected_windows(stream, settings) & stream.has_whole[:, None])[stream.window_of]
    kept = np.asarray(selected.any(axis=0))
    scores = stream.segments[:, kept]
    if settings.renormalise_survivors and stream.similarities is not None:
        scores = similarity_scores(stream.similarities.of(kept), stream.modality, settings.audio_weight)
    with_cosine = stream.modality is not Modality.AUDIO or settings.cosine_for_audio
    frame_embeddings = stream.frame_embeddings if with_cosine else None
    return SelectedScores(stream, selected, kept, scores, frame_embeddings, selected[:, kept])


def _selected_windows(stream: StreamScores, settings: Settings) -> Bool[np.ndarray, "window label"]:
    """Where each label is looked for: also beside a window in which it stands out, as events run on across windows."""
    whole, threshold = stream.whole, settings.category_threshold
    if not settings.select_categories:
        return np.ones(whole.shape, dtype=bool)
    selected = selected_categories(
        whole, threshold if stream.strictness is None else lowered(threshold, stream.strictness)
    )
    beside = selected.copy()
    beside[1:] |= selected[:-1]
    beside[:-1] |= selected[1:]
    return beside
