"""Mono sound at the rate an encoder asks for, each sample at its own time.

Channels are averaged, as the encoders' training did; FFmpeg's own downmix to mono makes stereo 1.4 and 5.1 sound 3.4 times as
loud in floating point. Where the channels cancel each other (anti-phase stereo) the loudest is used instead, judged for each
second by itself, so that the answer does not depend on where decoding began.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, isfinite

import numpy as np
from jaxtyping import Float32

from av2a.errors import InvalidSetting
from av2a.media.reading import (
    FARTHEST_SECONDS,
    Container,
    Frame,
    Losses,
    Stream,
    Warn,
    container_start_seconds,
    declared_end_seconds,
    decoded,
    ignore,
    opened,
    refusals,
    seconds_of,
    seek,
    warn_about_shortfall,
)
from av2a.types import Clip

CANCELLED = 0.1
"""Channels cancel where their mean has less than this share (−20 dB) of their RMS.

Even 32 unrelated channels keep 1/√32 = 0.18.
"""

JITTER_SECONDS = 0.005
"""Time stamps this near to where the sound has come follow on: transport streams and Flash are not more exact."""

LEAD_SECONDS = 1.0
"""Decoding starts this much before the asked start: Opus needs 80 ms to settle, AAC and MP3 two frames."""

SETTLING_SECONDS = 0.2
"""A seek counts only when it landed at least this much before what is needed."""

FINE_TICK = Fraction(1, 10_000)
"""Clocks with ticks up to this place a sample within 0.1 ms."""

LARGEST_SAMPLE = 1e6
"""Full scale is 1: what lies beyond this is damage."""

TAIL_SECONDS = 0.25
"""Decoding goes on this much beyond the asked stop, for the resampling filter's sake."""


@dataclass(frozen=True)
class SoundBlock:
    """A stretch of mono sound, of about a second or less."""

    start_sample: int
    """Where it starts, in samples of the asked rate counted from the clip's zero."""
    samples: Float32[np.ndarray, " sample"]


@dataclass(frozen=True)
class _Piece:
    """A stretch of sound as stored: channels at the file's own rate."""

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


