"""The record of results that every experiment returns, and its rendering as aligned text, Markdown, CSV and JSON."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av2a.exports.csv import table
from av2a.exports.fields import single_line
from av2a.exports.files import write_whole
from av2a.research.watching import LeftOut
from av2a.wording import counted, some

ENDINGS = (".json", ".csv", ".md")
"""The files that results are written as."""

MOST_REASONS, MOST_LINES = 10, 20
"""How many reasons why videos were left out, and how many other lines, a reader is shown; JSON has all."""

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Cells for a reader, with a heading and notes."""

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...] = ()
    """The heading row; empty for none."""
    heading: str = ""
    notes: tuple[str, ...] = ()

    def aligned(self) -> list[list[str]]:
        """All rows, the heading row first, padded to columns: names to the left, numbers to the right.

        >>> Table((("segments", "59.10"),), ("", "audio")).aligned()
        [['        ', 'audio'], ['segments', '59.10']]
        """
        return _aligned([self.columns, *self.rows] if self.columns else self.rows)

    def markdown(self) -> str:
        """The table as Markdown that is readable as it is, below its heading and above its notes."""
        columns = self.columns or ("",) * len(self.rows[0])
        heading, *rows = _aligned([list(map(_markdown_cell, row)) for row in (columns, *self.rows)])
        rule = [f"{'-' * (len(cell) - (place > 0))}{':' * (place > 0)}" for place, cell in enumerate(heading)]
        lines = [f"| {' | '.join(row)} |" for row in (heading, rule, *rows)]
        parts = ["\n".join(lines), "\n".join(f"* {note}" for note in self.notes)]
        return "\n\n".join(part for part in (f"## {self.heading}" if self.heading else "", *parts) if part) + "\n"


@dataclass(frozen=True)
class Results:
    """Measured numbers, for readers (``tables``) and for programs (``plain`` and ``records``)."""

    plain: Mapping[str, Any]
    """Everything, as JSON has it."""
    tables: tuple[Table, ...]
    title: str = ""
    facts: tuple[str, ...] = ()
    """What the numbers are of, one line each."""
    header: tuple[str, ...] = ()
    records: tuple[tuple[Cell, ...], ...] = ()
    """One number each, as CSV has them below the header; None and NaN are empty fields."""

    def text(self, ending: str) -> str:
        """The form of a file's ending, one of ``ENDINGS``."""
        return {".json": self.json, ".csv": self.csv, ".md": self.markdown}[ending]()

    def json(self) -> str:
        """One object, indented."""
        return json.dumps(self.plain, ensure_ascii=False, allow_nan=False, indent=2) + "\n"

    def csv(self) -> str:
        """One row a number, written to its last digit."""
        one_line = [[single_line(cell) if isinstance(cell, str) else cell for cell in each] for each in self.records]
        return table(self.header, one_line)

    def markdown(self) -> str:
        """A page: the title, what the numbers are of, and the tables."""
        head = [f"## {self.title}"] if self.title else []
        facts = ["\n".join(f"* {fact}" for fact in self.facts)] if self.facts else []
        return "\n\n".join([*head, *facts, "\n".join(table.markdown() for table in self.tables)])

    def write(self, path: Path, *, overwrite: bool = True) -> None:
        """The form of the ending of ``path``, into a file that appears whole.

        Raises:
            OutputRefused: the file cannot be written, or exists and ``overwrite`` is not set.
        """
        # A lone surrogate (of a file name that is not Unicode) has no UTF-8.
        write_whole(path, self.text(path.suffix.lower()).encode("utf-8", "backslashreplace"), overwrite=overwrite)


def _aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]


def _markdown_cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")


def left_out_lines(left_out: Iterable[tuple[str, LeftOut]], most: int = MOST_REASONS) -> Iterator[str]:
    """How many videos of each split, the first of a pair, are left out for which reason; the most frequent ones first."""
    groups: dict[tuple[str, str], list[LeftOut]] = {}
    for split, each in left_out:
        groups.setdefault((split, _without_name(each)), []).append(each)
    in_order = sorted(groups.items(), key=lambda item: -len(item[1]))
    for (split, reason), clips in in_order[:most]:
        names = some([each.name for each in clips])
        shown = clips[0].reason if len(clips) == 1 else reason
        yield f"{split}{': ' if split else ''}{counted(len(clips), 'video')} left out ({names}): {shown}"
    if more := sum(len(clips) for _, clips in in_order[most:]):
        yield f"{counted(more, 'video')} left out for other reasons, which JSON lists"


def _without_name(left_out: LeftOut) -> str:
    """The reason without the file that it names: other files have the same."""
    return re.sub(rf"'[^']*{re.escape(left_out.name)}[^']*'", "the file", left_out.reason)
