"""Table 5: the method with one stage left out at a time. Each line's direction is said as it is found."""

from collections.abc import Iterator, Sequence

from av2a.research.published import FULL
from av2a.research.replay import Replay
from av2a.research.sheets import Line, Part, gain, published_gain, signed
from av2a.research.variants import ABLATIONS, measured_lines
from av2a.settings import Settings

HEADLINE = ("segment_type", "event_type")
"""Type@AV: the number by which the paper's text compares."""


def ablated(replay: Replay, method: str, settings: Sequence[Settings]) -> Part:
    """Table 5 on these clips; with several settings each number is the mean over them."""
    lines = tuple(measured_lines(replay, method, settings, ABLATIONS))
    return Part(5, lines, tuple(_directions(lines, method)))


def _directions(lines: Sequence[Line], method: str) -> Iterator[str]:
    for name in ABLATIONS:
        if name == FULL:
            continue
        found = [gain(lines, method, FULL, name, column) or 0.0 for column in HEADLINE]
        paper = [published_gain(5, "languagebind", FULL, name, column) for column in HEADLINE]
        yield f"{method}, {name}: Type@AV {signed(found)} ({_verdict(found)}); in the paper {signed(paper)} (LanguageBind, LLP)"


def _verdict(change: Sequence[float]) -> str:
    if all(round(value, 1) == 0 for value in change):
        return "no effect: the stage neither helps nor harms"
    if all(value <= 0 for value in change):
        return "worse: the stage helps"
    return "better: the stage harms" if all(value >= 0 for value in change) else "mixed"
