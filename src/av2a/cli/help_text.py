"""Help as plain text: what the command does, examples first, options in groups, exit statuses last."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

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


class _Helpful:
    """The layout of a help page, for commands and groups of commands."""

    examples: tuple[Example, ...] = ()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Write an argument that is needed as ``NAME``, where Typer writes ``{NAME}``."""
        typers: Any = super()
        # "{NAME}..." where it may be repeated.
        return [piece.replace("{", "").replace("}", "") for piece in typers.collect_usage_pieces(ctx)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole help page."""
        own: Any = self
        own.format_usage(ctx, formatter)
        own.format_help_text(ctx, formatter)
        with formatter.section(_bold("Examples")):
            for example in self.examples:
                formatter.write(f"  # {example.purpose}\n  {example.line}\n")
        if isinstance(own, TyperGroup):
            _write_list(
                formatter,
                "Commands",
                [(name, each.get_short_help_str(limit=WIDEST)) for name, each in own.commands.items()],
            )
        for heading, records in _parameters(own, ctx).items():
            _write_list(formatter, heading, records)
        _write_list(formatter, "Exit status", [(str(int(status)), status.meaning) for status in ExitStatus])


def _parameters(command: Any, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Arguments and options with their help, under the headings of their panels, in the order in which panels come up."""
    found: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            name, words = record
            is_argument = parameter.param_type_name == "argument"
            panel = getattr(parameter, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
            # Of an argument Typer would show its Python type.
            found.setdefault(panel, []).append((name.partition(" <")[0] if is_argument else name, words))
    # What is the same for every subcommand comes last.
    return dict(sorted(found.items(), key=lambda panel: panel[0] == "Options"))


def _write_list(formatter: Any, heading: str, records: list[tuple[str, str]]) -> None:
    with formatter.section(_bold(heading)):
        formatter.write_dl(records)


def _bold(heading: str) -> str:
    # Typer takes it out again where help is not shown on a terminal.
    return heading if "NO_COLOR" in os.environ else style(heading, bold=True)


class HelpfulCommand(_Helpful, TyperCommand):
    """A subcommand whose help has its examples before its options."""


class HelpfulGroup(_Helpful, TyperGroup):
    """A command with subcommands, which it lists in the order in which they were added."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As usual, but a call without anything is answered with the help, on stderr as it is no answer."""
        if not args and not ctx.resilient_parsing:
            echo(ctx.get_help(), err=True)
            raise Exit(ExitStatus.USAGE)
        return super().parse_args(ctx, args)


_H = TypeVar("_H", HelpfulCommand, HelpfulGroup)


def with_examples(kind: type[_H], examples: Iterable[Example]) -> type[_H]:
    """The class of a command, with these examples in its help."""
    return type(kind.__name__, (kind,), {"examples": tuple(examples)})
