"""Frames at given times.

*The frame at t* is the last one whose presentation time is not later than t. Before the first one there is none, nor after
the last one has been shown for its own duration; where the container stores no durations of frames, the last one is shown to the
end, as players do. A time counts as reached when it is nearer than half a tick of the container's clock (at most 0.5 ms:
Matroska rounds to milliseconds).

Files are decoded forward, once, up to the last requested time (of H.264 and HEVC without the frames that nobody requested and no
other frame depends on): of nine ways tried on variable frame rates, late starts and transport streams that was the only one
always right. Where the next requested time is far ahead, a second reader may start at a key frame before it, and is taken only
when it proves to stand between here and there.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from jaxtyping import Float64, UInt8

from av2a.errors import InvalidSetting
from av2a.media.ends import Ends
from av2a.media.reading import (
    FARTHEST_SECONDS,
    Container,
    Frame,
    Losses,
    Packet,
    Source,
    Stream,
    Warn,
    container_start_seconds,
    decoded,
    frame_rate_hz,
    ignore,
    opened,
    packets_of,
    refusals,
    seconds_of,
    seek,
)
from av2a.media.upright import Turner
from av2a.types import Clip

END_TOLERANCE_SECONDS = 0.1
"""The last frame is shown this much longer than its own duration: audio often outlasts the video a little."""

BACKWARD_SECONDS = 0.1
"""Times that go back by less than this are jitter of a recorder's clock, and no splice."""

SKIPPABLE = ("h264", "hevc")
"""Codecs whose packets say whether other frames depend on them."""

SEEK_AHEAD_SECONDS = 20.0
"""A time this far ahead is worth a seek: key frames are seldom farther apart than 10 s."""

SEEK_MARGIN_SECONDS = 2.0
"""Seek this much earlier: what follows a key frame in the file may come before it on the screen, and be broken."""

SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers with an index. In transport streams a seek finds nothing."""


@dataclass(frozen=True)
class Picture:
    """One decoded frame, RGB, upright (rotation and mirroring applied), as many pixels as stored."""

    seconds: float
    """When it is first shown, counted from the clip's zero."""
    pixels: UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class _FrameClock:
    """How the time stamps of one stream become seconds."""

    time_base: Fraction
    start_seconds: float
    frame_seconds: Fraction
    """One over the frame rate."""
    by_index: bool
    """No usable time stamps: frames are evenly spaced."""

    @classmethod
    def of(cls, container: Container, stream: Stream) -> "_FrameClock":
        rate = frame_rate_hz(stream, averaged=False) or Fraction(25)
        # AVI stores no presentation times: where frames are reordered, what FFmpeg makes up for them is wrong.
        reordered_avi = container.format.name == "avi" and bool(stream.codec_context.has_b_frames)
        return cls(stream.time_base, container_start_seconds(container), 1 / rate, reordered_avi)

    @property
    def tolerance_seconds(self) -> float:
        """Half a tick, but no more than half a millisecond; container.start_time is rounded to microseconds."""
        return min(max(float(self.time_base) / 2, 2e-6), 5e-4)

    def by_number(self, number: int) -> float:
        """When the frame of this number is shown, at a constant rate."""
        return float(number * self.frame_seconds)

    def seconds(self, ticks: int) -> float:
        """A time stamp, counted from the clip's zero."""
        return seconds_of(ticks, self.time_base, self.start_seconds)

    def seconds_of_frame(self, number: int, frame: Frame, previous_seconds: float) -> float:
        """When a decoded frame is shown; one without a time stamp among others follows the one before it."""
        if self.by_index:
            return self.by_number(number)
        if frame.pts is None:
            return previous_seconds + float(self.frame_seconds)
        return self.seconds(frame.pts)


def frame_times(clip: Clip) -> Float64[np.ndarray, " frame"]:
    """When each frame of the clip is first shown, in seconds, rising; empty without video.

    Nothing is decoded where the packets carry their times. What an edit list leaves out is left out.
    """
    if clip.video is None:
        return np.zeros(0)
    with opened(Source.of(clip)) as container:
        stream = container.streams[clip.video.index]
        clock = _FrameClock.of(container, stream)
        packets = packets_of(container, [stream], Losses())
        ticks = [packet.pts for packet in packets if packet.size > 0 and not packet.is_discard]
    known = [tick for tick in ticks if tick is not None]
    if clock.by_index or not known:
        return np.array([clock.by_number(number) for number in range(len(ticks))])
    if len(known) < len(ticks):
        return np.array([shown.seconds for shown in shown_frames(clip, Losses())])
    limit = clip.duration_seconds + FARTHEST_SECONDS
    return np.array(sorted({seconds for tick in known if (seconds := clock.seconds(tick)) <= limit}))


