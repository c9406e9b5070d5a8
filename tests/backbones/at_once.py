"""What an encoder gives when several threads call it at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

_Input = TypeVar("_Input")


def assert_alike_in_threads(embed: Callable[[Sequence[_Input]], np.ndarray], inputs: Sequence[_Input]) -> None:
    """Each input has the same row from four threads at once as from one call after the other."""
    alone = [embed([each]) for each in inputs]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            at_once = list(threads.map(lambda each: embed([each]), inputs))
            assert all(np.array_equal(*both) for both in zip(alone, at_once, strict=True))
