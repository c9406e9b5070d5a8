"""What the command's exit status says."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses, a promise to scripts."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    NO_INPUT = 4
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for the help."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitStatus.DONE: "done, also when nothing was found",
    ExitStatus.SOME_FAILED: "some inputs failed (the others were done), or an unexpected error",
    ExitStatus.USAGE: "usage: a name, value, file or output that cannot be meant",
    ExitStatus.UNAVAILABLE: "a model, its weights, annotations or a library are not at hand",
    ExitStatus.NO_INPUT: "no usable input",
    ExitStatus.INTERRUPTED: "interrupted (Ctrl-C); what was finished is kept",
}
