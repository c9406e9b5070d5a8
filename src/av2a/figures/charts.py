"""Charts of scores and their dynamic thresholds, for each label and modality."""

from math import ceil, log

import numpy as np
from jaxtyping import Float, Int

from av2a.figures.axis import span
from av2a.figures.markup import name
from av2a.figures.rows import LabelRow, Lane, RejectedInterval, found_lengths
from av2a.settings import Fusion, ValidationRule
from av2a.types import Detection, Event, Modality, Trace

MOST_POINTS, FEWEST_POINTS, ALL_POINTS = 300, 60, 200_000
"""Points of one line, and of all lines of a page. Of more segments, the one nearest to its threshold, or farthest above, is drawn."""

_OPEN = 6
_MOST_LISTED = 5
_WIDTH, _HEIGHT = 1000.0, 100.0
_LOWEST, _HIGHEST = 0.05, 0.999
_MARKS = (0.1, 0.5, 0.9, 0.99)


def chart_rows(detection: Detection, rows: list[LabelRow]) -> str:
    """The charts of each row, folded under its label; those of few found labels are open."""
    points = min(MOST_POINTS, max(FEWEST_POINTS, ALL_POINTS // (6 * len(detection.labels))))
    is_short = len(rows) <= _OPEN
    return "\n".join(_chart_row(detection, row, points, is_open=is_short and row.is_found) for row in rows)


def height_of(score: float) -> float:
    """The vertical position of a score in a chart, in [0, 100] from the top.

    Scores are σ(z), z in standard deviations. Equal steps of z are equal heights, so that thresholds near 1 can be told apart.

    >>> height_of(0.999), height_of(0.05), height_of(0.0)
    (0.0, 100.0, 100.0)
    """
    share = (_logit(score) - _logit(_LOWEST)) / (_logit(_HIGHEST) - _logit(_LOWEST))
    return round(_HEIGHT * (1 - min(1.0, max(0.0, share))), 1)


def nearest_segments(
    scores: Float[np.ndarray, " segment"], thresholds: Float[np.ndarray, " segment"], most: int
) -> tuple[Int[np.ndarray, " point"], int]:
    """The segment that is drawn for each group of neighbouring segments, and the size of a group.

    >>> chosen, size = nearest_segments(np.array([0.1, 0.9, 0.2, 0.3]), np.full(4, 0.5), most=2)
    >>> chosen.tolist(), size
    ([1, 3], 2)
    """
    size = ceil(len(scores) / most)
    margin = np.where(np.isfinite(scores), scores - np.where(np.isfinite(thresholds), thresholds, 1.0), -np.inf)
    starts = range(0, len(scores), size)
    return np.array([start + int(np.argmax(margin[start : start + size])) for start in starts]), size


def _logit(score: float) -> float:
    clipped = min(_HIGHEST, max(_LOWEST, score))
    return log(clipped / (1 - clipped))


def _chart_row(detection: Detection, row: LabelRow, points: int, *, is_open: bool) -> str:
    traces = {trace.modality: trace for trace in detection.traces}
    charts = "".join(_figure(detection, row, lane, traces.get(lane.modality), points) for lane in row.lanes)
    lengths = found_lengths(row)
    return (
        f'<details class="scores" id="scores-{row.index}" data-label="{row.index}"{" open" if is_open else ""}>'
        f"<summary>{name(row.label)}{f' <small>{lengths}</small>' if lengths else ''}</summary>"
        f'<div class="charts">{charts}</div></details>'
    )


def _figure(detection: Detection, row: LabelRow, lane: Lane, trace: Trace | None, points: int) -> str:
    kind = lane.modality.value
    caption = f'<figcaption><i class="swatch {kind}"></i>{lane.modality.word}</figcaption>'
    reason = _reason_for_none(detection, trace, row.index)
    if trace is None or reason:
        return f'<figure class="chart" data-stream="{kind}">{caption}<p>{reason}</p></figure>'
    drawing = _drawing(detection, trace, row.index, lane, points)
    return (
        f'<figure class="chart" data-stream="{kind}">{caption}<div class="plot" data-seek>{drawing}'
        f'<i class="cursor js"></i></div>{_derived(lane)}{_rejections(detection, lane)}</figure>'
    )


def _derived(lane: Lane) -> str:
    """The parts of events that the scores of this modality do not explain."""
    listed = [span(*each) for each in lane.derived[:_MOST_LISTED]]
    if len(lane.derived) > _MOST_LISTED:
        listed.append(f"{len(lane.derived) - _MOST_LISTED} more")
    return f"<p>From {lane.derived_from}: {', '.join(listed)}.</p>" if listed else ""


def _rejections(detection: Detection, lane: Lane) -> str:
    """The candidates that failed validation, and why."""
    if not lane.rejected:
        return ""
    listed = [
        f"{span(each.start_seconds, each.stop_seconds)} (score {each.score:.3f})"
        for each in lane.rejected[:_MOST_LISTED]
    ]
    if len(lane.rejected) > _MOST_LISTED:
        listed.append(f"{len(lane.rejected) - _MOST_LISTED} more")
    if detection.settings.validation_rule is ValidationRule.ARGMAX:
        reason = "another label is stronger in the whole interval"
    else:
        reason = f"the whole interval does not score above {detection.settings.confidence_threshold:.3f}"
    return f"<p>Rejected: {', '.join(listed)}; {reason}.</p>"


def _reason_for_none(detection: Detection, trace: Trace | None, column: int) -> str:
    """Why there is no line to draw; empty where there is one."""
    if trace is None:
        return "Scores were not kept."
    if trace.selected[:, column].any() and np.isfinite(trace.scores[:, column]).any():
        return ""
    if trace.modality is Modality.AUDIO_VISUAL and detection.settings.fusion is Fusion.LATE:
        return "Where the label is heard and seen at once: late fusion has no score of its own."
    windows = trace.window_scores[:, column]
    best = float(np.nanmax(windows, initial=-np.inf, where=np.isfinite(windows)))
    if trace.selected[:, column].any() or not np.isfinite(best):
        return "There was nothing to score."
    limit = detection.settings.category_threshold
    return f"Not selected: its best score over a window, {best:.3f}, is not above {limit:.3f}."


def _drawing(detection: Detection, trace: Trace, column: int, lane: Lane, points: int) -> str:
    duration = detection.grid.duration_seconds
    scores, thresholds = trace.scores[:, column], trace.thresholds[:, column]
    chosen, size = nearest_segments(scores, thresholds, points)
    edges = detection.grid.edges_seconds
    # The last border is the clip's end, however long the last segment is.
    borders = np.append(edges[:-1][::size], edges[-1]) / duration * _WIDTH
    bands = "".join(_band(each, duration, f"band {lane.modality.value}") for each in lane.found)
    bands += "".join(_band(each, duration, "band rejected") for each in lane.rejected)
    marks = "".join(f'<path class="mark" d="M0 {height_of(mark)}H1000"/>' for mark in _MARKS)
    spoken = f"scores from {np.nanmin(scores):.3f} to {np.nanmax(scores):.3f}"
    return (
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="{spoken}">{bands}{marks}'
        f'<path class="threshold" d="{_steps(thresholds[chosen], borders)}"/>'
        f'<path class="score" d="{_steps(scores[chosen], borders)}"/></svg>' + "".join(map(_mark_text, _MARKS))
    )


def _band(interval: Event | RejectedInterval, duration: float, kind: str) -> str:
    start = interval.start_seconds / duration * _WIDTH
    width = (interval.stop_seconds - interval.start_seconds) / duration * _WIDTH
    return f'<rect class="{kind}" x="{start:.1f}" y="0" width="{width:.1f}" height="100"/>'


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
