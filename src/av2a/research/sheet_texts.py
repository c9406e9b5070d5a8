"""Tables of results as Markdown, as CSV and as JSON."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from av2a.datasets.rows import counted, some
from av2a.research.published import Figure
from av2a.research.sheets import SCHEMA, Line, Measured, Sheet
from av2a.research.watching import LeftOut

ENDINGS = (".md", ".csv", ".json")
"""What tables can be written as."""

CSV_COLUMNS = (
    "table",
    "dataset",
    "method",
    "line",
    "reading",
    "column",
    "measured",
    "spread",
    "published",
    "published_spread",
    "difference",
    "note",
)


def text(sheets: Sequence[Sheet], about: Mapping[str, Any], ending: str) -> str:
    """The tables in the form of a file's ending, one of ``ENDINGS``."""
    return {".md": as_markdown, ".csv": as_csv, ".json": as_json}[ending](sheets, about)


def as_json(sheets: Sequence[Sheet], about: Mapping[str, Any]) -> str:
    """One object: what the numbers are of, and the tables."""
    whole = {"schema": SCHEMA, "about": dict(about), "tables": [each.as_dict() for each in sheets]}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def as_csv(sheets: Sequence[Sheet], about: Mapping[str, Any]) -> str:
    """One row for each number; what the numbers are of is in the JSON and Markdown forms only."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for each in sheets:
        for line in each.lines:
            writer.writerows(_csv_rows(each, line))
    return stream.getvalue()


def _csv_rows(sheet: Sheet, line: Line) -> Iterator[list[object]]:
    published = {} if line.published is None else line.published.figures
    place: list[object] = [sheet.number or sheet.title, line.dataset, line.method, line.name]
    if not line.runs:
        for column, figure in published.items():
            yield [*place, "", column, "", "", figure.value, _or_empty(figure.spread), "", line.not_run]
    for run in line.runs:
        differences = line.differences(run)
        for column, measured in run.values.items():
            figure_there = published.get(column)
            yield [
                *place,
                run.reading,
                column,
                measured.value,
                _or_empty(measured.spread),
                "" if figure_there is None else figure_there.value,
                "" if figure_there is None else _or_empty(figure_there.spread),
                differences.get(column, ""),
                "",
            ]


def _or_empty(value: float | None) -> object:
    return "" if value is None else value


def as_markdown(sheets: Sequence[Sheet], about: Mapping[str, Any]) -> str:
    """A page: what the numbers are of, then each table with what it says."""
    head = [f"- {line}" for line in about_lines(about)]
    return "\n".join([*head, "", *(_markdown_sheet(each) for each in sheets)])


def about_lines(about: Mapping[str, Any]) -> list[str]:
    """What a reader is told of what the numbers are of; what is nested deeper is for programs, and what is empty says nothing."""
    return [
        f"{name.replace('_', ' ')}: {_said(value)}"
        for name, value in about.items()
        if not isinstance(value, Mapping) and value not in ([], ())
    ]


MOST_SAID = 20
"""How much of a list a reader is shown; JSON has all."""


def _said(value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        return str(value)
    more = len(value) - MOST_SAID
    return "; ".join([*map(str, value[:MOST_SAID]), *([f"{more} more, which JSON tells"] if more > 0 else [])])


def left_out_lines(left_out: Sequence[tuple[str, LeftOut]]) -> list[str]:
    """How many videos of a split, which stands before each, were left out for which reason; the most frequent first."""
    names: dict[tuple[str, str], list[str]] = {}
    for split, each in left_out:
        names.setdefault((split, _of_any(each)), []).append(each.name)
    in_order = sorted(names.items(), key=lambda item: -len(item[1]))
    return [
        f"{split}: {counted(len(found), 'video')} left out ({some(found)}): {reason}"
        for (split, reason), found in in_order
    ]


def _of_any(left_out: LeftOut) -> str:
    """The reason without the file that it names, as others have the same."""
    return re.sub(rf"'[^']*{re.escape(left_out.name)}[^']*'", "the file", left_out.reason)


def _markdown_sheet(sheet: Sheet) -> str:
    findings = "".join(f"- {finding}\n" for finding in sheet.findings)
    return f"## {sheet.heading}\n\n{_aligned(rows(sheet))}" + (f"\n{findings}" if findings else "")


def rows(sheet: Sheet) -> list[list[str]]:
    """The cells as a reader sees them, the heading first."""
    return [
        ["", *(group.heading for group in sheet.groups)],
        *(row for line in sheet.lines for row in _line_rows(sheet, line)),
    ]


def _line_rows(sheet: Sheet, line: Line) -> Iterator[list[str]]:
    title = f"{line.method} on {line.dataset}, {line.name}"
    for run in line.runs:
        yield [f"{title}: {run.reading}" if run.reading else title, *_cells(sheet, run.values)]
    if line.published is None:
        return
    yield [f"{title}: published", *_cells(sheet, line.published.figures)]
    for run in line.runs:
        reading = f" ({run.reading})" if run.reading and len(line.runs) > 1 else ""
        differences = {column: f"{value:+.{sheet.decimals}f}" for column, value in line.differences(run).items()}
        yield [f"… difference{reading}", *_joined(sheet, differences)]
    if line.not_run:
        yield [f"… {line.not_run}", *("" for _ in sheet.groups)]


def _cells(sheet: Sheet, values: Mapping[str, Measured] | Mapping[str, Figure]) -> list[str]:
    return _joined(sheet, {column: _number(each, sheet.decimals) for column, each in values.items()})


def _number(value: Measured | Figure, decimals: int) -> str:
    spread = "" if value.spread is None else f" ± {value.spread:.2f}"
    return f"{value.value:.{decimals}f}{spread}"


def _joined(sheet: Sheet, shown: Mapping[str, str]) -> list[str]:
    return [" / ".join(shown.get(column, "–") for column in group.columns) for group in sheet.groups]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that can be read as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_bar([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]) for row in rows]
    lines.insert(1, _bar(["-" * width for width in widths]))
    return "\n".join(lines) + "\n"


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
