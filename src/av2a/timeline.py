"""Seconds, segment indexes and masks into one another.

Zero is the start of the container. Intervals are half-open: ``[start, stop)``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, inf

import numpy as np
from jaxtyping import Bool, Float64, Int64

from av2a.errors import InvalidScores


def runs(mask: Bool[np.ndarray, " segment"]) -> list[tuple[int, int]]:
    """The maximal runs of True as ``[start, stop)`` segment indexes, in order.

    Source: the definition of S_k in the paper (before Eq. 9).

    >>> runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    padded = np.concatenate([[False], mask, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def spread_indexes(frames: int, count: int) -> Int64[np.ndarray, " count"]:
    """``count`` frame numbers from the first to the last of ``frames``, rounded down (behaviours 9 and 10).

    >>> spread_indexes(300, 10)
    array([  0,  33,  66,  99, 132, 166, 199, 232, 265, 299])
    """
    return np.arange(count, dtype=np.int64) * (frames - 1) // max(count - 1, 1)


def united(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The intervals in order, those that overlap or touch made one.

    >>> united([(3.0, 4.0), (0.0, 2.0), (1.0, 3.0), (6.0, 7.0)])
    [(0.0, 4.0), (6.0, 7.0)]
    """
    found: list[tuple[float, float]] = []
    for start, stop in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return found


def whole_milliseconds(start_seconds: float, stop_seconds: float, duration_seconds: float = inf) -> tuple[float, float]:
    """An interval in whole milliseconds, never empty and, where it can be, not beyond the end of its clip.

    >>> whole_milliseconds(1.00049, 2.0)
    (1.0, 2.0)
    >>> whole_milliseconds(0.0, 0.0001)
    (0.0, 0.001)
    >>> whole_milliseconds(3.0, 10.0336, duration_seconds=10.0336)
    (3.0, 10.033)
    """
    # The end of the clip is written in microseconds; a number of them may lie below a whole millisecond by rounding alone.
    end = inf if duration_seconds == inf else max(1, floor(round(duration_seconds, 6) * 1000 + 1e-6))
    start = min(round(start_seconds * 1000), end - 1)
    stop = min(max(start + 1, round(stop_seconds * 1000)), end)
    return start / 1000, stop / 1000


@dataclass(frozen=True)
class Grid:
    """The segments of one clip: ``segment_seconds`` long, the last one to the clip's end.

    A rest shorter than half a segment joins the last segment, a longer one becomes a segment of its own, so that a clip
    of 10.03 seconds has ten one-second segments.

    >>> grid = Grid(duration_seconds=10.03, segment_seconds=1.0)
    >>> grid.segments
    10
    >>> grid.seconds(8, 10)
    (8.0, 10.03)
    """

    duration_seconds: float
    segment_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not self.duration_seconds > 0:
            raise ValueError(f"duration_seconds must be above 0, got {self.duration_seconds}")
        if not self.segment_seconds > 0:
            raise ValueError(f"segment_seconds must be above 0, got {self.segment_seconds}")

    @property
    def segments(self) -> int:
        """How many segments there are, at least one."""
        return max(1, floor(self.duration_seconds / self.segment_seconds + 0.5))

    @property
    def edges_seconds(self) -> Float64[np.ndarray, " edge"]:
        """The borders of the segments, one more than there are segments."""
        edges = np.arange(self.segments + 1) * self.segment_seconds
        edges[-1] = self.duration_seconds
        return edges

    def check_rows(self, rows: int, of: str = "scores") -> None:
        """Refuse scores that have not one row for each segment; ``of`` is what they are called.

        Raises:
            InvalidScores: they have more or fewer.
        """
        if rows != self.segments:
            raise InvalidScores(
                f"{of} has {rows} rows, and the clip of {self.duration_seconds:g} s has {self.segments} segments of "
                f"{self.segment_seconds:g} s (rounded half up, at least 1): give a row for each, or set segment_seconds"
            )

    def seconds(self, start: int, stop: int) -> tuple[float, float]:
        """Segments ``[start, stop)`` in seconds."""
        if not 0 <= start < stop <= self.segments:
            raise ValueError(f"segments must satisfy 0 <= start < stop <= {self.segments}, got [{start}, {stop})")
        end = self.duration_seconds if stop == self.segments else stop * self.segment_seconds
        return start * self.segment_seconds, end

    def segments_in(self, seconds: float) -> int:
        """How many segments a window of so many seconds has, at least one."""
        return max(1, round(seconds / self.segment_seconds))

    def windows(self, window_seconds: float) -> list[tuple[int, int]]:
        """The clip in consecutive windows, as segments ``[start, stop)``; the last one may be shorter.

        >>> Grid(duration_seconds=25.0).windows(10.0)
        [(0, 10), (10, 20), (20, 25)]
        """
        count, each = self.segments, self.segments_in(window_seconds)
        return [(start, min(start + each, count)) for start in range(0, count, each)]
