"""Scores drawn against their moving thresholds, for each name and stream."""

from math import ceil, log

import numpy as np
from jaxtyping import Float, Int

from av2a.figures.markup import name
from av2a.figures.rows import Row
from av2a.settings import Fusion
from av2a.types import Detection, Event, Modality, Trace

MOST_POINTS = 300
"""A longer line is drawn from the segment of each stretch that came nearest to its threshold, or farthest above."""

_WIDTH, _HEIGHT = 1000.0, 100.0
_LOWEST, _HIGHEST = 0.05, 0.999
_MARKS = (0.1, 0.5, 0.9, 0.99)


def chart_rows(detection: Detection, rows: list[Row]) -> str:
    """A heading and three charts for each row."""
    return "\n".join(_chart_row(detection, row) for row in rows)


def height_of(score: float) -> float:
    """How far down a score stands in a chart, in [0, 100].

    Scores are σ(z), z counted in standard deviations, so equal steps of z are equal heights here: that is where the
    thresholds, high up, can be told from one another.

    >>> height_of(0.999), height_of(0.05), height_of(0.0)
    (0.0, 100.0, 100.0)
    """
    share = (_logit(score) - _logit(_LOWEST)) / (_logit(_HIGHEST) - _logit(_LOWEST))
    return round(_HEIGHT * (1 - min(1.0, max(0.0, share))), 1)


def nearest_segments(
    scores: Float[np.ndarray, " segment"], thresholds: Float[np.ndarray, " segment"], most: int
) -> tuple[Int[np.ndarray, " point"], int]:
    """Which segment stands for each stretch of segments, and how many segments a stretch has.

    >>> chosen, stretch = nearest_segments(np.array([0.1, 0.9, 0.2, 0.3]), np.full(4, 0.5), most=2)
    >>> chosen.tolist(), stretch
    ([1, 3], 2)
    """
    stretch = ceil(len(scores) / most)
    margin = np.where(np.isfinite(scores), scores - np.where(np.isfinite(thresholds), thresholds, 1.0), -np.inf)
    starts = range(0, len(scores), stretch)
    return np.array([start + int(np.argmax(margin[start : start + stretch])) for start in starts]), stretch


def _logit(score: float) -> float:
    clipped = min(_HIGHEST, max(_LOWEST, score))
    return log(clipped / (1 - clipped))


def _chart_row(detection: Detection, row: Row) -> str:
    column = detection.labels.index(row.label)
    traces = {trace.modality: trace for trace in detection.traces}
    charts = "".join(
        _figure(detection, lane.modality, traces.get(lane.modality), column, lane.found) for lane in row.lanes
    )
    return f'<section class="scores"><h3>{name(row.label)}</h3><div class="charts">{charts}</div></section>'


def _figure(
    detection: Detection, modality: Modality, trace: Trace | None, column: int, events: tuple[Event, ...]
) -> str:
    caption = f'<figcaption><i class="swatch {modality.value}"></i>{modality.word}</figcaption>'
    reason = _reason_for_none(detection, trace, column)
    if trace is None or reason:
        return f'<figure class="chart none">{caption}<p>{reason}</p></figure>'
    drawing = _drawing(detection, trace, column, events)
    return f'<figure class="chart">{caption}<div class="plot" data-seek>{drawing}</div></figure>'


def _reason_for_none(detection: Detection, trace: Trace | None, column: int) -> str:
    """Why there is no line to draw; empty where there is one."""
    if trace is None:
        return "Scores were not kept."
    if np.isfinite(trace.scores[:, column]).any():
        return ""
    if trace.modality is Modality.AUDIO_VISUAL and detection.settings.fusion is Fusion.LATE:
        return "What is both heard and seen at once: with late fusion it has no score of its own."
    windows = trace.window_scores[:, column]
    best = float(np.nanmax(windows, initial=-np.inf, where=np.isfinite(windows)))
    if trace.selected[:, column].any() or not np.isfinite(best):
        return "There was nothing to score."
    limit = detection.settings.category_threshold
    return f"Not looked for: its best score over a window, {best:.3f}, is not above {limit:.3f}."


def _drawing(detection: Detection, trace: Trace, column: int, events: tuple[Event, ...]) -> str:
    duration = detection.grid.duration_seconds
    scores, thresholds = trace.scores[:, column], trace.thresholds[:, column]
    chosen, stretch = nearest_segments(scores, thresholds, MOST_POINTS)
    edges = detection.grid.edges_seconds
    # The stretches' borders; the last one ends with the clip, however long it is.
    borders = np.append(edges[:-1][::stretch], edges[-1]) / duration * _WIDTH
    bands = "".join(
        f'<rect class="band {event.modality.value}" x="{event.start_seconds / duration * _WIDTH:.1f}" y="0" '
        f'width="{(event.stop_seconds - event.start_seconds) / duration * _WIDTH:.1f}" height="100"/>'
        for event in events
    )
    marks = "".join(f'<path class="mark" d="M0 {height_of(mark)}H1000"/>' for mark in _MARKS)
    spoken = f"scores from {np.nanmin(scores):.3f} to {np.nanmax(scores):.3f}"
    return (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{spoken}">{bands}{marks}'
        f'<path class="threshold" d="{_steps(thresholds[chosen], borders)}"/>'
        f'<path class="score" d="{_steps(scores[chosen], borders)}"/>'
        '<path class="cursor" d="M0 0V100"/></svg>' + "".join(_mark_text(mark) for mark in _MARKS)
    )


def _mark_text(mark: float) -> str:
    # A nested SVG of full size: percentages keep the letters unstretched.
    return (
        f'<svg class="marktext" aria-hidden="true"><text x="-4" y="{height_of(mark)}%" dy=".32em">{mark}</text></svg>'
    )


def _steps(values: Float[np.ndarray, " point"], borders: Float[np.ndarray, " border"]) -> str:
    """A step line as an SVG path, broken where there is no value."""
    path: list[str] = []
    drawing = False
    for value, start, stop in zip(values, borders[:-1], borders[1:], strict=True):
        if not np.isfinite(value):
            drawing = False
            continue
        height = height_of(float(value))
        path.append(f"V{height:g}H{stop:.1f}" if drawing else f"M{start:.1f} {height:g}H{stop:.1f}")
        drawing = True
    return "".join(path)
