"""A refusal, or a fault of our own, as one line on stderr."""

import sys
import traceback
from collections.abc import Callable

from av2a.cli.exit_status import ExitStatus
from av2a.cli.safe_text import terminal_safe
from av2a.errors import Av2aError, MissingWeights, ReaderGone, StdoutFailed

UNEXPECTED = "E_UNEXPECTED"
REPORT_IT = "run it again with --debug to see where, and report it"


def print_failure(error: Exception, *, debug: bool, about: str | None = None) -> int:
    """Say on stderr what ended the run, or the work on ``about``; with ``debug`` where, too. Returns the exit status."""
    if debug:
        traceback.print_exception(error)
    print(failure_line(error, about=about), file=sys.stderr)
    return exit_status(error)


def is_printed(show: Callable[[], None], *, debug: bool, beside_files: bool = True) -> bool:
    """Print what ``beside_files`` the user keeps: then a stdout that cannot be written is named and ends nothing.

    False for it; a reader who has left (``| head``) is no failure.

    Raises:
        StdoutFailed: there are no files, and the answer is lost.
    """
    try:
        show()
    except StdoutFailed as error:
        if not beside_files:
            raise
        if not isinstance(error, ReaderGone):
            print_failure(error, debug=debug)
            return False
    return True


def failure_line(error: Exception, *, about: str | None = None) -> str:
    """``av2a: error[E_CODE]: what; what next``, on one line whatever the error's text holds; of missing weights on three."""
    text = _text(error)
    # Our own refusals name what they are about.
    subject = "" if about is None or isinstance(error, Av2aError) else f"{about}: "
    # The ways out of missing weights have lines of their own.
    lines = text.splitlines() if isinstance(error, MissingWeights) else [text]
    first, *others = map(terminal_safe, [subject + lines[0], *lines[1:]])
    return "\n  ".join([f"av2a: error[{code(error)}]: {first}", *others])


def code(error: Exception) -> str:
    """The stable code of an error."""
    return error.code if isinstance(error, Av2aError) else UNEXPECTED


def exit_status(error: Exception) -> int:
    """The exit status that an error asks for."""
    return error.exit_status if isinstance(error, Av2aError) else ExitStatus.SOME_FAILED


def _text(error: Exception) -> str:
    if isinstance(error, Av2aError):
        return str(error)
    words = str(error) or "no message"
    return f"unexpected {type(error).__name__} ({words}): {REPORT_IT}"
