"""What copying and encoding an interval share: the interval, and the errors of a muxer told apart."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import NamedTuple

from av2a.errors import Av2aError, one_line
from av2a.media.reading import faults

TOLERANCE = Fraction(1, 1000)
"""Times of events are whole milliseconds: a frame that is shown this much after the start is its first one, and one that is shown
this much before the stop is no part of it."""

MOVIE_HZ = 90_000
"""Ticks a second of the clock in which lengths of edits are written."""

EDIT_LIST_OPTIONS = {"avoid_negative_ts": "disabled", "movflags": "+faststart", "movie_timescale": str(MOVIE_HZ)}
"""Of the muxers of MP4 and MOV: negative times become edit lists."""

# Errors about the place that is written to; the others are about the packets.
_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM)


class TimeSpan(NamedTuple):
    """A part of a clip, ``[start_seconds, stop_seconds)`` from its zero."""

    start_seconds: float
    stop_seconds: float


class NotCopyable(Exception):
    """Packets that a muxer refuses, or of which no right copy can be made; the message says why."""


@contextmanager
def muxing() -> Iterator[None]:
    """Raises what a muxer refuses as an OSError where the place is at fault, and as :class:`NotCopyable` otherwise."""
    try:
        yield
    except (Av2aError, NotCopyable):
        raise
    except faults() as fault:
        reason = one_line(str(getattr(fault, "strerror", None) or fault) or type(fault).__name__)
        number = getattr(fault, "errno", None)
        if number in _PLACE:
            raise OSError(number, reason) from fault
        raise NotCopyable(reason) from fault
