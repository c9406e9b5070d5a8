"""Candidate intervals and their validation (S_k and Eq. 9), and the streams together: late fusion and consistency."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor

import numpy as np
from jaxtyping import Bool, Float

from av2a.embeddings import Interval
from av2a.methods.av2a.scores import PartScores, SelectedScores, Similarities, similarity_scores
from av2a.settings import Fusion, Settings, ValidationRule, shifted_score
from av2a.timeline import runs
from av2a.types import Candidate, Modality, Parsing, ScoredClip, StreamParsing, Trace

OwnScores = Float[np.ndarray, "candidate label"]
"""P′: the scores of each candidate's own interval."""


def candidate_intervals(
    selected: SelectedScores, thresholds: Float[np.ndarray, "segment kept"], settings: Settings
) -> StreamParsing:
    """The candidates of one stream and how it came to them; none is validated yet (Eq. 6 and S_k)."""
    stream, kept = selected.stream, selected.kept
    possible = selected.allowed & stream.observed[:, None]
    with np.errstate(invalid="ignore"):
        present = (selected.scores > thresholds) & possible
        # The fused score stays high while one of its two parts does: it says nothing about when both end.
        if settings.hold_threshold is not None and stream.modality is not Modality.AUDIO_VISUAL:
            present = held(present, (selected.scores > settings.hold_threshold) & possible)
    found = candidates(
        present,
        minimum_segments=max(1, ceil(settings.minimum_duration_seconds / settings.segment_seconds - 1e-6)),
        merge_gap_segments=floor(settings.merge_gap_seconds / settings.segment_seconds + 1e-6),
        merge_first=settings.merge_first,
    )
    columns = np.flatnonzero(kept).tolist()
    trace = Trace(
        modality=stream.modality,
        window_scores=np.where(stream.has_whole[:, None], stream.whole, np.nan),
        selected=selected.selected,
        scores=_spread(selected.scores, kept, stream.observed, elsewhere=stream.segments),
        thresholds=_spread(thresholds, kept, stream.observed),
    )
    labels = [columns[each.label] for each in found]
    thresholds_of = [settings.confidence_threshold] * len(found)
    if stream.strictness is not None:
        thresholds_of = [
            shifted_score(settings.confidence_threshold, float(stream.strictness[label])) for label in labels
        ]
    return StreamParsing(
        trace,
        tuple(Candidate(label, each.start, each.stop) for label, each in zip(labels, found, strict=True)),
        confidence_thresholds=tuple(thresholds_of),
    )


def held(
    present: Bool[np.ndarray, "segment label"], above: Bool[np.ndarray, "segment label"]
) -> Bool[np.ndarray, "segment label"]:
    """Presence with hysteresis: one segment after a present one counts where its score is still above the lower threshold.

    So a hole of one segment is bridged, and an event ends one segment later. Causal: a segment depends on none after it.

    >>> present = np.array([[True], [False], [True], [False], [False]])
    >>> held(present, np.ones_like(present))[:, 0]
    array([ True,  True,  True,  True, False])
    """
    after = np.zeros_like(present)
    after[1:] = present[:-1]
    return np.asarray(present | (after & above))


def _spread(
    values: Float[np.ndarray, "segment kept"],
    kept: Bool[np.ndarray, " label"],
    observed: Bool[np.ndarray, " segment"],
    elsewhere: Float[np.ndarray, "segment label"] | float = np.nan,
) -> Float[np.ndarray, "segment label"]:
    """The kept labels' values in the columns of all labels; ``elsewhere`` for the others, NaN where nothing was observed."""
    spread = np.full((len(values), len(kept)), elsewhere, dtype=np.float64)
    spread[:, kept] = values
    spread[~observed] = np.nan
    return spread


