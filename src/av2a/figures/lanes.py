"""The time line of the report: one row a name, its lanes as SVG that stretches with the page."""

from collections.abc import Iterable, Sequence

from av2a.figures.axis import clock, span, ticks_seconds
from av2a.figures.markup import name, text
from av2a.figures.rows import Lane, Row
from av2a.types import Event

_TICKS = 9


def axis(duration_seconds: float) -> str:
    """The ruler's times; every second one steps back when the page is narrow."""
    marks = [
        f'<text x="{_percent(seconds, duration_seconds)}" y="1em" text-anchor="{_anchor(seconds, duration_seconds)}"'
        f"{' class=odd' if index % 2 else ''}>{clock(seconds)}</text>"
        for index, seconds in enumerate(ticks_seconds(duration_seconds, _TICKS))
    ]
    return f'<svg class="axis" aria-hidden="true">{"".join(marks)}</svg>'


def grid_lines(duration_seconds: float) -> str:
    """Thin lines at the ruler's times, behind all rows."""
    places = [_percent(seconds, duration_seconds) for seconds in ticks_seconds(duration_seconds, _TICKS)]
    lines = "".join(f'<line x1="{place}" x2="{place}" y1="0" y2="100%"/>' for place in places)
    return f'<svg class="grid" aria-hidden="true">{lines}</svg>'


def timeline_rows(rows: Iterable[Row], duration_seconds: float) -> str:
    """The rows, each a name beside its three lanes."""
    return "\n".join(_row(row, duration_seconds) for row in rows)


def _row(row: Row, duration_seconds: float) -> str:
    lanes = "".join(_lane(row.label, lane, duration_seconds) for lane in row.lanes)
    return f'<div class="row"><h3 class="name">{name(row.label)}</h3><div class="lanes">{lanes}</div></div>'


def _lane(label: str, lane: Lane, duration_seconds: float) -> str:
    kind = lane.modality.value
    bars = _bars(lane.found, duration_seconds, f"bar {kind}")
    spoken = f"{label[:80]}, {lane.modality.word}: {_spoken(lane.found)}"
    drawn = f'<svg class="lane" role="img" aria-label="{text(spoken)}">{bars}</svg>'
    if lane.true:
        outline = _bars(lane.true, duration_seconds, "bar truth")
        drawn += f'<svg class="lane truth" role="img" aria-label="truth: {_spoken(lane.true)}">{outline}</svg>'
    return f'<span class="word">{lane.modality.word}</span><div class="track" data-seek>{drawn}</div>'


def _bars(events: Sequence[Event], duration_seconds: float, kind: str) -> str:
    return "".join(
        f'<rect class="{kind}" x="{_percent(event.start_seconds, duration_seconds)}" '
        f'width="{_percent(event.stop_seconds - event.start_seconds, duration_seconds)}" y="1" height="100%" rx="2">'
        f"<title>{_hint(event)}</title></rect>"
        for event in events
    )


def _hint(event: Event) -> str:
    return f"{event.modality.word} {span(event.start_seconds, event.stop_seconds)}, confidence {event.confidence:.3f}"


def _spoken(events: Sequence[Event]) -> str:
    """What a screen reader says; the table has the rest of a long list."""
    if not events:
        return "nothing"
    listed = ", ".join(f"{clock(event.start_seconds)} to {clock(event.stop_seconds)}" for event in events[:5])
    return listed + (f" and {len(events) - 5} more" if len(events) > 5 else "")


def _percent(seconds: float, duration_seconds: float) -> str:
    return f"{100 * seconds / duration_seconds:.4f}".rstrip("0").rstrip(".") + "%"


def _anchor(seconds: float, duration_seconds: float) -> str:
    share = seconds / duration_seconds
    return "start" if share < 0.02 else "end" if share > 0.97 else "middle"
