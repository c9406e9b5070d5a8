"""Tables of results: where they go, and how they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal
    from av2a.research.sheets import Sheet

_WHERE = "Where the answer goes"

SheetOutputsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Write a file, in the format of its ending: .md .csv .json; may be repeated.",
        rich_help_panel=_WHERE,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.", rich_help_panel=_WHERE)]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Write over files that are already there.", rich_help_panel=_WHERE)
]


@dataclass(frozen=True)
class SheetOutputs:
    """What was asked for."""

    paths: tuple[Path, ...]
    as_json: bool
    overwrite: bool

    @classmethod
    def checked(cls, paths: Sequence[Path] | None, *, as_json: bool, overwrite: bool) -> "SheetOutputs":
        """Refuse what could not be written, before any work is done.

        Raises:
            OutputRefused, UnknownName: as :func:`av2a.exports.files.check_file`.
        """
        from av2a.exports.files import check_file
        from av2a.research.sheet_texts import ENDINGS

        for path in paths or ():
            check_file(path, ENDINGS, overwrite=overwrite)
        return cls(tuple(paths or ()), as_json, overwrite)

    def give(self, sheets: "Sequence[Sheet]", about: Mapping[str, Any], terminal: "Terminal") -> None:
        """Write the files, each whole, and show the tables."""
        from av2a.exports.files import write_whole
        from av2a.research.sheet_texts import text

        for path in self.paths:
            content = text(sheets, about, path.suffix.lower()).encode("utf-8", "backslashreplace")
            write_whole(path, content)
        if self.as_json or not terminal.data.is_terminal:
            terminal.show_text(text(sheets, about, ".json" if self.as_json else ".md"))
        else:
            _show(sheets, about, terminal)
        if self.paths:
            terminal.say(f"results: {', '.join(map(str, self.paths))}")


def _show(sheets: "Sequence[Sheet]", about: Mapping[str, Any], terminal: "Terminal") -> None:
    """The tables fitted to the terminal that they are shown in."""
    from rich.text import Text

    from av2a.research.sheet_texts import about_lines, rows

    for line in about_lines(about):
        terminal.show(Text(line, "dim"))
    for sheet in sheets:
        terminal.show(Text(f"\n{sheet.heading}", "bold"))
        terminal.show_rows([[Text(cell) for cell in row] for row in rows(sheet)])
        for finding in sheet.findings:
            terminal.show(Text(finding, "italic"))
