"""Which clips of a matrix can have an answer, and what they answer: new labels by the method itself, examples by likeness.

A label's score of a segment is σ of (p − μ) / s, with p the row's product with the label, and μ and s the mean and deviation of its products
with the background. The matrix has the sums behind μ and s beside each row, so one product gives the scores of all segments, nearly: these
decide only which clips are asked, and in which order. The answer of a clip is computed by the method from the clip's stored embeddings.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from av2a.corpora.matrix import CHUNK_ROWS, Matrix, products_of
from av2a.embeddings import ClipFeatures, Vocabulary
from av2a.errors import UsageError
from av2a.settings import Fusion, IntervalFeatures, Selection, Settings
from av2a.timeline import Grid
from av2a.types import Clip, Event, Modality

MARGIN = 2e-3
"""How far a z from float32 products may be from the method's own, and by which part of itself: 3e-5 was the most that was measured."""
FIRST_ASKED, MOST_ASKED = 16, 64
"""How many clips are asked together, at first and at most."""


@dataclass(frozen=True)
class Hit:
    """One answer: an event in a video."""

    path: str
    event: Event
    confidence: float
    file: str
    """Whether the file is still the one that was embedded: unchanged, changed, gone, or not checked."""

    def as_dict(self) -> dict[str, Any]:
        """As files have it: milliseconds, and four decimals of confidence."""
        event = self.event.rounded()
        return {
            "file": self.path,
            "label": event.label,
            "modality": event.modality.value,
            "start": event.start_seconds,
            "end": event.stop_seconds,
            "confidence": event.confidence,
            "state": self.file,
        }


@dataclass(frozen=True)
class SearchAnswer:
    """The hits of a search, the highest confidence first."""

    hits: tuple[Hit, ...]
    videos: int
    """How many videos the library has."""
    asked: int
    """Of how many contents the method was run; the others cannot have an event among the hits."""
    unanswered: tuple[str, ...]
    """Videos that could not be asked: their embeddings are no longer stored, or an interval of them was never embedded."""


@dataclass(frozen=True, eq=False)
class SearchGate:
    """Which clips are asked, those that may have the highest confidence first, and how high it can be."""

    order: Int64[np.ndarray, " asked"]
    highest: Float64[np.ndarray, " clip"]


@dataclass
class Best:
    """The lowest confidence among the ``count`` best so far."""

    count: int
    _heap: list[float] = field(default_factory=list)

    def add(self, confidence: float) -> None:
        """Take one more answer in."""
        if len(self._heap) < self.count:
            heapq.heappush(self._heap, confidence)
        else:
            heapq.heappushpop(self._heap, confidence)

    @property
    def lowest(self) -> float:
        """The confidence that another answer needs to be among the best."""
        return self._heap[0] if len(self._heap) == self.count else -np.inf


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
    passes = _passes(seen.segment, heard.segment, settings, modality).any(axis=1)
    # Scores are float32.
    highest = np.minimum(np.maximum(seen.interval, heard.interval).max(axis=1) + 1e-6, 1.0)
    if settings.interval_features is IntervalFeatures.EMBEDDED:
        # An interval embedded by itself may have any score.
        highest = np.full(clips, np.inf)
    order = np.flatnonzero(passes)
    return SearchGate(order[np.argsort(-highest[order], kind="stable")], highest)


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
    settings: Settings,
    modality: Modality | None,
) -> Bool[np.ndarray, "clip label"]:
    """Where a stream that events of ``modality`` may come from selects a label somewhere."""
    threshold, weight = settings.category_threshold - 1e-6, settings.audio_weight
    by_seen, by_heard = seen > threshold, heard > threshold
    by_both = weight * heard + (1 - weight) * seen > threshold
    if modality is None or settings.fusion is Fusion.LATE:
        return by_seen | by_heard | by_both
    own = {Modality.VISUAL: by_seen, Modality.AUDIO: by_heard, Modality.AUDIO_VISUAL: by_both}[modality]
    if not settings.consistent:
        return own
    return by_both | (by_seen & by_heard) if modality is Modality.AUDIO_VISUAL else own | by_both


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
        segment[:, category] = _sigmoid(_widened(_highest(z, stops)))
        interval[:, category] = _sigmoid(_widened(_highest(np.maximum(bound, z), stops)))
    return _Peaks(segment, interval)