class _Once:
    """Passes each message on once."""

    def __init__(self, warn: Warn) -> None:
        self._warn = warn
        self._said: set[str] = set()

    def __call__(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._warn(message)


def decode_sound(
    clip: Clip,
    sample_rate_hz: int,
    *,
    start_seconds: float = 0.0,
    stop_seconds: float | None = None,
    warn: Warn = ignore,
) -> Iterator[SoundBlock]:
    """The clip's sound between two times, mono, in blocks that follow each other.

    Nothing where there is no sound: a track that starts late starts at its own sample, a gap in it is a gap between blocks, of
    overlapping parts the first is kept. NaN and infinite samples become 0. ``warn`` is told, once each, of such samples, of channels
    that cancel each other, of damage, and of sound that ends before it should.

    Raises:
        InvalidSetting: a rate or times that cannot be.
        MissingFile, NotMedia: the file went away or changed since it was opened.
    """
    if not 100 <= sample_rate_hz <= 1_000_000:
        raise InvalidSetting(f"sample_rate_hz must lie in [100, 1000000], got {sample_rate_hz}")
    if not (isfinite(start_seconds) and start_seconds >= 0):
        raise InvalidSetting(f"start_seconds must be 0 or more, got {start_seconds}")
    if stop_seconds is not None and not stop_seconds >= start_seconds:
        raise InvalidSetting(f"stop_seconds must not be before start_seconds ({start_seconds}), got {stop_seconds}")
    stop = np.inf if stop_seconds is None else stop_seconds
    return _sound(clip, sample_rate_hz, start_seconds, stop, _Once(warn))


def _sound(clip: Clip, rate_hz: int, start_seconds: float, stop_seconds: float, warn: Warn) -> Iterator[SoundBlock]:
    if clip.audio is None:
        return
    # Whole seconds, so that averaging and resampling fall into the same steps as in a decode of everything.
    first_second = max(0, floor(start_seconds - LEAD_SECONDS))
    pieces = _pieces(clip, first_second, stop_seconds, warn)
    position = round(start_seconds * rate_hz)
    stop = round(stop_seconds * rate_hz) if isfinite(stop_seconds) else sys.maxsize
    for block in _resampled(clip, _mono(_by_the_second(pieces), warn), rate_hz):
        position = max(position, block.start_sample)
        samples = block.samples[position - block.start_sample : max(0, stop - block.start_sample)]
        if len(samples) > 0:
            yield SoundBlock(position, samples)
            position += len(samples)


def _pieces(clip: Clip, first_second: int, stop_seconds: float, warn: Warn) -> Iterator[_Piece]:
    """What is decoded from ``first_second`` to a little beyond ``stop_seconds``, as stored."""
    assert clip.audio is not None
    losses = Losses()
    covered_seconds = 0.0
    for piece in placed_from(clip, first_second, losses):
        if piece.position / piece.rate_hz > stop_seconds + TAIL_SECONDS:
            break
        covered_seconds = piece.stop / piece.rate_hz
        wanted = piece.since(first_second * piece.rate_hz)
        if not wanted.is_empty:
            yield wanted
    else:
        warn_about_shortfall("sound", covered_seconds, declared_end_seconds(clip, clip.audio.index), warn)
    losses.warn_about("sound", warn)


def placed_from(clip: Clip, first_second: int, losses: Losses) -> Iterator[_Piece]:
    """Pieces in place from ``first_second`` or before: by a seek where that is exact, else from the start."""
    assert clip.audio is not None
    with opened(clip.path, clip.identity) as container:
        stream = container.streams[clip.audio.index]
        settled_seconds = first_second - LEAD_SECONDS
        # Coarse clocks (Matroska, Flash: 1 ms) place sound exactly only by counting it from the start.
        if settled_seconds > 0 and stream.time_base <= FINE_TICK and _seek(container, stream, settled_seconds):
            pieces = _placed(clip, container, stream, losses)
            first = next(pieces, None)
            if first is not None and first.position / first.rate_hz <= first_second - SETTLING_SECONDS:
                yield first
                yield from pieces
                return
    losses.clear()
    with opened(clip.path, clip.identity) as container:
        yield from _placed(clip, container, container.streams[clip.audio.index], losses)


def _seek(container: Container, stream: Stream, seconds: float) -> bool:
    return seek(container, stream, seconds, container_start_seconds(container))


def _placed(clip: Clip, container: Container, stream: Stream, losses: Losses) -> Iterator[_Piece]:
    """Decoded sound, each piece at its time: overlaps and what lies before zero cut off, gaps left."""
    start_seconds = container_start_seconds(container)
    previous: _Piece | None = None
    for frame in decoded(container, stream, losses):
        rate_hz = frame.sample_rate
        counted = 0 if previous is None else round(previous.stop * rate_hz / previous.rate_hz)
        position = _stamped(clip, frame, start_seconds)
        if position is None or (previous is not None and abs(position - counted) <= JITTER_SECONDS * rate_hz):
            position = counted
        with refusals(clip.path):
            piece = _Piece(position, rate_hz, _channels(frame)).since(counted)
        if not piece.is_empty:
            yield piece
            previous = piece
        elif previous is not None and frame.samples > 0:
            losses.out_of_order += 1


def _stamped(clip: Clip, frame: Frame, start_seconds: float) -> int | None:
    """Where the time stamp puts a frame, in its own samples; None where it has none, or a damaged one."""
    time_base = frame.time_base
    if frame.pts is None or time_base is None:
        return None
    seconds = seconds_of(frame.pts, time_base, start_seconds)
    return round(seconds * frame.sample_rate) if seconds <= clip.duration_seconds + FARTHEST_SECONDS else None


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


def _mono(pieces: Iterator[_Piece], warn: Warn) -> Iterator[_Piece]:
    """Each piece as one channel."""
    for piece in pieces:
        channels = _finite(piece.channels, warn)
        mixed = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        power = np.square(channels, dtype=np.float64).mean(axis=1)
        if len(channels) > 1 and np.square(mixed, dtype=np.float64).mean() < CANCELLED**2 * power.mean():
            warn("the sound's channels cancel each other (anti-phase): the loudest one is used instead of their mean")
            mixed = channels[int(power.argmax())]
        yield _Piece(piece.position, piece.rate_hz, mixed[None])


def _finite(samples: Float32[np.ndarray, "channel sample"], warn: Warn) -> Float32[np.ndarray, "channel sample"]:
    # False for NaN as well.
    sane = np.abs(samples) < LARGEST_SAMPLE
    if sane.all():
        return samples
    warn("the sound holds values that cannot be (NaN, infinite or huge): they are taken for silence")
    return np.where(sane, samples, np.float32(0))


def _resampled(clip: Clip, pieces: Iterator[_Piece], rate_hz: int) -> Iterator[SoundBlock]:
    """Mono pieces at another rate; each gap ends a run of the resampler."""
    run: _Run | None = None
    previous: _Piece | None = None
    for piece in pieces:
        if run is None or previous is None or not piece.continues(previous):
            if run is not None:
                yield from run.rest()
            run = _Run(clip, piece, rate_hz)
        yield from run.push(piece.channels)
        previous = piece
    if run is not None:
        yield from run.rest()


class _Run:
    """Resamples one stretch of sound without gaps; swresample aligns its first output sample with the first input sample."""

    def __init__(self, clip: Clip, first: _Piece, rate_hz: int) -> None:
        import av

        self._clip = clip
        self._from_hz = first.rate_hz
        self._resampler = (
            av.AudioResampler(format="fltp", layout="mono", rate=rate_hz) if first.rate_hz != rate_hz else None
        )
        self._position = round(first.position * rate_hz / first.rate_hz)
        self._pushed = 0

    def push(self, samples: Float32[np.ndarray, "1 sample"]) -> Iterator[SoundBlock]:
        """What comes out for ``samples``."""
        if self._resampler is None:
            yield self._block(samples[0])
            return
        with refusals(self._clip.path):
            frames = self._resampler.resample(self._frame(samples))
        yield from map(self._block_of, frames)

    def rest(self) -> Iterator[SoundBlock]:
        """What the filter still holds."""
        if self._resampler is not None:
            with refusals(self._clip.path):
                frames = self._resampler.resample(None)
            yield from map(self._block_of, frames)

    def _block_of(self, frame: Frame) -> SoundBlock:
        return self._block(frame.to_ndarray()[0])

    def _block(self, samples: Float32[np.ndarray, " sample"]) -> SoundBlock:
        block = SoundBlock(self._position, samples)
        self._position += len(samples)
        return block

    def _frame(self, samples: Float32[np.ndarray, "1 sample"]) -> Frame:
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
        frame.sample_rate = self._from_hz
        frame.time_base = Fraction(1, self._from_hz)
        frame.pts = self._pushed
        self._pushed += samples.shape[1]
        return frame
