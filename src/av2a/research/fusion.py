"""Table 6: sound and picture fused as scores, before any decision, or late, as what is both heard and seen after all decisions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from av2a.research.published import LATE_FUSION, PUBLISHED, SCORE_FUSION
from av2a.research.replay import Replay
from av2a.research.sheets import Line, Part, Run, gain, published_gain, signed
from av2a.research.variants import FUSIONS, measured_lines
from av2a.settings import Settings

COLUMNS = PUBLISHED[6].columns


def compared(replay: Replay, method: str, settings: Sequence[Settings]) -> Part:
    """Table 6 on these clips; with several settings each number is the mean over them."""
    lines = tuple(map(audio_visual_only, measured_lines(replay, method, settings, FUSIONS)))
    return Part(6, lines, tuple(_gains(lines, method)))


def audio_visual_only(line: Line) -> Line:
    """The columns of Table 6; they have one reading, as audio := visual does not touch them."""
    values = {column: line.runs[0].values[column] for column in COLUMNS}
    return replace(line, runs=(Run("", values),))


def _gains(lines: Sequence[Line], method: str) -> Iterator[str]:
    found = [gain(lines, method, LATE_FUSION, SCORE_FUSION, column) or 0.0 for column in COLUMNS]
    said = [
        f"{paper} {signed([published_gain(6, paper, LATE_FUSION, SCORE_FUSION, column) for column in COLUMNS])}"
        for paper in ("languagebind", "clip-clap")
    ]
    yield f"{method}: score-level above late fusion: {signed(found)} here; in the paper, on LLP, {', '.join(said)}"
