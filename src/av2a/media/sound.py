"""Mono audio at the sample rate of an encoder, each sample at its own time.

Decoded frames follow on from each other. Time stamps that differ from the number of samples by a little, or for a moment, are
not followed: recorders stamp with a clock that jitters, Vorbis steps where its blocks change size. A difference that lasts is: a
hole in the audio stays a hole, and what comes after it stays at its time. The links of a chained Ogg file follow on from each other.

Channels are averaged, as the encoders' training did; FFmpeg's own downmix to mono makes stereo 1.4 and 5.1 sound 3.4 times as
loud in floating point. Where the channels cancel each other (anti-phase stereo) the loudest is used instead, judged for each
second by itself, so that the answer does not depend on where decoding began.
"""

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import chain, pairwise
from math import floor, isfinite
from statistics import median

import numpy as np
from jaxtyping import Float32

from av2a.errors import InvalidSetting
from av2a.media.ends import Ends, is_chained
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
    ignore,
    opened,
    refusals,
    seconds_of,
    seek,
)
from av2a.media.resampling import FFmpegResampler, SincResampler
from av2a.settings import Channels
from av2a.types import Clip

CANCELLED = 0.1
"""Channels cancel where their mean has less than this share (−20 dB) of their RMS.

Even 32 unrelated channels keep 1/√32 = 0.18.
"""

START_SECONDS = 0.005
"""Audio that starts this near to zero starts at zero."""

ABSORBED_SECONDS = 0.1
"""Time stamps that differ from the samples by less than this are not followed; players do the same."""

STEP_SECONDS = 0.03
"""The same for time stamps that are steady, so that their difference is known to be a hole: about one frame of a codec."""

STEADY_SECONDS = 0.005
"""From one frame to the next, the differences of steady time stamps change by no more than this in most places."""

LASTING_SECONDS = 0.4
LASTING_FRAMES = 4
"""A difference lasts when it is found in all frames of so much audio, and in so many frames."""

LEAD_SECONDS = 1.0
"""Decoding starts this much before the requested start: Opus needs 80 ms to settle, AAC and MP3 two frames."""

SETTLING_SECONDS = 0.2
"""A seek counts only when it landed at least this much before what is needed."""

FINE_TICK = Fraction(1, 10_000)
"""Clocks with ticks up to this place a sample within 0.1 ms."""

LARGEST_SAMPLE = 1e6
"""Full scale is 1: what lies beyond this is damage."""

TAIL_SECONDS = 0.25
"""Decoding goes on this much beyond the requested stop, for the resampling filter's sake."""


@dataclass(frozen=True)
class SoundBlock:
    """About a second of mono audio, or less."""

    start_sample: int
    """Where it starts, in samples of the requested rate counted from the clip's zero."""
    samples: Float32[np.ndarray, " sample"]


