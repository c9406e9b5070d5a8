"""Reading ``tests/reference/released``: see the README there."""

from functools import cache
from pathlib import Path

import numpy as np

from av2a.settings import ThresholdRule

FOLDER = Path(__file__).parent / "reference" / "released"

RULES = {
    "naive": ThresholdRule.STATIC,
    "bbse": ThresholdRule.RATIO,
    "cosine": ThresholdRule.COSINE,
    "bbse-cosine": ThresholdRule.RATIO_COSINE,
}


@cache
def released(name: str) -> dict[str, np.ndarray]:
    """All arrays of one reference file."""
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


def rows_of(array: np.ndarray, *leading: int) -> list[tuple[int, ...]]:
    """The rows that begin with these numbers, without them."""
    mask = (array[:, : len(leading)] == leading).all(axis=1)
    return [tuple(int(number) for number in row[len(leading) :]) for row in array[mask]]
