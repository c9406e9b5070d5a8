"""Search by example: an interval of a video, and the moments of other videos that are most like it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64

from av2a.corpora.matrix import CHUNK_ROWS, Matrix, highest_of_clips
from av2a.corpora.search import SearchGate
from av2a.embeddings import ClipFeatures
from av2a.errors import UsageError
from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Clip, Event, Modality


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
        return SearchGate(order, highest[order] + 1e-4)

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
    return highest_of_clips(highest, matrix.stops(stream))


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