@dataclass(frozen=True)
class _Piece:
    """An interval of audio as stored: channels at the file's own rate."""

    position: int
    """Samples of ``rate_hz`` from the clip's zero."""
    rate_hz: int
    channels: Float32[np.ndarray, "channel sample"]

    def __len__(self) -> int:
        return int(self.channels.shape[1])

    @property
    def stop(self) -> int:
        """The position after its last sample."""
        return self.position + len(self)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of it."""
        return len(self) == 0

    def since(self, position: int) -> "_Piece":
        """What lies at ``position`` and after it."""
        # Nearly always everything: frames are many, and copying each one's record would cost more than decoding it.
        return self if position <= self.position else self.split(position)[1]

    def split(self, position: int) -> "tuple[_Piece, _Piece]":
        """What lies before ``position``, and the rest."""
        at = min(max(position - self.position, 0), len(self))
        head = _Piece(self.position, self.rate_hz, self.channels[:, :at])
        return head, _Piece(self.position + at, self.rate_hz, self.channels[:, at:])

    def continues(self, other: "_Piece") -> bool:
        """Whether it can be joined to the end of ``other``."""
        same_kind = (self.rate_hz, len(self.channels)) == (other.rate_hz, len(other.channels))
        return same_kind and self.position == other.stop


def decode_sound(
    clip: Clip,
    sample_rate_hz: int,
    *,
    start_seconds: float = 0.0,
    stop_seconds: float | None = None,
    channels: Channels = Channels.MEAN,
    warn: Warn = ignore,
) -> Iterator[SoundBlock]:
    """The clip's audio between two times, mono, in blocks that follow each other.

    ``channels`` says what becomes mono: the mean of all channels, resampled by FFmpeg, or the first one, resampled as the released code
    does for LanguageBind.

    Where there is no audio there is no block: a stream that starts late starts at its own sample, a hole in it is a gap between
    blocks, of overlapping parts the first is kept. NaN and infinite samples become 0. ``warn`` is called, once each, about such
    samples, channels that cancel each other, holes, damage, and audio that ends before it should.

    Raises:
        InvalidSetting: an invalid rate or time.
        MissingFile, NotMedia, FileChanged: the file went away or changed since it was opened.
    """
    if not 100 <= sample_rate_hz <= 1_000_000:
        raise InvalidSetting(f"sample_rate_hz must lie in [100, 1000000], got {sample_rate_hz}")
    if not (isfinite(start_seconds) and start_seconds >= 0):
        raise InvalidSetting(f"start_seconds must be 0 or more, got {start_seconds}")
    if stop_seconds is not None and not stop_seconds >= start_seconds:
        raise InvalidSetting(f"stop_seconds must not be before start_seconds ({start_seconds}), got {stop_seconds}")
    stop = np.inf if stop_seconds is None else stop_seconds
    # Each message is passed on once.
    return _sound(clip, sample_rate_hz, start_seconds, stop, channels, cache(warn))


def _sound(
    clip: Clip, rate_hz: int, start_seconds: float, stop_seconds: float, channels: Channels, warn: Warn
) -> Iterator[SoundBlock]:
    if clip.audio is None:
        return
    # Whole seconds, so that averaging and resampling fall into the same steps as in a decode of everything.
    first_second = max(0, floor(start_seconds - LEAD_SECONDS))
    pieces = _pieces(clip, first_second, stop_seconds, warn)
    position = round(start_seconds * rate_hz)
    stop = round(stop_seconds * rate_hz) if isfinite(stop_seconds) else sys.maxsize
    for block in _resampled(clip, _mono(_by_the_second(pieces), channels, warn), rate_hz, channels):
        position = max(position, block.start_sample)
        samples = block.samples[position - block.start_sample : max(0, stop - block.start_sample)]
        if len(samples) > 0:
            yield SoundBlock(position, samples)
            position += len(samples)


def _pieces(clip: Clip, first_second: int, stop_seconds: float, warn: Warn) -> Iterator[_Piece]:
    """What is decoded from ``first_second`` to a little beyond ``stop_seconds``, as stored."""
    assert clip.audio is not None
    losses = Losses()
    holes: list[tuple[float, float]] = []
    covered_seconds: float | None = None
    for piece in placed_from(clip, first_second, losses):
        start_seconds = piece.position / piece.rate_hz
        if start_seconds > stop_seconds + TAIL_SECONDS:
            break
        if covered_seconds is not None and start_seconds - covered_seconds > STEP_SECONDS:
            holes.append((covered_seconds, start_seconds))
        covered_seconds = piece.stop / piece.rate_hz
        wanted = piece.since(first_second * piece.rate_hz)
        if not wanted.is_empty:
            yield wanted
    else:
        Ends.of_clip(clip).warn_about_shortfall("audio", clip.audio.index, covered_seconds or 0.0, warn)
        # Of a part, the same holes would be reported in other words.
        if first_second == 0:
            _warn_about_holes(holes, warn)
    losses.warn_about("audio", warn)


def _warn_about_holes(holes: list[tuple[float, float]], warn: Warn) -> None:
    missing = sum(stop - start for start, stop in holes)
    if missing > ABSORBED_SECONDS:
        count, first = ("a hole", "") if len(holes) == 1 else (f"{len(holes)} holes", "the first ")
        warn(
            f"the audio has {count} of {missing:.2f} s, {first}at {holes[0][0]:.2f} s; what is missing counts as absent"
        )


def placed_from(clip: Clip, first_second: int, losses: Losses) -> Iterator[_Piece]:
    """Pieces in place from ``first_second`` or before: by a seek where that is exact, else from the start."""
    assert clip.audio is not None
    source = Source.of(clip)
    with opened(source) as container:
        stream = container.streams[clip.audio.index]
        settled_seconds = first_second - LEAD_SECONDS
        # Coarse clocks (Matroska, Flash: 1 ms) place audio exactly only by counting it from the start.
        exact = stream.time_base <= FINE_TICK and not (container.format.name == "ogg" and is_chained(clip.path))
        if settled_seconds > 0 and exact and seek(container, stream, settled_seconds):
            pieces = _placed(clip, container, stream, losses)
            first = next(pieces, None)
            if first is not None and first.position / first.rate_hz <= first_second - SETTLING_SECONDS:
                yield first
                yield from pieces
                return
    losses.clear()
    with opened(source) as container:
        yield from _placed(clip, container, container.streams[clip.audio.index], losses)


@dataclass(frozen=True)
class _Stamped:
    """A decoded frame and its time stamp, None where it has none, or a damaged one."""

    frame: Frame
    seconds: float | None
    starts_link: bool

    @property
    def length_seconds(self) -> float:
        """How long it is."""
        return float(self.frame.samples / self.frame.sample_rate)


def _placed(clip: Clip, container: Container, stream: Stream, losses: Losses) -> Iterator[_Piece]:
    """Decoded audio, each piece at its time: overlaps and what lies before zero cut off, holes left."""
    follows_on = container.format.name == "ogg"
    previous: _Piece | None = None
    shift_seconds = link_seconds = 0.0
    for window in _windows(_stamped(clip, container, stream, losses)):
        frame = window[0].frame
        rate_hz = frame.sample_rate
        counted = 0 if previous is None else round(previous.stop * rate_hz / previous.rate_hz)
        if window[0].starts_link:
            link_seconds = counted / rate_hz
        counted_seconds = counted / rate_hz
        start_seconds = _start_seconds(window, counted_seconds, shift_seconds, is_first=previous is None)
        is_back = start_seconds is not None and start_seconds < counted_seconds
        if follows_on and previous is not None and (is_back or counted_seconds - link_seconds < LASTING_SECONDS):
            shift_seconds += counted_seconds - (start_seconds or counted_seconds)
            start_seconds = None
        position = counted if start_seconds is None else round(start_seconds * rate_hz)
        with refusals(clip.path):
            piece = _Piece(position, rate_hz, _channels(frame)).since(counted)
        if not piece.is_empty:
            yield piece
            previous = piece
        elif previous is not None and counted - position > ABSORBED_SECONDS * rate_hz:
            losses.out_of_order += 1


def _stamped(clip: Clip, container: Container, stream: Stream, losses: Losses) -> Iterator[_Stamped]:
    start_seconds = container_start_seconds(container)
    link_starts: list[bool] = []

    def look(packet: Packet) -> None:
        # The comments of a new link of an Ogg file come with its first packet.
        link_starts.append(packet.has_sidedata("strings_metadata"))

    for frame in decoded(container, stream, losses, look if container.format.name == "ogg" else None):
        seconds = None
        if frame.pts is not None and frame.time_base is not None:
            seconds = seconds_of(frame.pts, frame.time_base, start_seconds)
        if seconds is not None and seconds > clip.duration_seconds + FARTHEST_SECONDS:
            seconds = None
        yield _Stamped(frame, seconds, any(link_starts))
        link_starts.clear()


def _windows(frames: Iterator[_Stamped]) -> Iterator[deque[_Stamped]]:
    """Each frame, with the following ones over which a difference must last."""
    window: deque[_Stamped] = deque()
    length_seconds = 0.0
    for stamped in chain(frames, [None]):
        if stamped is not None:
            window.append(stamped)
            length_seconds += stamped.length_seconds
        while window and (stamped is None or (length_seconds > LASTING_SECONDS and len(window) >= LASTING_FRAMES)):
            yield window
            length_seconds -= window.popleft().length_seconds


def _start_seconds(
    window: deque[_Stamped], counted_seconds: float, shift_seconds: float, *, is_first: bool
) -> float | None:
    """When the first frame of a window starts by its time stamps; None where it follows on from ``counted_seconds``."""
    own_seconds = window[0].seconds
    if own_seconds is not None and not is_first and abs(own_seconds + shift_seconds - counted_seconds) <= STEP_SECONDS:
        return None
    differences = []
    following_seconds = counted_seconds
    for stamped in window:
        if stamped.seconds is not None:
            differences.append(stamped.seconds + shift_seconds - following_seconds)
        following_seconds += stamped.length_seconds
    if not differences:
        return None
    changes = [abs(after - before) for before, after in pairwise(differences)]
    is_steady = bool(changes) and median(changes) <= STEADY_SECONDS
    if is_first:
        limit = START_SECONDS
    elif is_steady:
        limit = STEP_SECONDS
    else:
        # At the end of the file there is little to go by.
        limit = ABSORBED_SECONDS if len(window) >= LASTING_FRAMES else 2 * ABSORBED_SECONDS
    if not is_first and min(differences) <= limit and max(differences) >= -limit:
        return None
    if own_seconds is not None and (is_steady or not changes):
        start_seconds = own_seconds + shift_seconds
    else:
        # Of stamps that jitter, one alone is off.
        start_seconds = counted_seconds + median(differences)
    return start_seconds if abs(start_seconds - counted_seconds) > limit else None


def _channels(frame: Frame) -> Float32[np.ndarray, "channel sample"]:
    """A frame in [-1, 1], the channel layout kept."""
    count, is_planar = frame.layout.nb_channels, frame.format.is_planar
    if is_planar and count >= 8:
        frame, is_planar = _interleaved(frame), False
    stored = frame.to_ndarray()
    if not is_planar:
        stored = stored.reshape(-1, count).T
    if stored.dtype == np.float32:
        return stored
    # Values of float formats may be too large for 32 bits: they become infinite, and are dealt with as such.
    with np.errstate(over="ignore"):
        samples: Float32[np.ndarray, "channel sample"] = stored.astype(np.float32)
    if stored.dtype == np.uint8:
        samples = (samples - 128) / 128
    elif np.issubdtype(stored.dtype, np.integer):
        samples = samples / -float(np.iinfo(stored.dtype).min)
    return samples


def _interleaved(frame: Frame) -> Frame:
    # PyAV 18 looks for the planes of a frame up to a null pointer, and with eight or more channels there is none: its
    # to_ndarray reads memory that is not the frame's. Interleaved samples have one plane.
    import av

    (packed,) = av.AudioResampler(format="flt").resample(frame)
    return packed


def _by_the_second(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """The same sound in pieces that end at whole seconds, at gaps and where its kind changes."""
    held: list[_Piece] = []
    for piece in pieces:
        if held and not piece.continues(held[-1]):
            yield _joined(held)
            held = []
        while not piece.is_empty:
            border = (piece.position // piece.rate_hz + 1) * piece.rate_hz
            if piece.stop < border:
                held.append(piece)
                break
            head, piece = piece.split(border)
            held.append(head)
            if head.stop == border:
                yield _joined(held)
                held = []
    if held:
        yield _joined(held)


def _joined(pieces: list[_Piece]) -> _Piece:
    channels = np.concatenate([piece.channels for piece in pieces], axis=1)
    return _Piece(pieces[0].position, pieces[0].rate_hz, channels)


def _mono(pieces: Iterator[_Piece], used: Channels, warn: Warn) -> Iterator[_Piece]:
    """Each piece as one channel."""
    for piece in pieces:
        channels = _finite(piece.channels, warn)
        if used is Channels.FIRST:
            yield _Piece(piece.position, piece.rate_hz, channels[:1])
            continue
        mixed = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        power = np.square(channels, dtype=np.float64).mean(axis=1)
        if len(channels) > 1 and np.square(mixed, dtype=np.float64).mean() < CANCELLED**2 * power.mean():
            warn("the audio channels cancel each other (anti-phase): the loudest one is used instead of their mean")
            mixed = channels[int(power.argmax())]
        yield _Piece(piece.position, piece.rate_hz, mixed[None])


def _finite(samples: Float32[np.ndarray, "channel sample"], warn: Warn) -> Float32[np.ndarray, "channel sample"]:
    # False for NaN as well.
    sane = np.abs(samples) < LARGEST_SAMPLE
    if sane.all():
        return samples
    warn("the audio has invalid samples (NaN, infinite or huge), which are taken for silence")
    return np.where(sane, samples, np.float32(0))


def _resampled(clip: Clip, pieces: Iterator[_Piece], rate_hz: int, channels: Channels) -> Iterator[SoundBlock]:
    """Mono pieces at another rate; each gap ends a run of the resampler."""
    run: _Run | None = None
    previous: _Piece | None = None
    for piece in pieces:
        if run is None or previous is None or not piece.continues(previous):
            if run is not None:
                yield from run.rest()
            run = _Run(clip, piece, rate_hz, channels)
        yield from run.push(piece.channels[0])
        previous = piece
    if run is not None:
        yield from run.rest()


class _Run:
    """Resamples one span of audio without gaps; its first output sample is at the time of its first input sample."""

    def __init__(self, clip: Clip, first: _Piece, rate_hz: int, channels: Channels) -> None:
        kind = SincResampler if channels is Channels.FIRST else FFmpegResampler
        self._clip = clip
        self._resampler = kind(first.rate_hz, rate_hz) if first.rate_hz != rate_hz else None
        self._position = round(first.position * rate_hz / first.rate_hz)

    def push(self, samples: Float32[np.ndarray, " _"]) -> Iterator[SoundBlock]:
        """What comes out for ``samples``."""
        if self._resampler is not None:
            with refusals(self._clip.path):
                samples = self._resampler.push(samples)
        yield from self._blocks(samples)

    def rest(self) -> Iterator[SoundBlock]:
        """What the filter still holds."""
        if self._resampler is not None:
            with refusals(self._clip.path):
                samples = self._resampler.rest()
            yield from self._blocks(samples)

    def _blocks(self, samples: Float32[np.ndarray, " _"]) -> Iterator[SoundBlock]:
        if len(samples):
            yield SoundBlock(self._position, samples)
            self._position += len(samples)
