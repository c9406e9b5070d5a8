"""Every refusal that a user can meet.

::

    Av2aError
    ├── UsageError            2   invalid arguments
    │   ├── UnknownName           no backbone, profile, format or setting of that name
    │   ├── InvalidLabels         no labels, empty ones, too many, too long
    │   ├── InvalidSetting        a setting out of its range
    │   ├── MissingFile           no file of that name
    │   ├── InvalidAnnotations    an annotation file that cannot be read as one
    │   └── OutputRefused         an output that cannot or must not be written
    ├── StdoutFailed          1   stdout cannot be written
    │   └── ReaderGone            nobody reads it any more
    ├── WeightsUnavailable    3   a model or its weights are not available
    │   └── MissingDependency     an optional library is not installed
    ├── DataUnavailable       3   a dataset's annotations are not available
    ├── BrokenPlugin          3   another package's plug-in does not work
    └── MediaError            4   a file that cannot be used
        ├── NotMedia              not a regular file, empty, or in no known format
        ├── NoStreams             neither video nor audio in it
        ├── TooLarge              beyond a stated limit
        └── FileChanged           replaced or changed while it was in use

Each has an exit status (above) and a stable code (``E_…``). Messages are one line: what was wrong, then what to do next.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class Av2aError(Exception):
    """A refusal with one line to show, an exit status and a stable code."""

    code: ClassVar[str] = "E_AV2A"
    exit_status: ClassVar[int] = 1


class UsageError(Av2aError):
    """Invalid arguments: a name, a value, a file or an output."""

    code = "E_USAGE"
    exit_status = 2


class UnknownName(UsageError):
    """No backbone, profile, output format or setting of that name."""

    code = "E_UNKNOWN_NAME"

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> "UnknownName":
        """The error for ``name``, with the nearest known names first.

        >>> str(UnknownName.among("backbone", "minni", ["mini", "clip-clap"]))
        "unknown backbone 'minni': did you mean 'mini'? known: clip-clap, mini"
        """
        known = sorted(known)
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return cls(f"unknown {kind} {one_line(name)!r}: {hint}known: {', '.join(known)}")


class UnknownLabel(UnknownName, KeyError):
    """A label that an answer is not about."""

    # A KeyError shows the repr of its message.
    __str__ = Exception.__str__


class InvalidLabels(UsageError):
    """No labels, empty ones, the same one twice, too many or too long."""

    code = "E_LABELS"


class InvalidSetting(UsageError, ValueError):
    """A setting out of its range."""

    code = "E_SETTING"


class MissingFile(UsageError):
    """No file of that name."""

    code = "E_NO_SUCH_FILE"


class InvalidAnnotations(UsageError):
    """An annotation file that cannot be read: it is not text, lacks a column, or has invalid times."""

    code = "E_ANNOTATIONS"


class InvalidScores(Av2aError):
    """A file of scores that cannot be used: another kind of file, or arrays that do not fit together."""

    code = "E_SCORES"
    exit_status = 4


class OutputRefused(UsageError):
    """An output that cannot be written, or would overwrite one that is there."""

    code = "E_OUTPUT"


class StdoutFailed(Av2aError):
    """Stdout cannot be written, as on a full disk."""

    code = "E_OUTPUT"
    exit_status = 1


class ReaderGone(StdoutFailed):
    """Nobody reads stdout any more."""


class WeightsUnavailable(Av2aError):
    """A model or its weights are not available."""

    code = "E_WEIGHTS"
    exit_status = 3


class MissingWeights(WeightsUnavailable):
    """Weights that are not on this machine and were not downloaded; up to three lines, of which the later ones name ways out."""


class MissingDependency(WeightsUnavailable):
    """An optional library is not installed."""

    code = "E_DEPENDENCY"


class DataUnavailable(Av2aError):
    """A dataset's annotations are not available, and cannot be downloaded."""

    code = "E_DATA"
    exit_status = 3


class BrokenPlugin(Av2aError):
    """Another package's plug-in cannot be imported, fails, or does not offer what its kind must."""

    code = "E_PLUGIN"
    exit_status = 3


class MediaError(Av2aError):
    """A file that cannot be used."""

    code = "E_MEDIA"
    exit_status = 4


class NoClips(MediaError):
    """No clip of a data set can be used."""

    code = "E_NO_CLIPS"


class NotMedia(MediaError):
    """Not a regular file, empty, or in a format that is not read."""

    code = "E_MEDIA_FORMAT"


class NoStreams(MediaError):
    """Neither video nor audio can be decoded from it."""

    code = "E_MEDIA_NO_STREAMS"


class TooLarge(MediaError):
    """Beyond a stated limit: duration, frame size, streams."""

    code = "E_MEDIA_LIMIT"


class FileChanged(MediaError):
    """Replaced or changed while it was in use."""

    code = "E_MEDIA_CHANGED"


def one_line(text: str, longest: int = 80) -> str:
    """``text`` fit for one line of an error: no line breaks, shortened in the middle.

    >>> one_line("two\\nlines")
    'two lines'
    >>> one_line("a" * 200, longest=11)
    'aaaaa…aaaaa'
    """
    flat = " ".join(text.split())
    if len(flat) <= longest:
        return flat
    half = (longest - 1) // 2
    return f"{flat[:half]}…{flat[-half:]}"
