"""Which frames and which audio samples belong to each segment, to a window of the video, and to an interval.

Two ways. *By time*: frames at times spread evenly, audio in a window around the segment; right for any file. *By index*: frame
numbers as the released code counts them (behaviours 9, 10 and 26), each window of the video parsed by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from av2a.backbones.base import Backbone, Span
from av2a.settings import Sampling, SegmentSound, Selection, Settings, SoundScope
from av2a.timeline import Grid, spread_indexes

Times = tuple[float, ...]
"""The times of an input's frames in seconds, rising."""

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
    """For each segment the span of audio that it is encoded with, in seconds.

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


@dataclass(frozen=True)
class PartPlan:
    """What is sampled of one part of a clip: the whole clip by time, one window of it by index."""

    grid: Grid
    first_segment: int
    segment_times: list[Times]
    """When each segment is looked at."""
    segment_spans: list[Span]
    """The audio that each segment is heard in, in seconds."""
    windows: list[tuple[Times, Span]]
    """The windows that are embedded whole."""
    window_of: Int64[np.ndarray, " segment"]
    """The window that each segment lies in."""
    own_frames: Float64[np.ndarray, " frame"] | None = None
    """By index: when each frame of the part is shown."""
    shares_frames: bool = False
    """By time: an interval is looked at in its segments' frames, as the encoder embeds clips frame by frame."""

    def interval(self, start: int, stop: int) -> tuple[Times, Span]:
        """The frame times and the audio of segments ``[start, stop)`` of the part."""
        if self.own_frames is None:
            span = self.grid.seconds(start, stop)
            if self.shares_frames:
                return tuple(time for times in self.segment_times[start:stop] for time in times), span
            return tuple(spread_times(*span, CLIP_FRAMES).tolist()), span
        # The audio ends on the grid, also where the clip is a little longer (behaviour 26).
        length, first = self.grid.segment_seconds, self.first_segment * self.grid.segment_seconds
        span = first + start * length, first + stop * length
        frames = len(self.own_frames)
        if not frames:
            return (), span
        indexes = interval_indexes(frames, start, stop, segments=len(self.segment_spans))
        return tuple(self.own_frames[indexes].tolist()), span


def plan_by_time(grid: Grid, backbone: Backbone, settings: Settings) -> PartPlan:
    """What is sampled of a whole clip, by time."""
    each, count, windows = settings.frames_per_segment, grid.segments, grid.windows(settings.window_seconds)
    times = frame_times(grid, 0, count, each).reshape(count, each).tolist()
    window_of = np.repeat(np.arange(len(windows)), [stop - start for start, stop in windows])
    window_spans = [grid.seconds(*window) for window in windows]
    plan = PartPlan(
        grid=grid,
        first_segment=0,
        segment_times=[tuple(part) for part in times],
        segment_spans=_segment_spans(grid, [window_spans[window] for window in window_of], backbone, settings),
        windows=[],
        window_of=window_of,
        shares_frames=backbone.visual.clips_are_frames,
    )
    if settings.selection is Selection.WHOLE:
        plan.windows.extend(plan.interval(*window) for window in windows)
    return plan


def plans_by_index(
    grid: Grid, frames: Float64[np.ndarray, " frame"], backbone: Backbone, settings: Settings
) -> list[PartPlan]:
    """What is sampled of each window of a clip whose frames are shown at these times, by index."""
    windows = grid.windows(settings.window_seconds)
    spans = [grid.seconds(*window) for window in windows]
    window_spans = [span for span, (start, stop) in zip(spans, windows, strict=True) for _ in range(start, stop)]
    segment_spans = _segment_spans(grid, window_spans, backbone, settings)
    # Frames at the border belong to the later window; what is shown after the last segment, to the last window.
    edges = [*np.searchsorted(frames, [first - 1e-6 for first, _ in spans]), len(frames)]
    stops = [*np.searchsorted(frames, [last for _, last in spans[:-1]]), len(frames)]
    plans = []
    for number, ((start, stop), span) in enumerate(zip(windows, spans, strict=True)):
        own, count = frames[edges[number] : stops[number]], stop - start
        picked = [
            tuple(own[spread_indexes(len(own), many)].tolist()) if len(own) else () for many in (count, CLIP_FRAMES)
        ]
        plans.append(
            PartPlan(
                grid=grid,
                first_segment=start,
                segment_times=[(time,) for time in picked[0]] or [()] * count,
                segment_spans=segment_spans[start:stop],
                windows=[(picked[1], span)] if settings.selection is Selection.WHOLE else [],
                window_of=np.zeros(count, dtype=np.int64),
                own_frames=own,
            )
        )
    return plans


def embeds_slices(settings: Settings) -> bool:
    """Whether segments are heard as slices of longer passes."""
    return settings.sound is SoundScope.SEGMENT and settings.segment_sound is SegmentSound.SLICES


def samples_by_time(settings: Settings) -> bool:
    """Whether frames are sampled by time; by index otherwise."""
    return settings.sampling is Sampling.TIME


def _segment_spans(grid: Grid, window_spans: list[Span], backbone: Backbone, settings: Settings) -> list[Span]:
    """The audio that each segment is heard in; ``window_spans`` holds the window of each."""
    if settings.sound is SoundScope.CLIP:
        return window_spans
    audio = backbone.audio
    sliced = embeds_slices(settings)
    return sound_windows(
        grid, getattr(audio, "slice_seconds", audio.segment_seconds) if sliced else audio.segment_seconds
    )
