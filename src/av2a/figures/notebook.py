"""The time line of an answer as HTML for notebooks: inline styles only, no script."""

from av2a.figures.axis import clock, span, ticks_seconds
from av2a.figures.lanes import percent
from av2a.figures.looks import LOOKS
from av2a.figures.markup import name, text
from av2a.figures.rows import (
    LabelRow,
    Lane,
    closest_words,
    derived_words,
    found_words,
    lone_both_words,
    not_drawn_words,
    rows,
    sentence,
    shades,
)
from av2a.timeline import Grid
from av2a.types import Detection, Modality

MOST_LABELS = 30
_TICKS = 6
_PATTERNS = {
    Modality.AUDIO: "repeating-linear-gradient(-45deg, {colour} 0 2px, {tint} 2px 5px)",
    Modality.VISUAL: "radial-gradient({colour} 35%, transparent 40%) 0 0 / 5px 5px {tint}",
    Modality.AUDIO_VISUAL: "{colour}",
}


def lanes(detection: Detection) -> str:
    """A ruler, then a row a label with events, each with the lanes that have some; at most :data:`MOST_LABELS` rows."""
    found = rows(detection)
    remarks = (
        closest_words(detection),
        lone_both_words(detection),
        derived_words(found),
        not_drawn_words(len(found) - MOST_LABELS),
    )
    parts = [
        f"<b>{name(detection.clip.name)}</b>, {clock(detection.clip.duration_seconds)}: {found_words(detection)}",
        f'<div style="color: #c44e00"><b>{text(detection.caution)}</b></div>' if detection.caution else "",
        _row("", _lane("", _ruler(detection.grid.duration_seconds))) if found else "",
        *(_row(name(row.label), _lanes(row, detection.grid)) for row in found[:MOST_LABELS]),
        *(f"<div>{text(sentence(remark))}</div>" for remark in remarks if remark),
    ]
    return f'<div style="font: 13px sans-serif; max-width: 60em">{"".join(parts)}</div>'


def _row(label: str, drawn: str) -> str:
    return (
        '<div style="display: flex; margin: 4px 0"><div style="flex: 0 0 12em; overflow-wrap: anywhere; padding-right: 4px; box-sizing: border-box">'
        f'{label}</div><div style="flex: 1">{drawn}</div></div>'
    )


def _lane(word: str, drawn: str) -> str:
    return (
        f'<div style="display: flex; height: 16px; margin-bottom: 1px"><div style="flex: 0 0 4em">{word}</div>'
        f'<div style="flex: 1; position: relative; background: #8882">{drawn}</div></div>'
    )


def _ruler(duration_seconds: float) -> str:
    return "".join(
        f'<div style="position: absolute; left: {percent(each, duration_seconds)}; border-left: 1px solid #888; '
        f'padding-left: 2px; white-space: nowrap">{clock(each)}</div>'
        for each in ticks_seconds(duration_seconds, _TICKS)
        if each < 0.95 * duration_seconds
    )


def _lanes(row: LabelRow, grid: Grid) -> str:
    return "".join(_lane(lane.modality.word, _bars(lane, grid)) for lane in row.lanes if lane.found)


def _bars(lane: Lane, grid: Grid) -> str:
    look, duration = LOOKS[lane.modality], grid.duration_seconds
    pattern = _PATTERNS[lane.modality].format(colour=look.colour, tint=look.tint)
    shaded = shades(lane.found, duration, grid.segment_seconds)
    bars = [(each.start_seconds, each.stop_seconds, each.opacity, "", pattern) for each in shaded]
    if not shaded:
        bars = [
            (each.start_seconds, each.stop_seconds, 1.0, f", confidence {each.confidence:.3f}", pattern)
            for each in lane.found
        ]
        bars += [(start, stop, 1.0, f", from {lane.derived_from}", look.tint) for start, stop in lane.derived]
    return "".join(
        f'<div title="{span(start, stop)}{more}" style="position: absolute; top: 2px; bottom: 2px; '
        f"left: {percent(start, duration)}; width: {percent(stop - start, duration)}; min-width: 2px; "
        f'opacity: {opacity:g}; background: {background}"></div>'
        for start, stop, opacity, more, background in bars
    )
