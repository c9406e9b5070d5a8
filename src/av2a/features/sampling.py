"""Which frames and which samples belong to each segment, to a window of the video, and to an interval.

Two ways. *By time*: pictures at times spread evenly, sound in a window around the segment; right for any file. *By index*: frame
numbers as the released code counts them (behaviours 9, 10 and 26), for clips that are parsed by themselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from av2a.timeline import Grid, spread_indexes

CLIP_FRAMES = 8
"""Frames that stand for a whole clip or interval (behaviours 6, 7 and 26)."""


def frame_times(grid: Grid, start: int, stop: int, each: int) -> Float64[np.ndarray, " frame"]:
    """``each`` times in every segment of ``[start, stop)``, at the middles of its equal parts, in seconds.

    >>> frame_times(Grid(3.0), 0, 2, each=2)
    array([0.25, 0.75, 1.25, 1.75])
    """
    edges = grid.edges_seconds[start : stop + 1]
    parts = (np.arange(each) + 0.5) / each
    return np.asarray(edges[:-1, None] + parts * np.diff(edges)[:, None]).ravel()


def spread_times(start_seconds: float, stop_seconds: float, count: int) -> Float64[np.ndarray, " frame"]:
    """``count`` times spread evenly over an interval, at the middles of its equal parts."""
    return np.asarray(start_seconds + (np.arange(count) + 0.5) / count * (stop_seconds - start_seconds))


def sound_windows(grid: Grid, at_least_seconds: float) -> list[tuple[float, float]]:
    """For each segment the stretch of sound to hear it in, in seconds.

    The segment itself or, where it is shorter than ``at_least_seconds``, that much around its middle, moved inwards at the clip's ends.

    >>> sound_windows(Grid(4.0), at_least_seconds=2.0)
    [(0.0, 2.0), (0.5, 2.5), (1.5, 3.5), (2.0, 4.0)]
    """
    edges = grid.edges_seconds
    windows = []
    for start, stop in pairwise(edges):
        missing = max(0.0, at_least_seconds - (stop - start))
        first = min(max(0.0, start - missing / 2), max(0.0, grid.duration_seconds - at_least_seconds))
        last = min(grid.duration_seconds, max(stop, first + at_least_seconds))
        windows.append((float(first), float(last)))
    return windows


def interval_indexes(
    frames: int, start: int, stop: int, *, segments: int = 10, count: int = CLIP_FRAMES
) -> Int64[np.ndarray, " count"]:
    """``count`` frame numbers of segments ``[start, stop)`` (behaviour 10).

    A segment has ``frames // segments`` frames, so the last few of a clip belong to none. Departs from the released code
    where that gives no frame at all (fewer frames than segments): the nearest frame stands in.

    >>> interval_indexes(303, 8, 10)
    array([240, 248, 256, 265, 273, 282, 290, 299])
    """
    each = frames // segments
    first, last = min(start * each, frames), min(stop * each, frames)
    if first >= last:
        return np.full(count, min(start * frames // segments, frames - 1), dtype=np.int64)
    return first + spread_indexes(last - first, count)


def interval_samples(sample_rate_hz: int, samples: int, start_seconds: float, stop_seconds: float) -> tuple[int, int]:
    """The samples of an interval, ``[first, last)``, ending with the sound; equal when there are none (behaviour 26).

    >>> interval_samples(16000, 147326, 8.0, 10.0)
    (128000, 147326)
    """
    last = min(int(stop_seconds * sample_rate_hz), samples)
    return min(int(start_seconds * sample_rate_hz), last), last


def cut_sounds(
    blocks: Iterable[tuple[int, np.ndarray]], intervals: Sequence[tuple[int, int]], least_part: float = 0.5
) -> Iterator[np.ndarray | None]:
    """The sound of each interval, cut from a stream of blocks; holds no more of it than the intervals still need.

    Args:
        blocks: (first sample, samples), in order, not overlapping; there may be gaps.
        intervals: ``[first, last)`` samples, sorted by their first.
        least_part: an interval of which less than this part is there counts as having no sound: None.

    Each sound begins and ends with what is there of it; gaps within are silent.
    """
    source = iter(blocks)
    held: list[tuple[int, np.ndarray]] = []
    ended = False
    for first, last in intervals:
        held = [block for block in held if block[0] + len(block[1]) > first]
        while not ended and (not held or held[-1][0] + len(held[-1][1]) < last):
            block = next(source, None)
            if block is None:
                ended = True
            elif block[0] + len(block[1]) > first:
                held.append(block)
        yield _cut(held, first, last, least_part)


def _cut(held: list[tuple[int, np.ndarray]], first: int, last: int, least_part: float) -> np.ndarray | None:
    parts = [
        (max(start, first), samples[max(first - start, 0) : max(last - start, 0)])
        for start, samples in held
        if start < last and start + len(samples) > first
    ]
    if sum(len(samples) for _, samples in parts) < max(least_part * (last - first), 1):
        return None
    begin = parts[0][0]
    sound = np.zeros(parts[-1][0] + len(parts[-1][1]) - begin, dtype=np.float32)
    for start, samples in parts:
        sound[start - begin : start - begin + len(samples)] = samples
    return sound
