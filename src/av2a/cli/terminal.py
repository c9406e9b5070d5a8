"""What is printed where: the answer on stdout, everything else on stderr."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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


class Terminal:
    """Where the command prints. Off a terminal and with ``NO_COLOR`` it prints plain text.

    ``quiet`` leaves errors only on stderr; ``verbose`` adds what was chosen and why. Quiet wins.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet, self.verbose = quiet, verbose and not quiet
        self.data = Console(highlight=False, emoji=False, markup=False)
        self.aside = Console(highlight=False, emoji=False, markup=False, stderr=True)
        self._last_line = time.monotonic()
        self._show_log()

    @property
    def ascii_only(self) -> bool:
        """Whether stdout's encoding has no line-drawing characters."""
        return not self.data.encoding.lower().startswith("utf")

    def show(self, what: RenderableType = "", style: str = "") -> None:
        """Print a part of the answer; text is wrapped on a terminal only, and a plain string made safe for it."""
        shown = _text(what, style) if isinstance(what, str) else what
        self.data.print(shown, soft_wrap=isinstance(shown, Text) and not self.data.is_terminal)

    def show_rows(self, rows: Iterable[Sequence[str | Text]]) -> None:
        """Print rows in columns; without a terminal each is one line, however long."""
        lines = [[_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        grid = Table.grid(padding=(0, 1))
        for line in lines:
            grid.add_row(*line)
        if self.data.is_terminal:
            self.data.print(grid)
            return
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.plain.ljust(width) for cell, width in zip(line, widths, strict=True))
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
        if not self.quiet:
            self._aside(text)

    def detail(self, text: str) -> None:
        """Print what is of use with ``--verbose`` only."""
        if self.verbose:
            self._aside(text, style="dim")

    def warn(self, text: str) -> None:
        """Print what a user should know about an answer."""
        if not self.quiet:
            self._aside(f"av2a: warning: {text}", style="yellow")

    def fail(self, line: str) -> None:
        """Print a failure, with ``--quiet`` as well."""
        self._aside(line, style="red")

    def _aside(self, text: str, style: str = "") -> None:
        self.aside.print(_text(text, style), soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Report]:
        """A bar with stage, done of total and time left, gone when it is done; without a terminal a line now and then."""
        if not self.quiet and not self.aside.is_terminal:
            yield partial(self._line, title)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Count(),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=self.aside, transient=True, disable=self.quiet) as bars:
            yield _reporter(bars, terminal_safe(title))

    def _line(self, title: str, stage: str, done: int, total: int) -> None:
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._aside(f"{title}: {stage} {done} of {total}")

    def _show_log(self) -> None:
        """The library's log on stderr: warnings, and everything when verbose."""
        log = logging.getLogger("av2a")
        log.setLevel(logging.ERROR if self.quiet else logging.DEBUG if self.verbose else logging.WARNING)
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("av2a: %(levelname)s: %(message)s"))
        # Read when that library is imported. What matters of its warnings is in ours.
        if not self.verbose:
            os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
            os.environ.setdefault("HF_HUB_VERBOSITY", "error")
        # Replaced, not added: a second call in one process has another stderr.
        log.handlers[:] = [handler]


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


def _text(words: str, style: str = "") -> Text:
    return Text(terminal_safe(words), style)
