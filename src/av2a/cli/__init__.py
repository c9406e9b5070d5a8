"""The command: options are parsed, the library is called, the answer is printed.

One file holds a subcommand, or several that share their work; options in groups have files of their own. Exceptions are caught
here, in one place: the user sees one line that says what was wrong and what to do next, and the exit status of
:class:`ExitStatus`.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from av2a.cli.exit_status import ExitStatus
from av2a.cli.streams import guarded
from av2a.errors import ReaderGone


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command as the shell called it, and leave with its exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with guarded(), _sigterm_as_interrupt() as received:
        try:
            status = _status(arguments)
        except KeyboardInterrupt:
            status = ExitStatus.TERMINATED if received else ExitStatus.INTERRUPTED
            words = "terminated" if received else "interrupted"
            print(f"av2a: {words}; results already written are whole and kept", file=sys.stderr)
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    """The exit status of a call that nobody interrupts."""
    debug = "--debug" in arguments
    try:
        # Imported here, so that an interrupt or a broken installation is caught as well.
        from av2a.cli.app import run

        status = run(arguments)
        sys.stdout.flush()
    except ReaderGone:
        # ``av2a … | head``: no error to report.
        return ExitStatus.SOME_FAILED
    except Exception as error:  # noqa: BLE001 - the one place that catches
        from av2a.cli.failure import print_failure

        return print_failure(error, debug=debug)
    return status


@contextmanager
def _sigterm_as_interrupt() -> Iterator[list[int]]:
    """Within, SIGTERM raises KeyboardInterrupt, so that it cleans up as Ctrl-C does; yields the signals that came."""
    received: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        received.append(number)
        # A second one does not disturb the cleaning up.
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Signals belong to the main thread.
        yield received
        return
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)
