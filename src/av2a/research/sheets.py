"""Combines measured and published numbers into the paper's tables, with the difference where both are of the same data."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from av2a.metrics.parsing import ParsingMetrics
from av2a.research.published import NAIVE, PUBLISHED, Figure, PublishedRow, PublishedTable
from av2a.research.results import MOST_LINES, Cell, Results, Table

SCHEMA = "av2a/tables/1"


@dataclass(frozen=True)
class Run:
    """One reading of a line, such as true audio, or audio := visual."""

    reading: str
    values: Mapping[str, Figure]
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

    @property
    def figures(self) -> Mapping[str, Figure]:
        """The published numbers by column."""
        return {} if self.published is None else self.published.figures

    def differences(self, run: Run) -> dict[str, float]:
        """Measured minus published, by column; empty where nothing is published for it."""
        return {
            column: run.values[column].value - figure.value
            for column, figure in self.figures.items()
            if column in run.values
        }


@dataclass(frozen=True)
class Sheet:
    """One table."""

    number: int | None
    """Its number in the paper; None for what stands in its text."""
    title: str
    groups: Mapping[str, tuple[str, ...]]
    """Columns that share a heading, such as a number by segments and by events."""
    lines: tuple[Line, ...]
    findings: tuple[str, ...] = ()
    """What the numbers say, and what a reader must know of them."""
    decimals: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns in their order."""
        return tuple(column for columns in self.groups.values() for column in columns)


