"""The readings of the method that the paper's tables compare, as changes to settings (fact-sheet section 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from av2a.metrics.parsing import ParsingMetrics
from av2a.research.published import (
    FULL,
    LATE_FUSION,
    SCORE_FUSION,
    WITHOUT_COSINE,
    WITHOUT_DYNAMIC,
    WITHOUT_REFINEMENT,
    WITHOUT_SELECTION,
)
from av2a.research.replay import Replay
from av2a.research.sheets import AS_RELEASED, TRUE_AUDIO, Line, runs_of
from av2a.settings import Fusion, Settings, ThresholdRule

Changes = Mapping[str, Any]
"""What of the settings is changed, see :meth:`av2a.settings.Settings.replace`."""

STATIC: Changes = {"threshold_rule": ThresholdRule.STATIC, "select_categories": False, "validate": False}
"""The naive baseline: "a single static threshold is applied to predict categories across segments" (section 4.2)."""

ABLATIONS: Mapping[str, Changes] = {
    FULL: {},
    WITHOUT_COSINE: {"threshold_rule": ThresholdRule.RATIO},
    WITHOUT_DYNAMIC: {"threshold_rule": ThresholdRule.STATIC},
    WITHOUT_REFINEMENT: {"validate": False},
    WITHOUT_SELECTION: {"select_categories": False},
}
"""Table 5: in each line one stage is left out."""

FUSIONS: Mapping[str, Changes] = {
    LATE_FUSION: {"fusion": Fusion.LATE},
    SCORE_FUSION: {"fusion": Fusion.SCORE},
}
"""Table 6."""


def measured_lines(
    replay: Replay, method: str, settings: Sequence[Settings], variants: Mapping[str, Changes]
) -> list[Line]:
    """A line for each variant; with several settings each number is the mean over them."""
    return [
        measured_line(replay, method, name, [each.replace(**of) for each in settings]) for name, of in variants.items()
    ]


def measured_line(replay: Replay, method: str, name: str, settings: Sequence[Settings]) -> Line:
    """One line, in the two readings of the audio columns: as predicted, and audio := visual (behaviour 36)."""
    numbers: dict[str, list[ParsingMetrics]] = {TRUE_AUDIO: [], AS_RELEASED: []}
    for each in settings:
        predictions = replay.predictions(each)
        numbers[TRUE_AUDIO].append(replay.numbers(predictions))
        numbers[AS_RELEASED].append(replay.numbers(predictions, as_released=True))
    return Line(method, name, replay.dataset.name, tuple(runs_of(reading, found) for reading, found in numbers.items()))
