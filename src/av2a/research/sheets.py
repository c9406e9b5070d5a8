"""One table of results: what was measured beside what is published, and the difference where both are of the same data."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from av2a.metrics.parsing import ParsingMetrics
from av2a.research.published import NAIVE, PUBLISHED, PublishedRow

SCHEMA = "av2a/tables/1"


@dataclass(frozen=True)
class Measured:
    """A number that was measured once, or the mean over several runs."""

    value: float
    spread: float | None = None
    """The standard deviation over the runs; None for a single one."""

    @classmethod
    def over(cls, values: Sequence[float]) -> "Measured":
        """Of one run or more.

        >>> Measured.over([1.0, 3.0])
        Measured(value=2.0, spread=1.4142135623730951)
        """
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)


@dataclass(frozen=True)
class Run:
    """One reading of a line, such as true audio, or audio := visual."""

    reading: str
    values: Mapping[str, Measured]
    """By column."""


@dataclass(frozen=True)
class Line:
    """One line of a table: of the paper, measured here, or both."""

    method: str
    name: str
    dataset: str
    """What the runs are of; of a published line, what it is of."""
    runs: tuple[Run, ...] = ()
    published: PublishedRow | None = None
    not_run: str = ""
    """Why there is no run."""

    def differences(self, run: Run) -> dict[str, float]:
        """Measured minus published, by column; empty where nothing is published for it."""
        known = {} if self.published is None else self.published.figures
        return {
            column: run.values[column].value - figure.value for column, figure in known.items() if column in run.values
        }


@dataclass(frozen=True)
class Group:
    """Columns that share a heading: a number by segments and by events."""

    heading: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """One table."""

    number: int | None
    """Its number in the paper; None for what the paper tells in its text."""
    title: str
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    findings: tuple[str, ...] = ()
    """What the numbers say, and what a reader must know of them."""
    decimals: int = 1

    @property
    def heading(self) -> str:
        """What it is called."""
        return self.title if self.number is None else f"Table {self.number}: {self.title}"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in their order."""
        return tuple(column for group in self.groups for column in group.columns)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "number": self.number,
            "title": self.title,
            "columns": list(self.columns),
            "lines": [_plain_line(line) for line in self.lines],
            "findings": list(self.findings),
        }


def _plain_line(line: Line) -> dict[str, Any]:
    published = None if line.published is None else line.published.figures
    return {
        "method": line.method,
        "name": line.name,
        "dataset": line.dataset,
        "published": None
        if published is None
        else {column: {"value": figure.value, "spread": figure.spread} for column, figure in published.items()},
        "runs": [
            {
                "reading": run.reading,
                "values": {column: {"value": each.value, "spread": each.spread} for column, each in run.values.items()},
                "difference": line.differences(run),
            }
            for run in line.runs
        ],
        "not_run": line.not_run or None,
    }


_PARSING_GROUPS = tuple(
    Group(heading, (f"segment_{stream}", f"event_{stream}"))
    for heading, stream in (
        ("audio", "audio"),
        ("visual", "visual"),
        ("audio-visual", "audio_visual"),
        ("Type@AV", "type"),
        ("Event@AV", "event"),
    )
)
SYMBOLS = {
    "audio_weight": "α",
    "category_threshold": "τ_f",
    "initial_threshold": "τ⁰",
    "confidence_threshold": "τ_r",
    "decay": "λ",
}
"""The hyper-parameters as the paper writes them."""
_GROUPS = {
    1: tuple(Group(symbol, (name,)) for name, symbol in SYMBOLS.items()),
    4: (Group("accuracy", ("accuracy",)),),
    6: (_PARSING_GROUPS[2],),
    7: (Group("segment / event", ("segment", "event")),),
}

NEEDS = {
    "clip-clap": "backbone clip-clap",
    "languagebind": "backbone languagebind",
    "mgn-ma": "MGN_Net.pt, features",
    "jomold": "JoMoLD.pt, features",
    "cmpae": "cmpae_s0.pt, features",
    "dg-sct": "its model, not published",
}
"""What a published line takes besides its data set."""
PARSERS = ("mgn-ma", "jomold", "cmpae")
"""Those of them that read features, and no videos."""


@dataclass(frozen=True)
class Part:
    """What one experiment has to say in a table of the paper."""

    number: int
    lines: tuple[Line, ...]
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _There:
    """What there is to measure with."""

    videos: Collection[str]
    """Data sets with videos."""
    annotations: Collection[str]
    """Data sets with their truth, which is enough for parsers."""
    ran: Collection[tuple[str, str]]
    """Methods, and the data sets that they were measured on."""


