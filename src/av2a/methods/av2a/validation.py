"""Which candidates hold: each scored once more by itself (Eq. 9); and late fusion of what held in two streams."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from av2a.features import Interval
from av2a.methods.av2a.candidates import late_fused, validated
from av2a.methods.av2a.localize import Located
from av2a.methods.av2a.scores import Similarities, stream_scores
from av2a.settings import Fusion, Settings
from av2a.types import Candidate, Modality, StreamParsing, Trace


def wanted_intervals(located: Mapping[Modality, Located], settings: Settings) -> list[Interval]:
    """Each interval that is validated in some stream, once; seen and heard as these streams need it."""
    streams: dict[tuple[int, int], set[Modality]] = {}
    for modality, stream in located.items():
        for found in stream.candidates if _is_validated(stream, settings) else ():
            streams.setdefault((found.start, found.stop), set()).add(modality)
    return [
        Interval(*interval, seen=needed != {Modality.AUDIO}, heard=needed != {Modality.VISUAL})
        for interval, needed in sorted(streams.items(), key=lambda item: item[0])
    ]


def _is_validated(stream: Located, settings: Settings) -> bool:
    single = len(stream.candidates) == 1 and not settings.validate_single
    return settings.validate and not single and len(stream.candidates) > 0


OwnScores = Callable[[Trace, Candidate], Float[np.ndarray, " category"]]
"""The scores of a candidate's own interval, in one stream."""


def answered(
    located: Mapping[Modality, Located], own_scores: OwnScores, settings: Settings
) -> dict[Modality, StreamParsing]:
    """What holds in each stream, and by late fusion in both, where that is asked for."""
    streams = {modality: _validated(stream, own_scores, settings) for modality, stream in located.items()}
    if settings.fusion is Fusion.LATE:
        streams[Modality.AUDIO_VISUAL] = _late(streams[Modality.VISUAL], streams[Modality.AUDIO])
    return streams


def _validated(stream: Located, own_scores: OwnScores, settings: Settings) -> StreamParsing:
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


def interval_scores(trace: Trace, similarity: Similarities, settings: Settings) -> Float[np.ndarray, " category"]:
    """Scores of an interval as the encoders embed it; −∞ for what was not selected, and where there is nothing to score."""
    kept = trace.kept
    scores = np.full(len(kept), -np.inf, dtype=np.float32)
    if not similarity.observed(trace.modality).all():
        return scores
    if settings.renormalise_survivors:
        scores[kept] = stream_scores(similarity.of(kept), trace.modality, settings.audio_weight)[0]
    else:
        scores[kept] = stream_scores(similarity, trace.modality, settings.audio_weight)[0, kept]
    return scores


def mean_scores(trace: Trace, found: Candidate) -> Float[np.ndarray, " category"]:
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