def _widened(z: Float64[np.ndarray, " clip"]) -> Float64[np.ndarray, " clip"]:
    return np.asarray(z + MARGIN * (1 + np.abs(np.where(np.isfinite(z), z, 0.0))))


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
        bound = above * np.sqrt(concepts - 1) * length[clip_of] / along
    positive = np.ones(len(stops), dtype=bool)
    np.logical_and.at(positive, clip_of, along > 1e-9)
    return z, np.where(positive[clip_of], np.maximum(bound, 0), np.inf)


def _mean(
    values: Float64[np.ndarray, " row"], clip_of: Int64[np.ndarray, " row"], counts: Int64[np.ndarray, " clip"]
) -> Float64[np.ndarray, " clip"]:
    return np.bincount(clip_of, values, minlength=len(counts)) / np.maximum(counts, 1)


def _highest(values: Float64[np.ndarray, " row"], stops: Int64[np.ndarray, " clip"]) -> Float64[np.ndarray, " clip"]:
    """Of each clip; −∞ for one without rows."""
    highest = np.full(len(stops), -np.inf)
    starts = np.concatenate([[0], stops[:-1]])
    filled = stops > starts
    if filled.any():
        highest[filled] = np.maximum.reduceat(values, starts[filled])
    return highest


def _sigmoid(z: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -500, 500))))


# By example.


@dataclass(frozen=True)
class SearchExample:
    """An interval of a video that is looked for elsewhere."""

    video: Path
    start_seconds: float
    stop_seconds: float

    @classmethod
    def of(cls, text: str) -> "SearchExample":
        """From ``clip.mp4@12-15``, in seconds.

        Raises:
            UsageError: it is not of that form.

        >>> SearchExample.of("a@b.mp4@12-15.5").stop_seconds
        15.5
        """
        path, _, times = text.rpartition("@")
        start, _, stop = times.partition("-")
        try:
            ends = float(start), float(stop)
        except ValueError:
            ends = 0.0, 0.0
        if not path or not 0 <= ends[0] < ends[1] < np.inf:
            raise UsageError(f"an example is a video and seconds, such as clip.mp4@12-15; got {text[:80]!r}")
        return cls(Path(path), *ends)


@dataclass(frozen=True, eq=False)
class Likeness:
    """What an example looks and sounds like, segment after segment: rows of unit length, NaN where nothing was seen or heard."""

    seen: Float[np.ndarray, "segment view feature"]
    heard: Float[np.ndarray, "segment audio_feature"]
    modality: Modality
    audio_weight: float
    interval: tuple[int, int]
    """The segments of the example's own clip."""
    text: str

    def gate(self, matrix: Matrix) -> SearchGate:
        """All clips with rows of the streams that count, those that may be most alike first."""
        seen = _most_alike(matrix, "seen", self.seen.reshape(-1, self.seen.shape[-1]))
        heard = _most_alike(matrix, "heard", self.heard)
        highest = self._fused(seen, heard)
        order = np.flatnonzero(np.isfinite(highest))
        return SearchGate(order[np.argsort(-highest[order], kind="stable")], highest + 1e-4)

    def of_windows(self, features: ClipFeatures) -> Iterator[tuple[int, int, float]]:
        """First segment, stop and likeness of each interval as long as the example, or of the whole part where that is shorter."""
        for part in range(len(features)):
            segments = features.segments(part)
            length = min(len(self.heard), len(segments))
            heard = np.where(segments.heard, _products(segments.audio, self.heard), np.nan)
            views = [
                _products(segments.visual[:, view], self.seen[:, view])
                for view in range(min(segments.visual.shape[1], self.seen.shape[1]))
            ]
            seen = np.where(segments.seen, np.mean(views, axis=0), np.nan)
            # Of each segment of the example with each of the part.
            both = self._fused(seen, heard)
            first = features.first_segment(part)
            for start in range(len(segments) - length + 1):
                alike = both[np.arange(length), start + np.arange(length)]
                if np.isfinite(alike).any():
                    yield first + start, first + start + length, float(np.nanmean(alike))

    def _fused(
        self, seen: Float64[np.ndarray, "*any"], heard: Float64[np.ndarray, "*any"]
    ) -> Float64[np.ndarray, "*any"]:
        if self.modality is Modality.AUDIO_VISUAL:
            return np.asarray(self.audio_weight * heard + (1 - self.audio_weight) * seen)
        return heard if self.modality is Modality.AUDIO else seen


