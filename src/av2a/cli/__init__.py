"""The command: parse, call, print.

One file a subcommand; what they share has files of its own. The one place that catches is here: whatever happens, a user
sees one line that says what was wrong and what to do next, and the exit status of :class:`ExitStatus`.
"""

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from av2a.cli.exit_status import ExitStatus


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command as the shell called it, and leave with its exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _print_anything()
    status = _caught(arguments)
    # What is left to write can still meet a closed pipe, after the last line that could catch it.
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = _reader_has_gone()
    sys.exit(status)


def _caught(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        # Imported here, so that an interrupt or a broken installation is caught as well.
        from av2a.cli.app import run

        return run(arguments)
    except BrokenPipeError:
        return _reader_has_gone()
    except KeyboardInterrupt:
        print("av2a: interrupted; results already written are whole and kept", file=sys.stderr)
        return ExitStatus.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place that catches
        from av2a.cli.failure import print_failure

        return print_failure(error, debug=debug)


def _print_anything() -> None:
    """A name that the terminal cannot show is escaped, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _reader_has_gone() -> int:
    """Nobody reads any more (``av2a … | head``): no complaint, and none from Python's own last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitStatus.SOME_FAILED
