"""Section 4.2 of the paper: how long a video takes, and how many numbers were learnt for it."""

from collections.abc import Sequence

from av2a.research.evaluate import Evaluation
from av2a.research.published import (
    FEATURE_SECONDS_A_VIDEO,
    SECONDS_A_VIDEO,
    TRAINED_PARAMETERS,
    Figure,
    PublishedRow,
)
from av2a.research.sheets import NEEDS, Line, Run, Sheet

VIDEOS = 10
"""How many videos are timed."""

_TIMES = ("features", "decode", "encode", "method", "total")
_SIZES = ("parameters_millions", "trained_millions")


def timed(evaluations: Sequence[tuple[str, Evaluation]]) -> Sheet:
    """Seconds a video and millions of parameters, of runs that took nothing from a store and asked only what they needed.

    Decoding goes on while models compute, so ``decode`` is what the models waited for. Nothing is trained for a task.
    """
    return Sheet(
        number=None,
        title="Efficiency (section 4.2): seconds a video, millions of parameters",
        groups={name.replace("_", ", "): (name,) for name in (*_TIMES, *_SIZES)},
        lines=(*(_line(method, evaluation) for method, evaluation in evaluations), *_published()),
        findings=(
            "measured on this machine, without a store; the paper's times are of its authors' machine and of other models",
            "parameters: all that the models hold; trained: those learnt for the task, none here, as encoders are taken as they are",
        ),
        decimals=3,
    )


def _line(method: str, evaluation: Evaluation) -> Line:
    timing = evaluation.timing
    assert timing is not None
    candidates = timing.intervals
    seconds = {"decode": timing.decode, "encode": timing.encode + candidates, "method": timing.method}
    values = {**seconds, "total": sum(seconds.values()), "trained_millions": 0.0}
    if evaluation.parameters is not None:
        values["parameters_millions"] = evaluation.parameters / 1e6
    run = Run(f"{evaluation.videos} videos", {name: Figure(value) for name, value in values.items()})
    return Line(method, "with AV²A", evaluation.dataset, (run,))


def _published() -> list[Line]:
    own = {"total": Figure(SECONDS_A_VIDEO), "trained_millions": Figure(0.0)}
    rows = [PublishedRow("languagebind", "AV²A", own)]
    for name, count in TRAINED_PARAMETERS.items():
        figures = {"features": Figure(FEATURE_SECONDS_A_VIDEO), "trained_millions": Figure(count / 1e6)}
        rows.append(PublishedRow(name, "a trained parser", figures))
    return [
        Line(row.method, row.name, "llp", published=row, not_run=f"not run: needs {NEEDS[row.method]}") for row in rows
    ]
