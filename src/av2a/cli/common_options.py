"""Options of several subcommands: what is reported on stderr, JSON, and existing files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from av2a.cli.terminal import Terminal

WHERE = "Where the answer goes"
"""The heading of options about outputs."""

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing on stderr but errors.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Print on stderr what was chosen, too.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")]


@dataclass(frozen=True)
class TalkOptions:
    """How much is printed on stderr."""

    quiet: QuietOption = False
    verbose: VerboseOption = False
    debug: DebugOption = False

    def terminal(self) -> "Terminal":
        """Where the subcommand prints."""
        # Rich is imported by a subcommand that runs, not by one whose help is shown.
        from av2a.cli.terminal import Talk, Terminal

        return Terminal(Talk.chosen(quiet=self.quiet, verbose=self.verbose))


@dataclass(frozen=True)
class JsonOptions:
    """The form of what is printed on stdout."""

    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False
