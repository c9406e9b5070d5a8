"""The report's time line: one row a label, its lanes as SVG that stretches with the page."""

from collections.abc import Iterable, Sequence

from av2a.figures.axis import clock, span, ticks_seconds
from av2a.figures.markup import label_link, text
from av2a.figures.rows import LEVELS, LabelRow, Lane, shades
from av2a.timeline import Grid
from av2a.types import Event

_TICKS = 9


def ruler(duration_seconds: float) -> str:
    """The times above the lanes."""
    marks = [
        f'<text x="{percent(seconds, duration_seconds)}" y="1.1em" text-anchor="{_anchor(seconds, duration_seconds)}">'
        f"{clock(seconds)}</text>"
        for seconds in ticks_seconds(duration_seconds, _TICKS)
    ]
    return f'<svg class="ruler" aria-hidden="true">{"".join(marks)}</svg>'


def grid_lines(duration_seconds: float) -> str:
    """Thin lines at the ruler's times, behind all rows."""
    places = [percent(seconds, duration_seconds) for seconds in ticks_seconds(duration_seconds, _TICKS)]
    lines = "".join(f'<line x1="{place}" x2="{place}" y1="0" y2="100%"/>' for place in places)
    return f'<svg class="grid" aria-hidden="true">{lines}</svg>'


def timeline_rows(rows: Iterable[LabelRow], grid: Grid) -> str:
    """The rows, each a label beside its three lanes."""
    return "\n".join(_row(row, grid) for row in rows)


def percent(seconds: float, duration_seconds: float) -> str:
    """A time or a length as a share of the clip.

    >>> percent(2.5, 10.0)
    '25%'
    """
    return f"{100 * seconds / duration_seconds:.4f}".rstrip("0").rstrip(".") + "%"


def _row(row: LabelRow, grid: Grid) -> str:
    lanes = "".join(_lane(row.label, lane, grid) for lane in row.lanes)
    return f'<div class="row" data-label="{row.index}"><h3 class="name">{label_link(row.label, row.index)}</h3>{lanes}</div>'


def _lane(label: str, lane: Lane, grid: Grid) -> str:
    kind, word = lane.modality.value, lane.modality.word
    spoken = text(f"{label[:80]}, {word}: {_spoken(lane.found)}")
    drawn = (
        f'<svg class="lane" role="img" aria-label="{spoken}"><g>{_found(lane, grid)}</g>{_rejected(lane, grid)}</svg>'
    )
    if lane.true:
        outline = "".join(_bar(each, grid, "truth", _hint(each, "truth")) for each in lane.true)
        drawn += f'<svg class="lane truth" role="img" aria-label="truth: {_spoken(lane.true)}">{outline}</svg>'
    return (
        f'<span class="word" data-stream="{kind}">{word}</span>'
        f'<div class="track" data-stream="{kind}" data-seek>{drawn}</div>'
    )


def _found(lane: Lane, grid: Grid) -> str:
    kind, word = lane.modality.value, lane.modality.word
    shaded = shades(lane.found, grid.duration_seconds, grid.segment_seconds)
    if not shaded:
        derived = (
            f'<rect class="bar derived {kind}" rx="2" {_extent(start, stop, grid)}>'
            f"<title>{word} {span(start, stop)}, from {lane.derived_from}</title></rect>"
            for start, stop in lane.derived
        )
        return "".join((*(_bar(event, grid, kind, _hint(event, word)) for event in lane.found), *derived))
    return "".join(
        f'<rect class="bar shade {kind}" opacity="{each.opacity:g}" {_extent(each.start_seconds, each.stop_seconds, grid)}>'
        f"<title>{word} in up to {100 * each.level // LEVELS} % of {span(each.start_seconds, each.stop_seconds)}</title></rect>"
        for each in shaded
    )


def _bar(event: Event, grid: Grid, kind: str, hint: str) -> str:
    extent = _extent(event.start_seconds, event.stop_seconds, grid)
    return f'<rect class="bar {kind}" rx="2" {extent}><title>{hint}</title></rect>'


def _rejected(lane: Lane, grid: Grid) -> str:
    return "".join(
        f'<rect class="bar rejected" rx="2" {_extent(each.start_seconds, each.stop_seconds, grid)}><title>rejected '
        f"{span(each.start_seconds, each.stop_seconds)}, score {each.score:.3f}</title></rect>"
        for each in lane.rejected
    )


def _extent(start_seconds: float, stop_seconds: float, grid: Grid) -> str:
    duration = grid.duration_seconds
    return (
        f'x="{percent(start_seconds, duration)}" width="{percent(stop_seconds - start_seconds, duration)}" '
        'y="1" height="100%"'
    )


def _hint(event: Event, word: str) -> str:
    return f"{word} {span(event.start_seconds, event.stop_seconds)}, confidence {event.confidence:.3f}"


def _spoken(events: Sequence[Event]) -> str:
    """What a screen reader says; the table has the rest of a long list."""
    if not events:
        return "nothing"
    listed = ", ".join(f"{clock(event.start_seconds)} to {clock(event.stop_seconds)}" for event in events[:5])
    return listed + (f" and {len(events) - 5} more" if len(events) > 5 else "")


def _anchor(seconds: float, duration_seconds: float) -> str:
    share = seconds / duration_seconds
    return "start" if share < 0.02 else "end" if share > 0.97 else "middle"