def candidates(
    present: Bool[np.ndarray, "segment label"],
    *,
    minimum_segments: int = 2,
    merge_gap_segments: int = 1,
    merge_first: bool = False,
) -> list[Candidate]:
    """The intervals in which each label may be present (S_k).

    Source: the maximal runs of the paper; the defaults are the released rules (behaviour 23): runs of one segment are dropped, then holes of
    one segment between the others are filled. Labels come in the order of their first present segment, dropped ones
    included, ties in label order (behaviour 25); intervals of a label in the order of time.

    Args:
        minimum_segments: shorter intervals are dropped.
        merge_gap_segments: holes up to this length are filled.
        merge_first: fill holes before dropping what is short, so that a short run can bridge.

    >>> present = np.array([[True], [True], [False], [True], [True], [False], [True]])
    >>> candidates(present)
    [Candidate(label=0, start=0, stop=5)]
    >>> candidates(present, merge_first=True)
    [Candidate(label=0, start=0, stop=7)]
    """
    # argmax is the first present segment; the sort is stable, so ties stay in label order.
    order = np.argsort(np.argmax(present, axis=0), kind="stable")
    found = []
    for label in order[np.asarray(present.any(axis=0))[order]]:
        intervals = runs(present[:, label])
        if merge_first:
            intervals = _at_least(_merged(intervals, merge_gap_segments), minimum_segments)
        else:
            intervals = _merged(_at_least(intervals, minimum_segments), merge_gap_segments)
        found += [Candidate(int(label), start, stop) for start, stop in intervals]
    return found


def _at_least(intervals: list[tuple[int, int]], minimum: int) -> list[tuple[int, int]]:
    return [(start, stop) for start, stop in intervals if stop - start >= minimum]


