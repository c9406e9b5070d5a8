"""What one stream is judged by: the scores of its segments and windows, whether encoders made them or any other model (Eq. 1 to 4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int64

from av2a.features import Interval, Observation
from av2a.methods.av2a.scores import Similarities, Vocabulary, fused, similarities, stream_scores, window_peaks
from av2a.settings import Selection, Settings
from av2a.types import Modality, ScoredClip, Scores


class Evidence:
    """An observation beside a vocabulary. Each similarity is computed once, whatever settings are tried on it."""

    def __init__(self, observation: Observation, words: Vocabulary) -> None:
        self.observation = observation
        self.words = words
        self._intervals: dict[Interval, Similarities] = {}

    @cached_property
    def segments(self) -> Similarities:
        """Of the segments."""
        return similarities(self.observation.segments, self.words)

    @cached_property
    def windows(self) -> list[Similarities]:
        """Of the windows that were embedded whole."""
        return [similarities(window, self.words) for window in self.observation.windows]

    def intervals(self, wanted: Sequence[Interval]) -> dict[tuple[int, int], Similarities]:
        """Of intervals, by their segments; each is asked of the encoders once."""
        missing = [each for each in wanted if each not in self._intervals]
        for each, embedded in zip(missing, self.observation.intervals(missing), strict=True):
            self._intervals[each] = similarities(embedded, self.words)
        return {(each.start, each.stop): self._intervals[each] for each in wanted}


@dataclass(frozen=True)
class Stream:
    """What one stream is judged by."""

    modality: Modality
    segments: Float[np.ndarray, "segment category"]
    observed: Bool[np.ndarray, " segment"]
    whole: Float[np.ndarray, "window category"]
    has_whole: Bool[np.ndarray, " window"]
    window_of: Int64[np.ndarray, " segment"]
    frame_embeddings: Float[np.ndarray, "segment feature"] | None
    survivors: Callable[[Bool[np.ndarray, " category"]], Float[np.ndarray, "segment kept"]]
    """The segments' scores once only some categories are looked for."""
    chosen: Bool[np.ndarray, " category"] | None = None
    """The categories that the scores' own source selected, in place of Eq. 5."""


def observed_stream(modality: Modality, evidence: Evidence, settings: Settings) -> Stream:
    """A stream as the encoders see and hear it."""
    segments, observation = evidence.segments, evidence.observation
    observed = segments.observed(modality)
    everything = stream_scores(segments, modality, settings.audio_weight)
    if settings.selection is Selection.WHOLE:
        windows = evidence.windows
        whole = np.concatenate([stream_scores(window, modality, settings.audio_weight) for window in windows])
        has_whole = np.concatenate([window.observed(modality) for window in windows])
    else:
        whole, has_whole = window_peaks(everything, observed, observation.window_of)

    def survivors(kept: Bool[np.ndarray, " category"]) -> Float[np.ndarray, "segment kept"]:
        if settings.renormalise_survivors:
            return stream_scores(segments.of(kept), modality, settings.audio_weight)
        return everything[:, kept]

    return Stream(
        modality=modality,
        segments=everything,
        observed=observed,
        whole=whole,
        has_whole=has_whole,
        window_of=observation.window_of,
        frame_embeddings=observation.frame_embeddings,
        survivors=survivors,
    )


def scored_stream(modality: Modality, scored: ScoredClip, settings: Settings) -> Stream:
    """A stream as another model scored it."""
    scores = _scores_of(modality, scored, settings)
    observed = ~np.isnan(scores.segments).any(axis=1)
    window_of = np.zeros(len(observed), dtype=np.int64)
    whole, has_whole = scores.whole, ~np.isnan(scores.whole).any(axis=1) & observed.any()
    if settings.selection is Selection.PEAK and scored.chosen is None:
        window_of = np.arange(len(observed)) // max(1, round(settings.window_seconds / settings.segment_seconds))
        whole, has_whole = window_peaks(scores.segments, observed, window_of)
    return Stream(
        modality=modality,
        segments=scores.segments,
        observed=observed,
        whole=whole,
        has_whole=has_whole,
        window_of=window_of,
        frame_embeddings=scored.frame_embeddings,
        survivors=lambda kept: scores.segments[:, kept],
        chosen=None if scored.chosen is None else scored.chosen[modality],
    )


def _scores_of(modality: Modality, scored: ScoredClip, settings: Settings) -> Scores:
    """A stream's scores; both together by Eq. 3 and 4."""
    if modality is Modality.VISUAL:
        return scored.visual
    if modality is Modality.AUDIO:
        return scored.audio
    return Scores(
        whole=fused(scored.audio.whole, scored.visual.whole, settings.audio_weight),
        segments=fused(scored.audio.segments, scored.visual.segments, settings.audio_weight),
    )
