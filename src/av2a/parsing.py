"""The method on what was observed, or on scores from anywhere: selection, thresholds, candidates, validation.

``parse`` asks an observation for what the encoders made of a clip; ``parse_scores`` takes the scores of any model. Both come to the
same decisions by the same steps (Eq. 3 to 9).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

import numpy as np
from jaxtyping import Bool, Float, Int64

from av2a.events import candidates, late_fused, validated
from av2a.observation import Interval, Observation
from av2a.records import Candidate, Modality, Parsing, ScoredClip, Scores, StreamParsing, Trace
from av2a.scores import (
    Similarities,
    Vocabulary,
    fused,
    selected_categories,
    similarities,
    stream_scores,
    window_peaks,
)
from av2a.settings import Fusion, Selection, Settings
from av2a.thresholds import dynamic_thresholds


@dataclass(frozen=True)
class Localization:
    """What one stream found before validation: its thresholds and its candidates."""

    thresholds: Float[np.ndarray, "segment category"]
    candidates: list[Candidate]


def localize(
    scores: Scores,
    frame_embeddings: Float[np.ndarray, "segment feature"] | None,
    settings: Settings,
    *,
    selected: Bool[np.ndarray, "segment category"] | None = None,
    observed: Bool[np.ndarray, " segment"] | None = None,
) -> Localization:
    """Candidate intervals of one stream from its scores, whatever made them (Eq. 6 to 8 and S_k).

    Args:
        scores: of the categories to look for.
        frame_embeddings: x_t for the cosine; None for a stream without one.
        settings: thresholds, their rule, and the rules for intervals.
        selected: where each category may be present; everywhere when None.
        observed: False for segments without anything to score.
    """
    thresholds = _moving_thresholds(scores.segments, frame_embeddings, settings, selected, observed)
    return Localization(thresholds, _above(scores.segments, thresholds, settings, selected, observed))


def _moving_thresholds(
    scores: Float[np.ndarray, "*batch segment category"],
    frame_embeddings: Float[np.ndarray, "*batch segment feature"] | None,
    settings: Settings,
    selected: Bool[np.ndarray, "*batch segment category"] | None,
    observed: Bool[np.ndarray, "*batch segment"] | None,
) -> Float[np.ndarray, "*batch segment category"]:
    return dynamic_thresholds(
        scores,
        frame_embeddings,
        initial_threshold=settings.initial_threshold,
        decay=settings.decay,
        rule=settings.threshold_rule,
        ridge=settings.ridge,
        ratio_times_scores=settings.ratio_times_scores,
        allowed=selected,
        observed=observed,
    )


def _above(
    scores: Float[np.ndarray, "segment category"],
    thresholds: Float[np.ndarray, "segment category"],
    settings: Settings,
    selected: Bool[np.ndarray, "segment category"] | None,
    observed: Bool[np.ndarray, " segment"] | None,
) -> list[Candidate]:
    with np.errstate(invalid="ignore"):
        present = scores > thresholds
    if selected is not None:
        present &= selected
    if observed is not None:
        present &= observed[:, None]
    return candidates(
        present,
        minimum_segments=max(1, ceil(settings.minimum_duration_seconds / settings.segment_seconds - 1e-6)),
        merge_gap_segments=floor(settings.merge_gap_seconds / settings.segment_seconds + 1e-6),
        merge_first=settings.merge_first,
    )


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


def parse(observation: Observation, words: Vocabulary, settings: Settings) -> Parsing:
    """The whole method on what was observed: selection, thresholds, candidates, validation, for each stream."""
    evidence = Evidence(observation, words)
    located = {stream: _located(_stream(stream, evidence, settings), settings) for stream in _judged(settings)}
    return _confirmed(evidence, located, settings)


def parse_all(evidence: Sequence[Evidence], settings: Settings) -> list[Parsing]:
    """What :func:`parse` answers for each. All thresholds move together, which is many times faster.

    Decisions are those of :func:`parse`; a threshold may differ from its in the last bits.
    """
    judged = _judged(settings)
    located = iter(_all_located([_stream(stream, each, settings) for each in evidence for stream in judged], settings))
    return [_confirmed(each, {stream: next(located) for stream in judged}, settings) for each in evidence]


def _confirmed(evidence: Evidence, located: Mapping[Modality, "_Located"], settings: Settings) -> Parsing:
    """Eq. 9: each candidate's own interval is looked at and listened to."""
    scored = evidence.intervals(_wanted(located, settings))

    def own_scores(trace: Trace, found: Candidate) -> Float[np.ndarray, " category"]:
        return _interval_scores(trace, scored[found.start, found.stop], settings)

    return Parsing(_answered(located, own_scores, settings), evidence.observation.first_segment)


