"""An evaluation for a reader: the numbers in tables on stdout, what there is to know about them on stderr."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from av2a.cli.safe_text import terminal_safe

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.research.evaluate import Evaluation


def show(evaluation: "Evaluation", terminal: "Terminal", *, as_json: bool) -> None:
    """The numbers on stdout; what there is to know about them on stderr."""
    from av2a.research import evaluation_report as report

    for line in report.facts(evaluation):
        terminal.say(line)
    if as_json:
        terminal.show_text(report.as_json(evaluation))
        return
    tables = [report.main_table(evaluation), report.category_table(evaluation)]
    texts = [terminal_safe(report.title(evaluation)) + "\n", *(aligned(table) for table in tables if len(table) > 1)]
    terminal.show_text("\n".join(texts))


def aligned(table: Sequence[Sequence[str]]) -> str:
    """A table as lines of text: names to the left, numbers to the right.

    >>> print(aligned([["", "audio"], ["segments", "59.10"]]), end="")
              audio
    segments  59.10
    """
    shown = [[terminal_safe(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() + "\n" for row in shown
    )