def decode_frames(
    clip: Clip, times_seconds: Sequence[float] | Float64[np.ndarray, " time"], *, warn: Warn = ignore
) -> Iterator[Picture | None]:
    """The frame shown at each of ``times_seconds``, in their order; None where there is none.

    Decodes forward, up to the last time, one frame at a time; only frames that are requested are converted, each once.
    ``warn`` is called, once each, about damage and video that ends before it should.

    Raises:
        InvalidSetting: the times do not rise, or are not numbers.
        MissingFile, NotMedia, FileChanged: the file went away or changed since it was opened.
    """
    times = np.asarray(times_seconds, dtype=np.float64)
    if times.ndim != 1 or not np.isfinite(times).all() or (np.diff(times) < 0).any():
        raise InvalidSetting("times_seconds must be numbers, none smaller than the one before it: sort them")
    return _pictures(clip, times, warn)


def _pictures(clip: Clip, times_seconds: Float64[np.ndarray, " time"], warn: Warn) -> Iterator[Picture | None]:
    if clip.video is None or len(times_seconds) == 0:
        yield from (None for _ in times_seconds)
        return
    reader = Reader(clip, _wanted_ticks(clip, times_seconds))
    try:
        for seconds in times_seconds[:-1]:
            yield reader.picture_at(float(seconds))
        last = reader.picture_at(float(times_seconds[-1]))
        # Before the last frame, as nobody need request what comes after it.
        reader.warn_about_losses(warn)
    finally:
        reader.close()
    yield last


@dataclass(frozen=True)
class ShownFrame:
    """A decoded frame and when it is shown."""

    seconds: float
    frame: Frame
    clock: _FrameClock

    def is_due(self, seconds: float) -> bool:
        """Whether its time has come."""
        return self.seconds <= seconds + self.clock.tolerance_seconds

    @property
    def stop_seconds(self) -> float:
        """Until when it is shown if no other follows."""
        length = (self.frame.duration or 0) * self.clock.time_base
        return self.seconds + float(max(length, self.clock.frame_seconds))


class Reader:
    """Holds one frame of a clip and moves forward."""

    def __init__(self, clip: Clip, wanted_ticks: frozenset[int] | None = None) -> None:
        self._clip = clip
        self._wanted_ticks = wanted_ticks
        self.losses = Losses()
        self._frames = shown_frames(clip, self.losses, wanted_ticks=wanted_ticks)
        self._now: ShownFrame | None = None
        self._next = next(self._frames, None)
        self._converted: tuple[ShownFrame, Picture] | None = None
        self._turner = Turner()

    def picture_at(self, seconds: float) -> Picture | None:
        """The frame shown at ``seconds``, no less than those requested before."""
        if self._next is not None and seconds - self._next.seconds > SEEK_AHEAD_SECONDS:
            self._jump(seconds)
        while self._next is not None and self._next.is_due(seconds):
            self._now, self._next = self._next, next(self._frames, None)
        if self._now is None or (self._next is None and seconds >= self._now.stop_seconds + END_TOLERANCE_SECONDS):
            return None if self._now is None or seconds >= self._last_stop_seconds else self._picture(self._now)
        return self._picture(self._now)

    def warn_about_losses(self, warn: Warn) -> None:
        """Report what was damaged, and where the video ended if that was too early."""
        self.losses.warn_about("video", warn)
        if self._next is None and self._clip.video is not None:
            covered = 0.0 if self._now is None else self._now.stop_seconds
            self._ends.warn_about_shortfall("video", self._clip.video.index, covered, warn)

    @cached_property
    def _ends(self) -> Ends:
        return Ends.of_clip(self._clip)

    @cached_property
    def _last_stop_seconds(self) -> float:
        """Until when the last frame is shown: where the container does not say, and nothing after it is damaged, to the end."""
        assert self._now is not None and self._clip.video is not None
        index, own_stop = self._clip.video.index, self._now.stop_seconds + END_TOLERANCE_SECONDS
        is_last = own_stop >= self._ends.packets_seconds.get(index, 0.0)
        return max(own_stop, self._ends.file_seconds) if self._ends.has_untimed_frames and is_last else own_stop

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    def _jump(self, seconds: float) -> None:
        ahead = shown_frames(
            self._clip, self.losses, from_seconds=seconds - SEEK_MARGIN_SECONDS, wanted_ticks=self._wanted_ticks
        )
        first = next(ahead, None)
        # Taken only where it saves something and cannot be wrong; else the forward reader goes on.
        if first is None or self._next is None or not self._next.seconds < first.seconds <= seconds:
            ahead.close()
            return
        self._frames.close()
        self._frames, self._now, self._next = ahead, None, first

    def _picture(self, shown: ShownFrame) -> Picture:
        if self._converted is None or self._converted[0] is not shown:
            with refusals(self._clip.path):
                pixels = self._turner.upright(shown.frame, shown.frame.to_ndarray(format="rgb24"))
            self._converted = (shown, Picture(shown.seconds, pixels))
        return self._converted[1]