def sheets(
    parts: Sequence[Part], *, at_hand: Collection[str], numbers: Collection[int] = (), annotated: Collection[str] = ()
) -> list[Sheet]:
    """The tables of the paper that the parts belong to, and those of ``numbers``.

    A line of one of the paper's methods on the paper's data takes the published line's place; others come first. What was not measured says
    what it needs beside the methods of the parts, the data sets whose videos are ``at_hand``, and those that are ``annotated`` only.
    """
    ran = {(line.method, line.dataset) for part in parts for line in part.lines if line.runs}
    there = _There(at_hand, {*at_hand, *annotated}, ran)
    return [
        _sheet(number, [part for part in parts if part.number == number], there)
        for number in sorted({part.number for part in parts} | set(numbers))
    ]


def _sheet(number: int, parts: Sequence[Part], there: _There) -> Sheet:
    table = PUBLISHED[number]
    rows = {(table.dataset, row.method, row.name): row for row in table.rows}
    own = {(line.dataset, line.method, line.name): line for part in parts for line in part.lines}
    rest = [
        replace(own[place], published=row) if place in own else _not_run(number, row, table.dataset, there)
        for place, row in rows.items()
    ]
    return Sheet(
        number=number,
        title=table.title,
        groups=_GROUPS.get(number, _PARSING_GROUPS),
        lines=(*(line for place, line in own.items() if place not in rows), *rest),
        findings=tuple(finding for part in parts for finding in part.findings),
        decimals=2 if number == 1 else 1,
    )


def _not_run(number: int, row: PublishedRow, dataset: str, there: _There) -> Line:
    said = _why_not_run(number, row, dataset, there)
    return Line(row.method, row.name, dataset, published=row, not_run=said)


def _why_not_run(number: int, row: PublishedRow, dataset: str, there: _There) -> str:
    if row.method in PARSERS:
        return _why_no_parser(number, row.method, dataset, there)
    if (row.method, dataset) in there.ran:
        return _why_not_this_line(number, row.name, dataset)
    needs = [] if dataset in there.videos else [f"{dataset.upper()} videos"]
    if row.method not in {method for method, _ in there.ran}:
        needs.append(NEEDS[row.method])
    return f"not run: needs {', '.join(needs)}" if needs else "not measured here"


def _why_no_parser(number: int, method: str, dataset: str, there: _There) -> str:
    if number == 1:
        return "not tuned here: parsers are measured with these values"
    if (method, dataset) in there.ran:
        return "not measured here"
    needs = [] if dataset in there.annotations else [f"--dataset {dataset} (annotations)"]
    return f"not run: needs {', '.join([*needs, NEEDS[method]])}"


def _why_not_this_line(number: int, name: str, dataset: str) -> str:
    """Of a method that was measured on that data: what its other lines had and this one lacks."""
    if number == 1:
        return f"not tuned: needs {dataset.upper()} validation videos"
    if name == NAIVE:
        # For AVE, too, the paper tuned on LLP.
        where = "AVE or LLP" if dataset == "ave" else dataset.upper()
        return f"not run: needs {where} validation videos to tune on"
    if number == 7:
        return f"not run: needs {dataset.upper()} validation videos to train on"
    return "not measured here"


TRUE_AUDIO, AS_RELEASED = "true audio", "audio := visual, as released"
"""The two readings of a training-free method's audio columns."""


def runs_of(reading: str, numbers: Sequence[ParsingMetrics]) -> Run:
    """The ten numbers of one run or more."""
    return Run(
        reading, {name: Measured.over([getattr(each, name) for each in numbers]) for name in ParsingMetrics._fields}
    )


def gain(lines: Sequence[Line], method: str, before: str, after: str, column: str, place: int = 0) -> float | None:
    """How much a measured line lies above another in one column; None where one of them was not measured."""
    runs = {line.name: line.runs for line in lines if line.method == method and line.runs}
    if before not in runs or after not in runs:
        return None
    first, second = (runs[name][place].values[column].value for name in (before, after))
    return second - first


def published_gain(number: int, method: str, before: str, after: str, column: str) -> float:
    """The same of the paper's table."""
    first, second = (PUBLISHED[number].row(method, name).figures[column].value for name in (before, after))
    return second - first


def signed(values: Sequence[float]) -> str:
    """Changes as they are said: by segments, then by events.

    >>> signed([1.26, -0.5])
    '+1.3 / -0.5'
    """
    return " / ".join(f"{value:+.1f}" for value in values)