def parse_scores(scored: ScoredClip, settings: Settings) -> Parsing:
    """The method on the scores of any model: a trained parser's, a file's.

    What only encoders could answer is taken from the scores: a candidate's own score (Eq. 9) is the mean of its segments' scores. Scores are
    taken as they are, so ``renormalise_survivors`` changes nothing.
    """
    located = {
        modality: _located(_scored_stream(modality, scored, settings), settings) for modality in _judged(settings)
    }
    return Parsing(_answered(located, _mean_scores, settings))


def parse_all_scores(scored: Sequence[ScoredClip], settings: Settings) -> list[Parsing]:
    """What :func:`parse_scores` answers for each. All thresholds move together, as in :func:`parse_all`."""
    judged = _judged(settings)
    streams = [_scored_stream(stream, each, settings) for each in scored for stream in judged]
    located = iter(_all_located(streams, settings))
    return [Parsing(_answered({stream: next(located) for stream in judged}, _mean_scores, settings)) for _ in scored]


def _judged(settings: Settings) -> list[Modality]:
    """The streams that are parsed by themselves; late fusion makes the third of two."""
    streams = [Modality.VISUAL, Modality.AUDIO]
    return [*streams, Modality.AUDIO_VISUAL] if settings.fusion is Fusion.SCORE else streams


@dataclass(frozen=True)
class _Stream:
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


def _stream(modality: Modality, evidence: Evidence, settings: Settings) -> _Stream:
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

    return _Stream(
        modality=modality,
        segments=everything,
        observed=observed,
        whole=whole,
        has_whole=has_whole,
        window_of=observation.window_of,
        frame_embeddings=observation.frame_embeddings,
        survivors=survivors,
    )


