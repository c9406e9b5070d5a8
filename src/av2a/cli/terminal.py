"""What is printed where: the answer on stdout, everything else on stderr."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from av2a.cli.safe_text import terminal_safe

Report = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""

SECONDS_BETWEEN_LINES = 60.0
"""Progress is a line this often where stderr is no terminal."""


class Talk(Enum):
    """How much is printed on stderr."""

    QUIET = "quiet"
    """Errors only."""
    NORMAL = "normal"
    VERBOSE = "verbose"
    """What was chosen and why, too."""

    @classmethod
    def chosen(cls, *, quiet: bool, verbose: bool) -> "Talk":
        """The level that two flags choose; quiet wins, as errors are always printed."""
        return cls.QUIET if quiet else cls.VERBOSE if verbose else cls.NORMAL


class Terminal:
    """Where the command prints. Off a terminal and with ``NO_COLOR`` it prints plain text."""

    def __init__(self, talk: Talk = Talk.NORMAL) -> None:
        self.talk = talk
        self.data = Console(highlight=False, emoji=False, markup=False)
        self.aside = Console(highlight=False, emoji=False, markup=False, stderr=True)
        self._last_line = time.monotonic()
        _show_log(talk)

    @property
    def ascii_only(self) -> bool:
        """Whether stdout's encoding has no line-drawing characters."""
        return not self.data.encoding.lower().startswith("utf")

    def show(self, what: RenderableType) -> None:
        """Print a part of the answer; text is wrapped on a terminal only."""
        self.data.print(what, soft_wrap=isinstance(what, Text) and not self.data.is_terminal)

    def show_rows(self, rows: Sequence[Sequence[Text]]) -> None:
        """Print rows in columns; without a terminal each is one line, however long."""
        grid = Table.grid(padding=(0, 1))
        for row in rows:
            grid.add_row(*row)
        if self.data.is_terminal:
            self.data.print(grid)
            return
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.plain.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.show_text(" ".join(cells).rstrip() + "\n")

    def show_text(self, text: str) -> None:
        """Print a part of the answer as it is, neither wrapped nor coloured."""
        self.data.file.write(text)
        self.data.file.flush()

    def show_json(self, value: Any) -> None:
        """Print plain values as JSON."""
        self.show_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def say(self, text: str) -> None:
        """Print what a user may want to know."""
        if self.talk is not Talk.QUIET:
            self._aside(text)

    def detail(self, text: str) -> None:
        """Print what is of use with ``--verbose`` only."""
        if self.talk is Talk.VERBOSE:
            self._aside(text, style="dim")

    def warn(self, text: str) -> None:
        """Print what a user should know about an answer."""
        if self.talk is not Talk.QUIET:
            self._aside(f"av2a: warning: {text}", style="yellow")

    def fail(self, line: str) -> None:
        """Print a failure, with ``--quiet`` as well."""
        self._aside(line, style="red")

    def _aside(self, text: str, style: str = "") -> None:
        self.aside.print(Text(terminal_safe(text), style=style), soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Report]:
        """A bar with stage, done of total and time left, gone when it is done; without a terminal a line now and then."""
        if self.talk is not Talk.QUIET and not self.aside.is_terminal:
            yield partial(self._line, title)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Count(),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=self.aside, transient=True, disable=self.talk is Talk.QUIET) as bars:
            yield _reporter(bars, terminal_safe(title))

    def _line(self, title: str, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._aside(f"{title}: {stage} {done} of {total}")


class _Count(MofNCompleteColumn):
    """Done of total, where a total is known."""

    def render(self, task: Task) -> Text:
        return Text() if task.total is None else super().render(task)


def _reporter(bars: Progress, title: str) -> Report:
    task = bars.add_task(title, total=None)
    stage_shown = ""

    def report(stage: str, done: int, total: int) -> None:
        nonlocal stage_shown
        if stage != stage_shown:
            stage_shown = stage
            bars.reset(task, total=total, description=f"{title} · {stage}")
        bars.update(task, completed=done, total=total)

    return report


def _show_log(talk: Talk) -> None:
    """The library's log on stderr: warnings, and everything when verbose."""
    log = logging.getLogger("av2a")
    log.setLevel({Talk.QUIET: logging.ERROR, Talk.NORMAL: logging.WARNING, Talk.VERBOSE: logging.DEBUG}[talk])
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("av2a: %(levelname)s: %(message)s"))
    # Read when that library is imported. What matters of its warnings is in ours.
    if talk is not Talk.VERBOSE:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    # Replaced, not added: a second call in one process has another stderr.
    log.handlers[:] = [handler]