_PARSING_GROUPS: Mapping[str, tuple[str, ...]] = {
    heading: (f"segment_{stream}", f"event_{stream}")
    for heading, stream in (
        ("audio", "audio"),
        ("visual", "visual"),
        ("audio-visual", "audio_visual"),
        ("Type@AV", "type"),
        ("Event@AV", "event"),
    )
}
SYMBOLS = {
    "audio_weight": "α",
    "category_threshold": "τ_f",
    "initial_threshold": "τ⁰",
    "confidence_threshold": "τ_r",
    "decay": "λ",
}
"""The hyper-parameters as the paper writes them."""
_GROUPS: dict[int, Mapping[str, tuple[str, ...]]] = {
    1: {symbol: (name,) for name, symbol in SYMBOLS.items()},
    4: {"accuracy": ("accuracy",)},
    6: {"audio-visual": _PARSING_GROUPS["audio-visual"]},
    7: {"segment / event": ("segment", "event")},
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
    """The lines and findings of one experiment in a table of the paper."""

    number: int
    lines: tuple[Line, ...]
    findings: tuple[str, ...] = ()


def sheets(
    parts: Sequence[Part], *, at_hand: Collection[str], numbers: Collection[int] = (), annotated: Collection[str] = ()
) -> list[Sheet]:
    """The tables of the paper that the parts belong to, and those of ``numbers``.

    A line of one of the paper's methods on the paper's data takes the published line's place; others come first. What was not measured says
    what it needs beside the methods of the parts, the data sets whose videos are ``at_hand``, and those that are ``annotated`` only.
    """
    ran = {(line.method, line.dataset) for part in parts for line in part.lines if line.runs}
    available = _Available(at_hand, {*at_hand, *annotated}, ran)
    return [
        _sheet(PUBLISHED[number], [part for part in parts if part.number == number], available)
        for number in sorted({part.number for part in parts} | set(numbers))
    ]


def _sheet(table: PublishedTable, parts: Sequence[Part], available: "_Available") -> Sheet:
    rows = {(table.dataset, row.method, row.name): row for row in table.rows}
    own = {(line.dataset, line.method, line.name): line for part in parts for line in part.lines}
    rest = [
        replace(own[key], published=row)
        if key in own
        else Line(row.method, row.name, table.dataset, published=row, not_run=available.why_not(table, row))
        for key, row in rows.items()
    ]
    return Sheet(
        number=table.number,
        title=table.title,
        groups=_GROUPS.get(table.number, _PARSING_GROUPS),
        lines=(*(line for key, line in own.items() if key not in rows), *rest),
        findings=tuple(finding for part in parts for finding in part.findings),
        decimals=2 if table.number == 1 else 1,
    )


@dataclass(frozen=True)
class _Available:
    """The data and methods that are available."""

    videos: Collection[str]
    """Data sets with videos."""
    annotations: Collection[str]
    """Data sets with their truth, which is enough for parsers."""
    ran: Collection[tuple[str, str]]
    """Methods, and the data sets on which they were measured."""

    def why_not(self, table: PublishedTable, row: PublishedRow) -> str:
        """Why a published line was not measured."""
        dataset, method = table.dataset, row.method
        if table.number == 1 and method in PARSERS:
            return "not tuned here: parsers are measured with these values"
        if (method, dataset) in self.ran:
            return "not measured here" if method in PARSERS else _why_not_this_line(table, row)
        if method in PARSERS:
            needs = [] if dataset in self.annotations else [f"--dataset {dataset} (annotations)"]
        else:
            needs = [] if dataset in self.videos else [f"{dataset.upper()} videos"]
        if method in PARSERS or method not in {method for method, _ in self.ran}:
            needs.append(NEEDS[method])
        return f"not run: needs {', '.join(needs)}" if needs else "not measured here"


def _why_not_this_line(table: PublishedTable, row: PublishedRow) -> str:
    """Of a method that was measured on that data: what its other lines had and this one lacks."""
    videos = f"{table.dataset.upper()} validation videos"
    if table.number == 1:
        return f"not tuned: needs {videos}"
    if row.name == NAIVE:
        # For AVE, too, the paper tuned on LLP.
        return f"not run: needs {'AVE or LLP validation videos' if table.dataset == 'ave' else videos} to tune on"
    return f"not run: needs {videos} to train on" if table.number == 7 else "not measured here"


def runs_of(reading: str, numbers: Sequence[ParsingMetrics]) -> Run:
    """The ten numbers of one run or more."""
    return Run(
        reading, {name: Figure.over([getattr(each, name) for each in numbers]) for name in ParsingMetrics._fields}
    )


# In every form.

CSV_HEADER = (
    *("table", "dataset", "method", "line", "reading", "column"),
    *("measured", "spread", "published", "published_spread", "difference", "note"),
)


def results_of(sheets: Sequence[Sheet], about: Mapping[str, Any]) -> Results:
    """The tables in every form; ``about`` is what the numbers are of."""
    return Results(
        plain={"schema": SCHEMA, "about": dict(about), "tables": [_plain(sheet) for sheet in sheets]},
        tables=tuple(_table(sheet) for sheet in sheets),
        facts=tuple(about_lines(about)),
        header=CSV_HEADER,
        records=tuple(record for sheet in sheets for line in sheet.lines for record in _records(sheet, line)),
    )


def about_lines(about: Mapping[str, Any]) -> list[str]:
    """What a reader is shown of what the numbers are of: nothing nested deeper, nothing empty."""
    return [
        f"{name.replace('_', ' ')}: {_shown(value)}"
        for name, value in about.items()
        if not isinstance(value, Mapping) and value not in ([], ())
    ]


def _shown(value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        return str(value)
    more = [f"{len(value) - MOST_LINES} more, which JSON lists"] if len(value) > MOST_LINES else []
    return "; ".join([*map(str, value[:MOST_LINES]), *more])


def _plain(sheet: Sheet) -> dict[str, Any]:
    return {
        "number": sheet.number,
        "title": sheet.title,
        "columns": list(sheet.columns),
        "lines": [
            {
                "method": line.method,
                "name": line.name,
                "dataset": line.dataset,
                "published": None if line.published is None else _plain_values(line.figures),
                "runs": [
                    {
                        "reading": run.reading,
                        "values": _plain_values(run.values),
                        "difference": line.differences(run),
                    }
                    for run in line.runs
                ],
                "not_run": line.not_run or None,
            }
            for line in sheet.lines
        ],
        "findings": list(sheet.findings),
    }


def _plain_values(values: Mapping[str, Figure]) -> dict[str, dict[str, float | None]]:
    return {column: asdict(value) for column, value in values.items()}


def _records(sheet: Sheet, line: Line) -> Iterator[tuple[Cell, ...]]:
    head = (sheet.number or sheet.title, line.dataset, line.method, line.name)
    if not line.runs:
        for column, figure in line.figures.items():
            yield (*head, "", column, None, None, figure.value, figure.spread, None, line.not_run)
    for run in line.runs:
        differences = line.differences(run)
        for column, measured in run.values.items():
            published = line.figures.get(column)
            beside = (None, None) if published is None else (published.value, published.spread)
            difference = differences.get(column)
            yield (*head, run.reading, column, measured.value, measured.spread, *beside, difference, "")


def _table(sheet: Sheet) -> Table:
    return Table(
        rows=tuple(row for line in sheet.lines for row in _rows(sheet, line)),
        columns=("", *sheet.groups),
        heading=sheet.title if sheet.number is None else f"Table {sheet.number}: {sheet.title}",
        notes=sheet.findings,
    )


def _rows(sheet: Sheet, line: Line) -> Iterator[tuple[str, ...]]:
    title = f"{line.method} on {line.dataset}, {line.name}"
    for run in line.runs:
        yield (f"{title}: {run.reading}" if run.reading else title, *_cells(sheet, run.values))
    if line.published is None:
        return
    yield (f"{title}: published", *_cells(sheet, line.figures))
    for run in line.runs:
        reading = f" ({run.reading})" if run.reading and len(line.runs) > 1 else ""
        differences = {column: f"{value:+.{sheet.decimals}f}" for column, value in line.differences(run).items()}
        yield (f"… difference{reading}", *_joined(sheet, differences))
    if line.not_run:
        yield (f"… {line.not_run}", *("" for _ in sheet.groups))


def _cells(sheet: Sheet, values: Mapping[str, Figure]) -> list[str]:
    return _joined(sheet, {column: _number(value, sheet.decimals) for column, value in values.items()})


def _number(value: Figure, decimals: int) -> str:
    spread = "" if value.spread is None else f" ± {value.spread:.2f}"
    return f"{value.value:.{decimals}f}{spread}"


def _joined(sheet: Sheet, shown: Mapping[str, str]) -> list[str]:
    return [" / ".join(shown.get(column, "–") for column in columns) for columns in sheet.groups.values()]
