"""Gains between lines, measured and published."""

import pytest

from av2a.research.comparisons import gain, published_gains
from av2a.research.published import AV2A, FULL, NAIVE, WITHOUT_COSINE, Figure
from av2a.research.sheets import Line, Run


def accuracy(method: str, name: str, value: float) -> Line:
    return Line(method, name, "x", (Run("first candidate", {"accuracy": Figure(value)}),))


def test_a_gain_is_measured_between_lines_of_one_method() -> None:
    lines = [accuracy("mini", NAIVE, 40.0), accuracy("mini", AV2A, 45.0), accuracy("other", NAIVE, 0.0)]
    assert gain(lines, "mini", NAIVE, AV2A, "accuracy") == 5.0
    assert gain(lines, "other", NAIVE, AV2A, "accuracy") is None


@pytest.mark.parametrize(
    ("columns", "words"),
    [(["segment_type"], "languagebind -0.1"), (["segment_type", "event_type"], "languagebind -0.1 / -0.2")],
)
def test_a_published_gain_is_told_with_its_sign(columns: list[str], words: str) -> None:
    assert published_gains(5, FULL, WITHOUT_COSINE, columns, ["languagebind"]) == words
