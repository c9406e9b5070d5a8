"""From similarity to score, fusion of sound with picture, selection of categories (Eq. 1 to 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from av2a.background import near_synonym
from av2a.types import Embeddings, LabelEmbeddings, Modality


@dataclass(frozen=True)
class Vocabulary:
    """The asked labels beside the background concepts, as both encoders read them.

    ``counted[c, b]`` is whether concept b counts against label c; without concepts labels are scored against each other.
    """

    labels: LabelEmbeddings
    concepts: LabelEmbeddings
    counted: Bool[np.ndarray, "category concept"]


@dataclass(frozen=True)
class Similarities:
    """How near n inputs are to each category and each background concept; inner products, before any normalisation."""

    visual: Float32[np.ndarray, "input view category"]
    audio: Float32[np.ndarray, "input category"]
    visual_concepts: Float32[np.ndarray, "input view concept"]
    audio_concepts: Float32[np.ndarray, "input concept"]
    counted: Bool[np.ndarray, "category concept"]
    seen: Bool[np.ndarray, " input"]
    heard: Bool[np.ndarray, " input"]

    def of(self, kept: Bool[np.ndarray, " category"]) -> "Similarities":
        """Only the ``kept`` categories: what they are normalised over changes with them (behaviour 12)."""
        return replace(self, visual=self.visual[..., kept], audio=self.audio[:, kept], counted=self.counted[kept])

    @cached_property
    def heard_scores(self) -> Float32[np.ndarray, "input category"]:
        """P_a of each input."""
        return _scored(self.audio, self.audio_concepts, self.counted)

    @cached_property
    def seen_scores(self) -> Float32[np.ndarray, "input category"]:
        """P_v of each input. An image encoder's views are normalised one by one, then averaged (behaviour 7)."""
        return _scored(self.visual, self.visual_concepts, self.counted).mean(axis=1, dtype=np.float32)

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
    counted = np.array([[not near_synonym(label, concept) for concept in concepts] for label in labels], dtype=bool)
    counted = counted.reshape(len(labels), len(concepts))
    for rows, columns in (
        (label_embeddings.visual, concept_embeddings.visual),
        (label_embeddings.audio, concept_embeddings.audio),
    ):
        if len(concepts):
            counted &= _unit(rows) @ _unit(columns).T <= synonym_similarity
    if unit_labels:
        label_embeddings, concept_embeddings = _of_unit_length(label_embeddings), _of_unit_length(concept_embeddings)
    return Vocabulary(label_embeddings, concept_embeddings, counted)


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
    rows: Float[np.ndarray, "*input feature"], names: Float[np.ndarray, "category feature"]
) -> Float32[np.ndarray, "*input category"]:
    # einsum sums each product by itself, so a name's similarity is the same to the last bit whatever is asked beside it;
    # a matrix product's blocking would depend on the number of names.
    return np.einsum("...f,cf->...c", rows.astype(np.float64), names.astype(np.float64)).astype(np.float32)


def normalised(similarity: Float[np.ndarray, "*input category"]) -> Float32[np.ndarray, "*input category"]:
    """σ of the z-score over the categories (behaviours 3 and 4): how each label stands out among those asked.

    The standard deviation is unbiased. One category, or equal similarities, give NaN, which is above no threshold.

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
        return _sigmoid(centred / spread)


def against_background(
    similarity: Float32[np.ndarray, "*input category"],
    concepts: Float32[np.ndarray, "*input concept"],
    counted: Bool[np.ndarray, "category concept"],
) -> Float32[np.ndarray, "*input category"]:
    """σ of how many standard deviations each label lies above the background concepts that count against it.

    Departs from behaviour 3, where labels are compared with each other: here a label's score depends on no other label. Where all concepts are equally
    near, nothing stands out and the score is 1/2.

    >>> concepts = np.array([0.0, 0.1, -0.1], dtype=np.float32)
    >>> against_background(np.array([0.2], dtype=np.float32), concepts, np.ones((1, 3), dtype=bool)).round(4)
    array([0.8808], dtype=float32)
    """
    scores = np.empty(similarity.shape, dtype=np.float32)
    for category, counts in enumerate(counted):
        # One label at a time: the same numbers in the same order, whatever is asked beside it.
        reference = concepts[..., counts].astype(np.float64)
        spread = reference.std(axis=-1, ddof=1) if counts.sum() > 1 else np.zeros(reference.shape[:-1])
        above = similarity[..., category] - reference.mean(axis=-1) if counts.any() else np.zeros(spread.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            scores[..., category] = _sigmoid(np.where(spread > 0, above / spread, 0.0))
    return scores


def _sigmoid(z: Float[np.ndarray, "*any"]) -> Float32[np.ndarray, "*any"]:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500)))).astype(np.float32)


def fused(
    audio: Float32[np.ndarray, "*input category"],
    visual: Float32[np.ndarray, "*input category"],
    audio_weight: float,
) -> Float32[np.ndarray, "*input category"]:
    """P_av = α P_a + (1 − α) P_v (Eq. 3 and 4).

    Raises:
        ValueError: the weight lies outside [0, 1], or the scores cannot be of the same inputs.

    >>> fused(np.array([0.8], dtype=np.float32), np.array([0.4], dtype=np.float32), audio_weight=0.5).round(4)
    array([0.6], dtype=float32)
    """
    if not 0 <= audio_weight <= 1:
        raise ValueError(f"audio_weight must lie in [0, 1], got {audio_weight}")
    if audio.shape[-1] != visual.shape[-1]:
        raise ValueError(
            f"audio and visual must score the same categories, got shapes {audio.shape} and {visual.shape}"
        )
    return np.asarray((1 - audio_weight) * visual + audio_weight * audio).astype(np.float32)


def stream_scores(
    similarity: Similarities, modality: Modality, audio_weight: float
) -> Float32[np.ndarray, "input category"]:
    """The scores of one stream for each input (P_a, P_v or P_av)."""
    if modality is Modality.AUDIO:
        return similarity.heard_scores
    if modality is Modality.VISUAL:
        return similarity.seen_scores
    return fused(similarity.heard_scores, similarity.seen_scores, audio_weight)


def _scored(
    similarity: Float32[np.ndarray, "*input category"],
    concepts: Float32[np.ndarray, "*input concept"],
    counted: Bool[np.ndarray, "category concept"],
) -> Float32[np.ndarray, "*input category"]:
    return against_background(similarity, concepts, counted) if concepts.shape[-1] else normalised(similarity)


def window_peaks(
    scores: Float32[np.ndarray, "segment category"],
    observed: Bool[np.ndarray, " segment"],
    window_of: Int64[np.ndarray, " segment"],
) -> tuple[Float32[np.ndarray, "window category"], Bool[np.ndarray, " window"]]:
    """Each category's highest score in each window, and which windows have anything to score at all.

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
    whole: Float[np.ndarray, "*window category"], category_threshold: float
) -> Bool[np.ndarray, "*window category"]:
    """Ĉ: the categories whose score over the whole window is above τ_f (Eq. 5; compared in float32, behaviour 11).

    >>> selected_categories(np.array([0.5, 0.7], dtype=np.float32), 0.55)
    array([False,  True])
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(whole > np.float32(category_threshold))
