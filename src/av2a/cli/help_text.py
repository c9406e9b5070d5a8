"""Help as plain text: what it does, examples first, options in groups, exit statuses last."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typer import Exit, echo, style
from typer.core import TyperCommand, TyperGroup

from av2a.cli.exit_status import ExitStatus

WIDEST = 100
"""Help takes no more columns than this."""


@dataclass(frozen=True)
class Example:
    """A command line and what it is for."""

    line: str
    purpose: str


def write_examples(formatter: Any, examples: Sequence[Example]) -> None:
    """The examples, each below the words that say what it is for."""
    with formatter.section(_bold("Examples")):
        for example in examples:
            formatter.write(f"  # {example.purpose}\n  {example.line}\n")


def write_exit_statuses(formatter: Any) -> None:
    """The table of exit statuses."""
    with formatter.section(_bold("Exit status")):
        formatter.write_dl([(str(int(status)), status.meaning) for status in ExitStatus])


def write_parameters(command: Any, context: Any, formatter: Any) -> None:
    """Arguments and options, under the headings of their panels, in the order in which panels come up."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            name, words = record
            # Of an argument Typer would show its Python type.
            shown = name.partition(" <")[0] if parameter.param_type_name == "argument" else name
            groups.setdefault(_heading(parameter), []).append((shown, words))
    for heading, records in groups.items():
        with formatter.section(_bold(heading)):
            formatter.write_dl(records)


def _bold(heading: str) -> str:
    # Typer takes it out again where help is not shown on a terminal.
    return heading if "NO_COLOR" in os.environ else style(heading, bold=True)


def _heading(parameter: Any) -> str:
    panel = getattr(parameter, "rich_help_panel", None)
    return panel or ("Arguments" if parameter.param_type_name == "argument" else "Options")


class HelpfulCommand(TyperCommand):
    """A subcommand whose help has its examples before its options."""

    examples: tuple[Example, ...] = ()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Write an argument that is needed as ``NAME``, where Typer writes ``{NAME}``."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole help page."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)
        write_parameters(self, ctx, formatter)
        write_exit_statuses(formatter)


class HelpfulGroup(TyperGroup):
    """The command itself."""

    examples: tuple[Example, ...] = ()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole help page."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)
        with formatter.section(_bold("Commands")):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=WIDEST)) for name in self.commands])
        write_parameters(self, ctx, formatter)
        write_exit_statuses(formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As usual, but a call without anything is answered with the help, on stderr as it is no answer."""
        if not args and not ctx.resilient_parsing:
            echo(ctx.get_help(), err=True)
            raise Exit(ExitStatus.USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which a newcomer needs them."""
        return list(self.commands)


def helpful(*examples: Example) -> type[HelpfulCommand]:
    """The command class that shows these examples."""
    return type("HelpfulCommand", (HelpfulCommand,), {"examples": examples})


def helpful_group(*examples: Example) -> type[HelpfulGroup]:
    """The group class that shows these examples."""
    return type("HelpfulGroup", (HelpfulGroup,), {"examples": examples})
