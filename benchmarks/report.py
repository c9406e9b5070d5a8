"""Tables of figures, printed as Markdown."""

import os
import platform
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def machine() -> str:
    """What the figures were measured on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def seconds(action: Callable[[], object], runs: int = 5, warm_up: int = 1) -> float:
    """The median time of an action."""
    times = []
    for run in range(warm_up + runs):
        start = perf_counter()
        action()
        if run >= warm_up:
            times.append(perf_counter() - start)
    return median(times)
