import pytest

from av2a.cli.printed_answer import how_to_lower_the_bar
from av2a.settings import Settings
from av2a.types import ClosestMiss, Modality


def miss(score: float, threshold: float) -> ClosestMiss:
    return ClosestMiss("dog", Modality.AUDIO, 0.0, 1.0, score, threshold)


@pytest.mark.parametrize(
    ("closest", "settings", "options"),
    [
        (
            miss(0.712, 0.886),
            Settings(),
            "--set category_threshold=0.71 --set initial_threshold=0.71 --set confidence_threshold=0.71",
        ),
        (miss(0.71, 0.886), Settings(category_threshold=0.5, initial_threshold=0.5), "--set confidence_threshold=0.7"),
        (
            miss(0.905, 0.955),
            Settings(category_threshold=0.5, initial_threshold=0.6, confidence_threshold=0.6),
            "--set initial_threshold=0.54",
        ),
        (miss(0.9, 0.8), Settings.released(), "--set minimum_duration_seconds=1"),
    ],
)
def test_the_advice_lowers_only_what_stands_in_the_way(closest: ClosestMiss, settings: Settings, options: str) -> None:
    assert how_to_lower_the_bar(closest, settings) == f"to lower the bar below it: {options}"
