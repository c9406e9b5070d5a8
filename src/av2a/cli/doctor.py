"""``av2a doctor``: what this installation can do, and how to mend what it cannot."""

import typer

from av2a.cli.checks import State, all_checks
from av2a.cli.command import command
from av2a.cli.common_options import JsonOptions, TalkOptions
from av2a.cli.exit_status import ExitStatus
from av2a.cli.help_text import Example


@command(
    Example("av2a doctor", "what works here, and what would make more work"),
    Example("av2a doctor --json", "the same for a report or a script"),
)
def doctor(output: JsonOptions, talk: TalkOptions) -> None:
    """Say what this installation can do.

    The exit status is 0 when all that is needed works, 1 otherwise; optional parts may be absent.
    """
    terminal = talk.terminal()
    with terminal.progress("checking"):
        checks = all_checks()
    broken = [check for check in checks if check.state is State.BROKEN]
    if output.as_json:
        terminal.show_json({"ok": not broken, "checks": [check.as_dict() for check in checks]})
    else:
        terminal.show_rows([check.cells(ascii_only=terminal.ascii_only) for check in checks])
        terminal.say("all that is needed works" if not broken else f"{len(broken)} of {len(checks)} checks failed")
    if broken:
        raise typer.Exit(ExitStatus.SOME_FAILED)
