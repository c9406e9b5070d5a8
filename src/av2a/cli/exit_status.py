"""The exit statuses of the command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """A promise to scripts: the numbers stay."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    NO_INPUT = 4
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """One line for the help."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitStatus.DONE: "done, also when nothing was found",
    ExitStatus.SOME_FAILED: "some inputs or outputs failed (the others were done), or an unexpected error",
    ExitStatus.USAGE: "usage: an invalid name, value, file or output",
    ExitStatus.UNAVAILABLE: "a model, its weights, annotations or a library are not available",
    ExitStatus.NO_INPUT: "no usable input",
    ExitStatus.INTERRUPTED: "interrupted (Ctrl-C); what was finished is kept",
    ExitStatus.TERMINATED: "terminated (SIGTERM); what was finished is kept",
}