def _wanted_ticks(clip: Clip, times_seconds: Float64[np.ndarray, " time"]) -> frozenset[int] | None:
    """The time stamps of the frames that are requested, and of the last one; None where that cannot be known beforehand.

    Of the others, those on which no frame depends need not be decoded.
    """
    assert clip.video is not None
    if clip.video.codec not in SKIPPABLE:
        return None
    with opened(Source.of(clip)) as container:
        stream = container.streams[clip.video.index]
        clock = _FrameClock.of(container, stream)
        if container.format.name not in SEEKABLE or clock.by_index:
            return None
        ticks = _ticks_between(container, stream, clock, float(times_seconds[0]), float(times_seconds[-1]))
    known = sorted(tick for tick in ticks if tick is not None)
    if not known or len(set(known)) < len(ticks):
        return None
    shown = np.array([clock.seconds(tick) for tick in known])
    indexes = np.searchsorted(shown, times_seconds + clock.tolerance_seconds, side="right") - 1
    return frozenset([*(known[index] for index in np.unique(indexes[indexes >= 0])), known[-1]])


def _ticks_between(
    container: Container, stream: Stream, clock: _FrameClock, first_seconds: float, last_seconds: float
) -> list[int | None]:
    """The time stamps of the packets from the frame shown at ``first_seconds``, or before, to one after ``last_seconds``."""
    is_ahead = first_seconds > SEEK_AHEAD_SECONDS and seek(container, stream, first_seconds - SEEK_MARGIN_SECONDS)
    ticks: list[int | None] = []
    for packet in packets_of(container, [stream], Losses()):
        if packet.size > 0:
            ticks.append(packet.pts)
        # No later packet is shown before it is decoded.
        if packet.dts is not None and clock.seconds(packet.dts) > last_seconds + SEEK_MARGIN_SECONDS:
            break
    if is_ahead and not any(tick is not None and clock.seconds(tick) <= first_seconds for tick in ticks):
        seek(container, stream, 0.0)
        return _ticks_between(container, stream, clock, 0.0, last_seconds)
    return ticks


def shown_frames(
    clip: Clip,
    losses: Losses,
    *,
    from_seconds: float | None = None,
    wanted_ticks: frozenset[int] | None = None,
) -> Generator[ShownFrame, None, None]:
    """Decoded frames in the order of their times, from the start or from a key frame near ``from_seconds``.

    With ``wanted_ticks``, frames with other time stamps may be missing.
    """
    assert clip.video is not None
    with opened(Source.of(clip)) as container:
        stream = container.streams[clip.video.index]
        stream.thread_type = "AUTO"
        clock = _FrameClock.of(container, stream)
        if from_seconds is not None and not _sought(container, stream, clock, from_seconds):
            return
        previous = -np.inf

        def spare(packet: Packet) -> None:
            if packet.size > 0:
                needed = wanted_ticks is None or packet.pts in wanted_ticks
                stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"

        for number, frame in enumerate(decoded(container, stream, losses, spare if wanted_ticks else None)):
            if number == 0 and frame.pts is None:
                clock = replace(clock, by_index=True)
            seconds = clock.seconds_of_frame(number, frame, previous)
            # Times that go back (spliced files) and far beyond the end (damage) cannot be shown in order.
            if previous < seconds <= clip.duration_seconds + FARTHEST_SECONDS:
                yield ShownFrame(seconds, frame, clock)
                previous = seconds
            elif not previous - BACKWARD_SECONDS < seconds <= previous:
                losses.out_of_order += 1


def _sought(container: Container, stream: Stream, clock: _FrameClock, seconds: float) -> bool:
    usable = container.format.name in SEEKABLE and not clock.by_index
    return usable and seek(container, stream, seconds)