def _scored_stream(modality: Modality, scored: ScoredClip, settings: Settings) -> _Stream:
    scores = _scores_of(modality, scored, settings)
    observed = ~np.isnan(scores.segments).any(axis=1)
    window_of = np.zeros(len(observed), dtype=np.int64)
    whole, has_whole = scores.whole, ~np.isnan(scores.whole).any(axis=1) & observed.any()
    if settings.selection is Selection.PEAK and scored.chosen is None:
        window_of = np.arange(len(observed)) // max(1, round(settings.window_seconds / settings.segment_seconds))
        whole, has_whole = window_peaks(scores.segments, observed, window_of)
    return _Stream(
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


def _wanted(located: Mapping[Modality, "_Located"], settings: Settings) -> list[Interval]:
    """Each interval that is validated in some stream, once; seen and heard as these streams need it."""
    streams: dict[tuple[int, int], set[Modality]] = {}
    for modality, stream in located.items():
        for found in stream.candidates if _is_validated(stream, settings) else ():
            streams.setdefault((found.start, found.stop), set()).add(modality)
    return [
        Interval(*interval, seen=needed != {Modality.AUDIO}, heard=needed != {Modality.VISUAL})
        for interval, needed in sorted(streams.items(), key=lambda item: item[0])
    ]


def _is_validated(stream: "_Located", settings: Settings) -> bool:
    single = len(stream.candidates) == 1 and not settings.validate_single
    return settings.validate and not single and len(stream.candidates) > 0


@dataclass(frozen=True)
class _Located:
    trace: Trace
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class _Judged:
    """One stream's scores of the categories that it looks for."""

    stream: _Stream
    selected: Bool[np.ndarray, "segment category"]
    kept: Bool[np.ndarray, " category"]
    scores: Float[np.ndarray, "segment kept"]
    frame_embeddings: Float[np.ndarray, "segment feature"] | None

    @classmethod
    def of(cls, stream: _Stream, settings: Settings) -> "_Judged":
        selected = _selected(stream, settings)
        kept = np.asarray(selected.any(axis=0))
        with_cosine = stream.modality is not Modality.AUDIO or settings.cosine_for_audio
        return cls(stream, selected, kept, stream.survivors(kept), stream.frame_embeddings if with_cosine else None)

    def located(self, thresholds: Float[np.ndarray, "segment kept"], settings: Settings) -> _Located:
        """Its candidates, and how it came to them."""
        stream, kept = self.stream, self.kept
        columns = np.flatnonzero(kept)
        found = _above(self.scores, thresholds, settings, self.selected[:, kept], stream.observed)
        return _Located(
            Trace(
                modality=stream.modality,
                window_scores=np.where(stream.has_whole[:, None], stream.whole, np.nan),
                selected=self.selected,
                scores=_spread(self.scores, kept, stream.observed),
                thresholds=_spread(thresholds, kept, stream.observed),
            ),
            tuple(Candidate(int(columns[each.category]), each.start, each.stop) for each in found),
        )


def _located(stream: _Stream, settings: Settings) -> _Located:
    judged = _Judged.of(stream, settings)
    selected = judged.selected[:, judged.kept]
    thresholds = _moving_thresholds(judged.scores, judged.frame_embeddings, settings, selected, stream.observed)
    return judged.located(thresholds, settings)


def _all_located(streams: Iterable[_Stream], settings: Settings) -> list[_Located]:
    """What :func:`_located` gives for each; thresholds of streams with as many segments and features advance together."""
    judged = [_Judged.of(stream, settings) for stream in streams]
    alike: dict[tuple[int, int | None], list[int]] = {}
    for place, each in enumerate(judged):
        features = None if each.frame_embeddings is None else each.frame_embeddings.shape[1]
        alike.setdefault((len(each.scores), features), []).append(place)
    located: dict[int, _Located] = {}
    for places in alike.values():
        group = [judged[place] for place in places]
        together = zip(places, group, _thresholds_together(group, settings), strict=True)
        located.update((place, each.located(thresholds, settings)) for place, each, thresholds in together)
    return [located[place] for place in range(len(judged))]


def _thresholds_together(judged: Sequence[_Judged], settings: Settings) -> list[Float[np.ndarray, "segment kept"]]:
    """Where some look for fewer categories than others, they get columns in which nothing is ever present."""
    most = max(each.scores.shape[1] for each in judged)
    frames = [each.frame_embeddings for each in judged if each.frame_embeddings is not None]
    moved = _moving_thresholds(
        np.stack([_widened(each.scores, most) for each in judged]),
        np.stack(frames) if frames else None,
        settings,
        np.stack([_widened(each.selected[:, each.kept], most) for each in judged]),
        np.stack([each.stream.observed for each in judged]),
    )
    return [own[:, : each.scores.shape[1]] for own, each in zip(moved, judged, strict=True)]


def _widened(values: np.ndarray, categories: int) -> np.ndarray:
    """With columns of zeros up to so many categories."""
    return np.pad(values, ((0, 0), (0, categories - values.shape[1])))


def _selected(stream: _Stream, settings: Settings) -> Bool[np.ndarray, "segment category"]:
    """Where each category is looked for."""
    if stream.chosen is not None:
        return np.broadcast_to(stream.chosen, stream.segments.shape) & stream.has_whole[stream.window_of][:, None]
    chosen = _chosen(stream.whole, settings) & stream.has_whole[:, None]
    return np.asarray(chosen[stream.window_of])


def _chosen(whole: Float[np.ndarray, "window category"], settings: Settings) -> Bool[np.ndarray, "window category"]:
    """Where each category is looked for: also beside a window in which it stands out, as events run on across windows."""
    if not settings.select_categories:
        return np.ones(whole.shape, dtype=bool)
    chosen = selected_categories(whole, settings.category_threshold)
    beside = chosen.copy()
    beside[1:] |= chosen[:-1]
    beside[:-1] |= chosen[1:]
    return beside


def _spread(
    values: Float[np.ndarray, "segment kept"],
    kept: Bool[np.ndarray, " category"],
    observed: Bool[np.ndarray, " segment"],
) -> Float[np.ndarray, "segment category"]:
    spread = np.full((len(values), len(kept)), np.nan)
    spread[:, kept] = np.where(observed[:, None], values, np.nan)
    return spread


OwnScores = Callable[[Trace, Candidate], Float[np.ndarray, " category"]]
"""The scores of a candidate's own interval, in one stream."""


def _answered(
    located: Mapping[Modality, _Located], own_scores: OwnScores, settings: Settings
) -> dict[Modality, StreamParsing]:
    streams = {modality: _validated(stream, own_scores, settings) for modality, stream in located.items()}
    if settings.fusion is Fusion.LATE:
        streams[Modality.AUDIO_VISUAL] = _late(streams[Modality.VISUAL], streams[Modality.AUDIO])
    return streams


def _validated(stream: _Located, own_scores: OwnScores, settings: Settings) -> StreamParsing:
    """Eq. 9 on one stream: each candidate's own interval is scored, over the categories that the stream selected."""
    found = stream.candidates
    if not _is_validated(stream, settings):
        return StreamParsing(stream.trace, found, found, tuple(_mean_score(stream.trace, each) for each in found))
    own = np.stack([own_scores(stream.trace, each) for each in found])
    holding = validated(
        found,
        own,
        settings.confidence_threshold,
        rule=settings.validation_rule,
        keep_best=settings.keep_best,
    )
    confidence = [float(own[place, each.category]) for place, each in enumerate(found)]
    return StreamParsing(
        stream.trace,
        found,
        tuple(found[place] for place in holding),
        tuple(confidence[place] for place in holding),
        tuple((each, confidence[place]) for place, each in enumerate(found) if place not in holding),
    )


def _interval_scores(trace: Trace, similarity: Similarities, settings: Settings) -> Float[np.ndarray, " category"]:
    kept = trace.kept
    scores = np.full(len(kept), -np.inf, dtype=np.float32)
    if not similarity.observed(trace.modality).all():
        return scores
    if settings.renormalise_survivors:
        scores[kept] = stream_scores(similarity.of(kept), trace.modality, settings.audio_weight)[0]
    else:
        scores[kept] = stream_scores(similarity, trace.modality, settings.audio_weight)[0, kept]
    return scores


def _mean_scores(trace: Trace, found: Candidate) -> Float[np.ndarray, " category"]:
    """Each selected category's mean score over an interval."""
    within = trace.scores[found.start : found.stop]
    return np.where(trace.kept, within.mean(axis=0), -np.inf)


def _mean_score(trace: Trace, found: Candidate) -> float:
    """A candidate that nothing validates has the mean score of its segments."""
    return float(np.nanmean(trace.scores[found.start : found.stop, found.category]))


def _late(visual: StreamParsing, audio: StreamParsing) -> StreamParsing:
    segments = len(visual.trace.scores)
    found = tuple(late_fused(visual.found, audio.found, segments))
    empty = np.full_like(visual.trace.scores, np.nan)
    trace = Trace(
        modality=Modality.AUDIO_VISUAL,
        window_scores=np.full_like(visual.trace.window_scores, np.nan),
        selected=visual.trace.selected & audio.trace.selected,
        scores=empty,
        thresholds=empty,
    )
    # Both must hold, so the weaker answer is the confidence.
    confidences = tuple(min(_confidence_at(visual, each), _confidence_at(audio, each)) for each in found)
    return StreamParsing(trace, found, found, confidences)


def _confidence_at(stream: StreamParsing, found: Candidate) -> float:
    return max(
        confidence
        for other, confidence in zip(stream.found, stream.confidences, strict=True)
        if other.category == found.category and other.start < found.stop and found.start < other.stop
    )
