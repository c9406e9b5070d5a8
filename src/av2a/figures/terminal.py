"""The time line as plain text for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from av2a.figures.axis import clock, ticks_seconds
from av2a.figures.looks import LOOKS
from av2a.figures.rows import LabelRow, closest_words, found_words, lone_both_words, printable, rows
from av2a.types import Detection, Event, Modality

NARROWEST = 40
"""The least width in columns; a narrower terminal gets lines of this length."""

_WORD_COLUMNS = 5
_SHORTEST_BAR = 20
_LONGEST_LABEL = 28


@dataclass(frozen=True)
class _Characters:
    """The characters of a time line, each one column wide."""

    nothing: str
    found: dict[Modality, str]
    true: str
    line: str
    tick: str
    more: str


_UNICODE = _Characters("·", {one: look.ink for one, look in LOOKS.items()}, true="═", line="─", tick="┼", more="…")
_ASCII = _Characters(".", {one: look.ascii_ink for one, look in LOOKS.items()}, true="=", line="-", tick="+", more=".")


def timeline_text(detection: Detection, width: int, *, ascii_only: bool = False, truth: Sequence[Event] = ()) -> str:
    """A ruler, then the lanes heard, seen and both of each label that was found; ``truth`` is a line beneath a lane.

    No line is longer than ``width`` (at least ``NARROWEST``) columns. An event is at least one column wide, however long the video.
    """
    ink = _ASCII if ascii_only else _UNICODE
    columns = max(width, NARROWEST)
    shown = rows(detection, truth)
    if not shown:
        return _nothing(detection, columns, ink)
    labels = {row.label: _drawable(row.label, ink) for row in shown}
    longest = min(max(map(cell_len, labels.values())), _LONGEST_LABEL)
    label_columns = min(longest, columns - _WORD_COLUMNS - 2 - _SHORTEST_BAR)
    scale = _TimeScale(detection.grid.duration_seconds, columns - label_columns - _WORD_COLUMNS - 2)
    margin = " " * (label_columns + _WORD_COLUMNS + 2)
    lines = [margin + line for line in _ruler(scale, ink)]
    for row in shown:
        label = _fitted(labels[row.label], label_columns, ink)
        lines += _row_lines(row, label, scale, ink)
    return "\n".join([*(line.rstrip() for line in lines), *wrap(lone_both_words(detection), columns)])


@dataclass(frozen=True)
class _TimeScale:
    """Seconds to columns."""

    duration_seconds: float
    columns: int

    def column(self, seconds: float) -> int:
        return min(self.columns, max(0, round(seconds / self.duration_seconds * self.columns)))

    def bar(self, events: Sequence[Event], filled: str, empty: str) -> str:
        cells = [empty] * self.columns
        for event in events:
            start = min(self.column(event.start_seconds), self.columns - 1)
            stop = max(start + 1, self.column(event.stop_seconds))
            cells[start:stop] = filled * (stop - start)
        return "".join(cells)


def _ruler(scale: _TimeScale, ink: _Characters) -> list[str]:
    times = ""
    line = [ink.line] * scale.columns
    for seconds in ticks_seconds(scale.duration_seconds, most=max(2, scale.columns // 10)):
        column = min(scale.column(seconds), scale.columns - 1)
        line[column] = ink.tick
        text = clock(seconds)
        # The last time ends at its tick where there is no room to the right.
        start = min(column, scale.columns - len(text))
        if not times or start > len(times):
            times = times.ljust(start) + text
    return [times, "".join(line)]


def _row_lines(row: LabelRow, label: str, scale: _TimeScale, ink: _Characters) -> list[str]:
    lines: list[str] = []
    for lane in row.lanes:
        lines.append(_line(lane.modality.word, scale.bar(lane.found, ink.found[lane.modality], ink.nothing)))
        if lane.true:
            lines.append(_line("truth", scale.bar(lane.true, ink.true, " ")))
    blank = " " * cell_len(label)
    return [f"{label if index == 0 else blank} {line}" for index, line in enumerate(lines)]


def _line(word: str, bar: str) -> str:
    return f"{word:<{_WORD_COLUMNS}} {bar}"


def _nothing(detection: Detection, columns: int, ink: _Characters) -> str:
    words = [found_words(detection), closest_words(detection)]
    text = "; ".join(part for part in words if part)
    return _ascii(text) if ink is _ASCII else text


def _drawable(label: str, ink: _Characters) -> str:
    return _ascii(printable(label)) if ink is _ASCII else printable(label)


def _ascii(text: str) -> str:
    return text.replace("–", "-").encode("ascii", "replace").decode("ascii")


def _fitted(label: str, columns: int, ink: _Characters) -> str:
    if cell_len(label) <= columns:
        return set_cell_size(label, columns)
    # Cutting a wide character may leave its first half as a space; the ellipsis still ends the label.
    return set_cell_size(label, columns - 1) + ink.more