def _merged(intervals: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in intervals:
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


def passing(
    found: Sequence[Candidate],
    scores: Float[np.ndarray, "candidate label"],
    confidence_threshold: float | Sequence[float],
    *,
    rule: ValidationRule = ValidationRule.CONFIDENCE,
    keep_best: bool = False,
) -> list[int]:
    """Which candidates pass validation, each scored by itself: their indexes, in order (Eq. 9).

    Args:
        scores: of every label on each candidate's own interval, P′.
        confidence_threshold: τ_r, one for all or one for each; the candidate's own score must be strictly above (compared in float32, behaviour 27).
        keep_best: when none passes, keep the one with the highest score all the same, the first on ties (behaviour 29); one that
            has no score, as its interval has no audio or frame, is never kept.

    >>> found = [Candidate(0, 0, 2), Candidate(1, 4, 6)]
    >>> passing(found, np.array([[0.8, 0.1], [0.9, 0.5]], dtype=np.float32), 0.75)
    [0]
    """
    if not found:
        return []
    labels = np.array([candidate.label for candidate in found])
    own = scores[np.arange(len(found)), labels]
    is_scored = np.isfinite(own)
    if rule is ValidationRule.ARGMAX:
        passes = (scores.argmax(axis=1) == labels) & is_scored
    else:
        passes = own > np.asarray(confidence_threshold, dtype=np.float32)
    if keep_best and not passes.any() and is_scored.any():
        passes[int(np.argmax(np.where(is_scored, own, -np.inf)))] = True
    return [int(index) for index in np.flatnonzero(passes)]


def late_fused(visual: Iterable[Candidate], audio: Iterable[Candidate], segments: int) -> list[Candidate]:
    """What is both seen and heard: the segments that the same label has in both (Table 6; behaviour 31).

    Sorted by label, then time; intervals of one segment are allowed.

    >>> late_fused([Candidate(2, 0, 5)], [Candidate(2, 4, 9)], segments=10)
    [Candidate(label=2, start=4, stop=5)]
    """
    seen, heard = _painted(visual, segments), _painted(audio, segments)
    return [
        Candidate(label, start, stop)
        for label in sorted(seen.keys() & heard.keys())
        for start, stop in runs(seen[label] & heard[label])
    ]


def _painted(found: Iterable[Candidate], segments: int) -> dict[int, Bool[np.ndarray, " segment"]]:
    masks: dict[int, np.ndarray] = {}
    for candidate in found:
        mask = masks.setdefault(candidate.label, np.zeros(segments, dtype=bool))
        mask[candidate.start : candidate.stop] = True
    return masks


def interval_scores(
    source: PartScores | ScoredClip, streams: Sequence[StreamParsing], settings: Settings
) -> list[OwnScores]:
    """P′ of each stream's candidates (Eq. 9), −∞ for labels that were not selected; no rows where nothing is validated.

    Raises:
        MissingIntervals: some intervals have to be embedded first.
    """
    checked = [stream.candidates if _is_checked(stream, settings) else () for stream in streams]
    if isinstance(source, ScoredClip):
        return [
            _stacked([_mean_scores(stream.trace, each) for each in found], stream.trace)
            for stream, found in zip(streams, checked, strict=True)
        ]
    needed: dict[tuple[int, int], set[Modality]] = {}
    for stream, found in zip(streams, checked, strict=True):
        for each in found:
            needed.setdefault((each.start, each.stop), set()).add(stream.trace.modality)
    # Each interval once, with the streams that need it.
    wanted = [
        Interval(*ends, seen=of != {Modality.AUDIO}, heard=of != {Modality.VISUAL}, part=source.number)
        for ends, of in sorted(needed.items(), key=lambda item: item[0])
    ]
    near = source.intervals(wanted, settings)
    return [
        _stacked([_scores(stream.trace, near[each.start, each.stop], settings) for each in found], stream.trace)
        for stream, found in zip(streams, checked, strict=True)
    ]


def validated(stream: StreamParsing, own_scores: OwnScores, settings: Settings) -> StreamParsing:
    """The candidates of one stream that pass validation (Eq. 9); all of them, with their mean scores, where nothing is validated."""
    candidates = stream.candidates
    if not _is_checked(stream, settings):
        means = [float(np.nanmean(stream.trace.scores[each.start : each.stop, each.label])) for each in candidates]
        return replace(stream, found=candidates, confidences=tuple(means))
    passed = passing(
        candidates,
        own_scores,
        stream.confidence_thresholds,
        rule=settings.validation_rule,
        keep_best=settings.keep_best,
    )
    own = [float(own_scores[index, each.label]) for index, each in enumerate(candidates)]
    failed = [index for index in range(len(candidates)) if index not in set(passed)]
    strongest = settings.validation_rule is ValidationRule.ARGMAX
    return replace(
        stream,
        found=tuple(candidates[index] for index in passed),
        confidences=tuple(own[index] for index in passed),
        rejected=tuple((candidates[index], own[index]) for index in failed),
        required=tuple(
            float(own_scores[index].max()) if strongest else stream.confidence_thresholds[index] for index in failed
        ),
    )


def answer(source: PartScores | ScoredClip, found: Sequence[StreamParsing], settings: Settings) -> Parsing:
    """The streams together: the third made of two by late fusion, and none that contradicts another where the settings say so."""
    streams = {stream.trace.modality: stream for stream in found}
    if settings.fusion is Fusion.LATE:
        streams[Modality.AUDIO_VISUAL] = _late(streams[Modality.VISUAL], streams[Modality.AUDIO])
    if settings.consistent:
        streams = _consistent(streams)
    return Parsing(streams, 0 if isinstance(source, ScoredClip) else source.first_segment)


def _is_checked(stream: StreamParsing, settings: Settings) -> bool:
    single = len(stream.candidates) == 1 and not settings.validate_single
    return settings.validate and not single and len(stream.candidates) > 0


def _stacked(scores: Sequence[Float[np.ndarray, " label"]], trace: Trace) -> OwnScores:
    return np.stack(scores) if scores else np.empty((0, trace.selected.shape[1]))


def _scores(trace: Trace, near: Similarities, settings: Settings) -> Float[np.ndarray, " label"]:
    """Scores of an interval by its embeddings; where there is nothing to score, the mean of its segments' scores."""
    kept = trace.kept
    if not near.observed(trace.modality).all():
        return _mean_scores(trace, None)
    scores = np.full(len(kept), -np.inf, dtype=np.float32)
    if settings.renormalise_survivors:
        scores[kept] = similarity_scores(near.of(kept), trace.modality, settings.audio_weight)[0]
    else:
        scores[kept] = similarity_scores(near, trace.modality, settings.audio_weight)[0, kept]
    return scores


def _mean_scores(trace: Trace, found: Candidate | None) -> Float[np.ndarray, " label"]:
    """Each selected label's mean score over an interval, over the segments that have a score."""
    scores = np.full(trace.selected.shape[1], -np.inf)
    within = trace.scores[:0] if found is None else trace.scores[found.start : found.stop]
    scored = within[~np.isnan(within[:, trace.kept]).any(axis=1)] if trace.kept.any() else within[:0]
    if len(scored):
        scores[trace.kept] = scored[:, trace.kept].mean(axis=0)
    return scores


def _late(visual: StreamParsing, audio: StreamParsing) -> StreamParsing:
    found = tuple(late_fused(visual.found, audio.found, len(visual.trace.scores)))
    empty = np.full_like(visual.trace.scores, np.nan)
    trace = Trace(
        modality=Modality.AUDIO_VISUAL,
        window_scores=np.full_like(visual.trace.window_scores, np.nan),
        selected=visual.trace.selected & audio.trace.selected,
        scores=empty,
        thresholds=empty,
    )
    # Both must pass, so the weaker answer is the confidence.
    confidences = tuple(min(_confidence_at(visual, each), _confidence_at(audio, each)) for each in found)
    return StreamParsing(trace, found, found, confidences)


def _confidence_at(stream: StreamParsing, found: Candidate) -> float:
    """The highest confidence of the stream's events that overlap an interval; −∞ when there is none."""
    overlapping = (
        confidence
        for other, confidence in zip(stream.found, stream.confidences, strict=True)
        if other.label == found.label and other.start < found.stop and found.start < other.stop
    )
    return max(overlapping, default=-np.inf)


def _consistent(streams: Mapping[Modality, StreamParsing]) -> dict[Modality, StreamParsing]:
    """Streams of which none contradicts another: both is where heard and seen are, and nowhere else.

    What both has alone is added to heard and seen, what heard and seen have together to both. An event that grew has the
    highest confidence of the events that it is made of.
    """
    heard, seen, both = (_mask(streams[each]) for each in (Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL))
    both = both | (heard & seen)
    masks = {Modality.AUDIO: heard | both, Modality.VISUAL: seen | both, Modality.AUDIO_VISUAL: both}
    return {modality: _grown(streams[modality], mask, streams) for modality, mask in masks.items()}


def _grown(
    stream: StreamParsing, mask: Bool[np.ndarray, "segment label"], streams: Mapping[Modality, StreamParsing]
) -> StreamParsing:
    """The stream with events where the mask says; those that it had unchanged keep their confidence and their order."""
    own = _mask(stream)
    if (mask == own).all():
        return stream
    confidences = dict(zip(stream.found, stream.confidences, strict=True))
    events = [
        Candidate(label, *ends) for label in np.flatnonzero(mask.any(axis=0)).tolist() for ends in runs(mask[:, label])
    ]
    for event in events:
        if event not in confidences:
            confidence = _confidence_at(stream, event)
            confidences[event] = _from_others(stream, event, streams) if confidence == -np.inf else confidence
    kept = [event for event in stream.found if event in events]
    found = (*kept, *(event for event in events if event not in kept))
    added = tuple(
        Candidate(label, *ends)
        for label in np.flatnonzero(mask.any(axis=0)).tolist()
        for ends in runs(mask[:, label] & ~own[:, label])
    )
    return replace(
        stream,
        trace=replace(stream.trace, derived=added),
        found=found,
        confidences=tuple(confidences[event] for event in found),
    )


def _from_others(stream: StreamParsing, event: Candidate, streams: Mapping[Modality, StreamParsing]) -> float:
    """The confidence of an event that its stream does not have by itself."""
    if stream.trace.modality is not Modality.AUDIO_VISUAL:
        return _confidence_at(streams[Modality.AUDIO_VISUAL], event)
    return min(_confidence_at(streams[modality], event) for modality in (Modality.AUDIO, Modality.VISUAL))


def _mask(stream: StreamParsing) -> Bool[np.ndarray, "segment label"]:
    mask = np.zeros(stream.trace.selected.shape, dtype=bool)
    for event in stream.found:
        mask[event.start : event.stop, event.label] = True
    return mask
