"""From parsed stretches to the answer: events in seconds, the traces of each stream, and what came closest when there is none."""

from collections.abc import Iterator, Sequence

import numpy as np

from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Candidate, ClosestMiss, Event, Modality, Parsing, StreamParsing, Trace

ORDER = (Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL)
"""Heard, seen, both: the order wherever streams are listed."""


def events(parsings: Sequence[Parsing], labels: Sequence[str], grid: Grid) -> tuple[Event, ...]:
    """All that was found, by start, then stop, then the labels' order, then heard, seen, both."""
    rows = [
        (*_seconds(each, parsing, grid), each.category, place, confidence)
        for parsing in parsings
        for place, modality in enumerate(ORDER)
        for each, confidence in _found(parsing.streams[modality])
    ]
    return tuple(
        Event(labels[category], ORDER[place], start, stop, confidence)
        for start, stop, category, place, confidence in sorted(rows)
    )


def traces(parsings: Sequence[Parsing]) -> tuple[Trace, ...]:
    """The stretches' traces one after the other, for each stream."""
    return tuple(_joined(modality, parsings) for modality in ORDER)


def closest(parsings: Sequence[Parsing], labels: Sequence[str], grid: Grid, settings: Settings) -> ClosestMiss | None:
    """The nearest thing to an event: a candidate that did not hold, else a segment, else a window; None if nothing was scored."""
    for kind in (_rejected, _segments, _windows):
        misses = [
            miss
            for parsing in parsings
            for modality in ORDER
            for miss in kind(parsing, modality, labels, grid, settings)
        ]
        if misses:
            return max(misses, key=lambda miss: miss.score - miss.threshold)
    return None


def _found(stream: StreamParsing) -> Iterator[tuple[Candidate, float]]:
    return zip(stream.found, stream.confidences, strict=True)


def _seconds(each: Candidate, parsing: Parsing, grid: Grid) -> tuple[float, float]:
    return grid.seconds(parsing.first_segment + each.start, parsing.first_segment + each.stop)


def _joined(modality: Modality, parsings: Sequence[Parsing]) -> Trace:
    parts = [parsing.streams[modality].trace for parsing in parsings]
    rejected = [
        (Candidate(each.category, first + each.start, first + each.stop), score)
        for parsing in parsings
        for first in (parsing.first_segment,)
        for each, score in parsing.streams[modality].rejected
    ]
    return Trace(
        modality=modality,
        window_scores=np.concatenate([part.window_scores for part in parts]),
        selected=np.concatenate([part.selected for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        thresholds=np.concatenate([part.thresholds for part in parts]),
        rejected=tuple(rejected),
    )


def _rejected(
    parsing: Parsing, modality: Modality, labels: Sequence[str], grid: Grid, settings: Settings
) -> Iterator[ClosestMiss]:
    for each, score in parsing.streams[modality].rejected:
        if np.isfinite(score):
            start, stop = _seconds(each, parsing, grid)
            yield ClosestMiss(
                labels[each.category],
                modality,
                start,
                stop,
                score,
                settings.confidence_threshold,
                "not confirmed when the interval was scored by itself",
            )


def _segments(
    parsing: Parsing, modality: Modality, labels: Sequence[str], grid: Grid, settings: Settings
) -> Iterator[ClosestMiss]:
    trace = parsing.streams[modality].trace
    margin = np.where(trace.selected, trace.scores - trace.thresholds, np.nan)
    if np.isfinite(margin).any():
        segment, category = divmod(int(np.nanargmax(margin)), margin.shape[1])
        first = parsing.first_segment + segment
        yield ClosestMiss(
            labels[category],
            modality,
            *grid.seconds(first, first + 1),
            float(trace.scores[segment, category]),
            float(trace.thresholds[segment, category]),
            "too short" if margin[segment, category] > 0 else "below its threshold",
        )


def _windows(
    parsing: Parsing, modality: Modality, labels: Sequence[str], grid: Grid, settings: Settings
) -> Iterator[ClosestMiss]:
    trace = parsing.streams[modality].trace
    if np.isfinite(trace.window_scores).any():
        window, category = divmod(int(np.nanargmax(trace.window_scores)), trace.window_scores.shape[1])
        each = max(1, round(settings.window_seconds / settings.segment_seconds))
        first = parsing.first_segment + window * each
        last = min(first + each, parsing.first_segment + len(trace.scores))
        yield ClosestMiss(
            labels[category],
            modality,
            *grid.seconds(first, last),
            float(trace.window_scores[window, category]),
            settings.category_threshold,
            "not selected over its window",
        )
