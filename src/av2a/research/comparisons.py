"""Measures the variants of the method that the paper's tables compare: static thresholds, Table 5's ablations, Table 6's two fusions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from av2a.metrics.parsing import ParsingMetrics
from av2a.research.evaluate import score
from av2a.research.published import (
    FULL,
    LATE_FUSION,
    PUBLISHED,
    SCORE_FUSION,
    WITHOUT_COSINE,
    WITHOUT_DYNAMIC,
    WITHOUT_REFINEMENT,
    WITHOUT_SELECTION,
)
from av2a.research.replay import Replay
from av2a.research.sheets import Line, Part, Run, runs_of
from av2a.settings import Fusion, Settings, ThresholdRule

Changes = Mapping[str, Any]
"""Changes to settings, see :meth:`av2a.settings.Settings.replace`."""

STATIC: Changes = {"threshold_rule": ThresholdRule.STATIC, "select_categories": False, "validate": False}
"""The naive baseline: "a single static threshold is applied to predict categories across segments" (section 4.2)."""

ABLATIONS: Mapping[str, Changes] = {
    FULL: {},
    WITHOUT_COSINE: {"threshold_rule": ThresholdRule.RATIO},
    WITHOUT_DYNAMIC: {"threshold_rule": ThresholdRule.STATIC},
    WITHOUT_REFINEMENT: {"validate": False},
    WITHOUT_SELECTION: {"select_categories": False},
}
"""Table 5: each line leaves out one stage."""

FUSIONS: Mapping[str, Changes] = {LATE_FUSION: {"fusion": Fusion.LATE}, SCORE_FUSION: {"fusion": Fusion.SCORE}}
"""Table 6: what is both heard and seen after all decisions, or scores added before any."""

TRUE_AUDIO, AS_RELEASED = "true audio", "audio := visual, as released"
"""The two readings of a training-free method's audio columns (behaviour 36)."""

TYPE = ("segment_type", "event_type")
"""Type@AV: the number by which the paper's text compares."""


def ablated(replay: Replay, method: str, settings: Sequence[Settings]) -> Part:
    """Table 5 on these clips; with several settings each number is the mean over them."""
    lines = _measured_lines(replay, method, settings, ABLATIONS)
    return Part(5, tuple(lines), tuple(_directions(lines, method)))


def compared(replay: Replay, method: str, settings: Sequence[Settings]) -> Part:
    """Table 6 on these clips; with several settings each number is the mean over them."""
    lines = tuple(map(audio_visual_only, _measured_lines(replay, method, settings, FUSIONS)))
    columns = PUBLISHED[6].columns
    here = signed([gain(lines, method, LATE_FUSION, SCORE_FUSION, column) or 0.0 for column in columns])
    paper = published_gains(6, LATE_FUSION, SCORE_FUSION, columns, ("languagebind", "clip-clap"))
    return Part(6, lines, (f"{method}: score-level above late fusion: {here} here; in the paper, on LLP, {paper}",))


def audio_visual_only(line: Line) -> Line:
    """The columns of Table 6; they have one reading, as audio := visual does not touch them."""
    values = {column: line.runs[0].values[column] for column in PUBLISHED[6].columns}
    return replace(line, runs=(Run("", values),))


def measured_line(replay: Replay, method: str, name: str, settings: Sequence[Settings]) -> Line:
    """One line in the two readings of the audio columns; with several settings each number is the mean over them."""
    numbers: dict[str, list[ParsingMetrics]] = {TRUE_AUDIO: [], AS_RELEASED: []}
    for each in settings:
        scored = score(replay.predictions(each), replay.dataset, segment_seconds=each.segment_seconds)
        assert scored.numbers is not None and scored.numbers_as_released is not None
        numbers[TRUE_AUDIO].append(scored.numbers)
        numbers[AS_RELEASED].append(scored.numbers_as_released)
    return Line(method, name, replay.dataset.name, tuple(runs_of(reading, found) for reading, found in numbers.items()))


def _measured_lines(
    replay: Replay, method: str, settings: Sequence[Settings], variants: Mapping[str, Changes]
) -> list[Line]:
    return [
        measured_line(replay, method, name, [each.replace(**changes) for each in settings])
        for name, changes in variants.items()
    ]


def _directions(lines: Sequence[Line], method: str) -> Iterator[str]:
    for name in ABLATIONS:
        if name != FULL:
            found = [gain(lines, method, FULL, name, column) or 0.0 for column in TYPE]
            paper = signed([_published_gain(5, "languagebind", FULL, name, column) for column in TYPE])
            yield f"{method}, {name}: Type@AV {signed(found)} ({_verdict(found)}); in the paper {paper} (LanguageBind, LLP)"


def _verdict(change: Sequence[float]) -> str:
    if all(round(value, 1) == 0 for value in change):
        return "no effect: the stage neither helps nor harms"
    if all(value <= 0 for value in change):
        return "worse: the stage helps"
    return "better: the stage harms" if all(value >= 0 for value in change) else "mixed"


def gain(lines: Sequence[Line], method: str, before: str, after: str, column: str) -> float | None:
    """One measured line minus another in one column of their first runs; None where one of them was not measured."""
    runs = {line.name: line.runs for line in lines if line.method == method and line.runs}
    if before not in runs or after not in runs:
        return None
    return runs[after][0].values[column].value - runs[before][0].values[column].value


def published_gains(number: int, before: str, after: str, columns: Sequence[str], methods: Sequence[str]) -> str:
    """The differences between two lines of the paper's table, for each method.

    >>> published_gains(4, "static thresholds", "with AV²A", ["accuracy"], ["clip-clap"])
    'clip-clap +30.3'
    """
    gains = {
        method: [_published_gain(number, method, before, after, column) for column in columns] for method in methods
    }
    return ", ".join(f"{method} {signed(values)}" for method, values in gains.items())


def _published_gain(number: int, method: str, before: str, after: str, column: str) -> float:
    first, second = (PUBLISHED[number].row(method, name).figures[column].value for name in (before, after))
    return second - first


def signed(values: Sequence[float]) -> str:
    """Changes by segments, then by events.

    >>> signed([1.26, -0.5])
    '+1.3 / -0.5'
    """
    return " / ".join(f"{value:+.1f}" for value in values)
