"""Options of where results of experiments go, and how they are printed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from av2a.cli.command import flag, option
from av2a.cli.common_options import WHERE
from av2a.cli.exit_status import ExitStatus
from av2a.cli.failure import is_printed, print_failure
from av2a.cli.terminal import Terminal
from av2a.errors import OutputRefused
from av2a.exports.files import check_file
from av2a.research.results import ENDINGS, Results


@dataclass(frozen=True)
class ResultOptions:
    """The files to write, and the form of what is printed."""

    panel = WHERE
    outputs: list[Path] = option(
        "PATH", "Write a file, in the format of its ending: .json .csv .md; may be repeated.", "--output -o", default=[]
    )
    overwrite: bool = flag("Replace files that already exist.", "--overwrite")
    as_json: bool = flag("JSON on stdout.", "--json")

    def check(self) -> None:
        """Refuse files that could not be written, before any work is done.

        Raises:
            OutputRefused, UnknownName: as :func:`av2a.exports.files.check_file`.
        """
        for path in self.outputs:
            check_file(path, ENDINGS, overwrite=self.overwrite)

    def give(
        self,
        results: Results,
        terminal: Terminal,
        *,
        page: bool = True,
        more: Mapping[Path, Callable[[], None]] | None = None,
        failed: Sequence[str] = (),
    ) -> None:
        """Print the results, then write the files, also where nobody reads what is printed, then report what failed.

        Args:
            results: the tables, and what they are of.
            terminal: where they are printed.
            page: what the tables are of belongs to the answer, which is Markdown off a terminal; otherwise it is printed on stderr.
            more: other files, with the functions that write them.
            failed: a line for each kind of failure.

        Raises:
            typer.Exit: something failed, or a file could not be written.
        """
        writers: dict[Path, Callable[[], None]] = {
            **{path: partial(results.write, path, overwrite=self.overwrite) for path in self.outputs},
            **(more or {}),
        }
        shown = is_printed(lambda: self._show(results, terminal, page=page), debug=False, beside_files=bool(writers))
        done = [path for path, write in writers.items() if _is_written(write)]
        if done:
            terminal.say(f"results: {', '.join(map(str, done))}")
        for line in failed:
            terminal.fail(f"av2a: {line}")
        if failed or not shown or len(done) < len(writers):
            raise typer.Exit(ExitStatus.SOME_FAILED)

    def _show(self, results: Results, terminal: Terminal, *, page: bool) -> None:
        in_columns = not self.as_json and (terminal.data.is_terminal or not page)
        for fact in results.facts:
            if not page:
                terminal.say(fact)
            elif in_columns:
                terminal.show(fact, "dim")
        if in_columns:
            _show_tables(results, terminal)
        else:
            terminal.show_text(results.json() if self.as_json else results.markdown())


def _is_written(write: Callable[[], None]) -> bool:
    try:
        write()
    except OutputRefused as refusal:
        print_failure(refusal, debug=False)
        return False
    return True


def _show_tables(results: Results, terminal: Terminal) -> None:
    """Print the title and the tables in columns."""
    if results.title:
        terminal.show(results.title, "bold")
    for number, table in enumerate(results.tables):
        if results.title or number:
            terminal.show()
        if table.heading:
            terminal.show(table.heading, "bold")
        terminal.show_rows(table.aligned())
        for note in table.notes:
            terminal.show(note, "italic")