def likeness_of(
    features: ClipFeatures, grid: Grid, example: SearchExample, settings: Settings, modality: Modality | None
) -> Likeness:
    """An example's segments, in the streams that count: those that it has where none is named.

    Raises:
        UsageError: the interval lies outside of the clip, or nothing is heard or seen in it.
    """
    first = int(example.start_seconds / grid.segment_seconds)
    stop = min(grid.segments, int(np.ceil(example.stop_seconds / grid.segment_seconds - 1e-6)))
    if first >= stop:
        raise UsageError(
            f"the example lies outside of its video, which lasts {grid.duration_seconds:.1f} s: give other seconds"
        )
    parts = [features.segments(part) for part in range(len(features))]
    numbers = np.concatenate([features.first_segment(part) + np.arange(len(each)) for part, each in enumerate(parts)])
    within = (numbers >= first) & (numbers < stop)
    seen = np.concatenate([np.where(each.seen[:, None, None], _unit(each.visual), np.nan) for each in parts])[within]
    heard = np.concatenate([np.where(each.heard[:, None], _unit(each.audio), np.nan) for each in parts])[within]
    is_seen, is_heard = np.isfinite(seen[..., 0]).any(), np.isfinite(heard[..., 0]).any()
    has = {Modality.VISUAL: is_seen, Modality.AUDIO: is_heard, Modality.AUDIO_VISUAL: is_seen and is_heard}
    chosen = modality or next((each for each in reversed(Modality) if has[each]), None)
    if chosen is None or not has[chosen]:
        raise UsageError(
            "nothing of that kind is heard or seen in the example: give other seconds, or another --stream"
        )
    text = f"like {example.video.name}@{example.start_seconds:g}-{example.stop_seconds:g}"
    return Likeness(seen, heard, chosen, settings.audio_weight, (first, stop), text)


def most_alike(
    features: ClipFeatures, clip: Clip, settings: Settings, likeness: Likeness, *, without: tuple[int, int] | None
) -> Sequence[Event]:
    """The moment of a clip that is most like the example and as long, as an event; ``without`` an interval of segments."""
    grid = Grid(clip.duration_seconds, settings.segment_seconds)
    windows = [
        window
        for window in likeness.of_windows(features)
        if without is None or window[1] <= without[0] or without[1] <= window[0]
    ]
    if not windows:
        return []
    start, stop, alike = max(windows, key=lambda window: window[2])
    return [Event(likeness.text, likeness.modality, *grid.seconds(start, stop), alike)]


def _most_alike(
    matrix: Matrix, stream: str, example: Float[np.ndarray, "segment feature"]
) -> Float64[np.ndarray, " clip"]:
    """Of each clip, the highest cosine of any of its rows with any of the example's; −∞ for a clip without rows."""
    example = example[np.isfinite(example[:, 0])]
    rows = matrix.rows(stream)
    if not len(example) or not len(rows):
        return np.full(len(matrix), -np.inf)
    edges = [*range(0, len(rows), CHUNK_ROWS), len(rows)]
    highest = np.concatenate([_products(rows[start:stop], example).max(axis=0) for start, stop in pairwise(edges)])
    return _highest(highest, matrix.stops(stream))


def _products(
    rows: Float[np.ndarray, "row feature"], unit: Float[np.ndarray, "segment feature"]
) -> Float64[np.ndarray, "segment row"]:
    """The cosine of each row of unit length with each row."""
    columns = np.ascontiguousarray(unit.T, np.float32)
    lengths = np.sqrt(np.einsum("rf,rf->r", rows, rows))
    products = np.asarray(rows, np.float32) @ columns / np.maximum(lengths, 1e-12)[:, None]
    return np.asarray(products.T, np.float64)


def _unit(rows: Float[np.ndarray, "*row feature"]) -> Float[np.ndarray, "*row feature"]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))
