"""Decodes intervals of a clip and encodes them, one after another, as H.264 and AAC."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from heapq import merge
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from av2a.errors import MissingDependency, NoStreams
from av2a.media.frames import ShownFrame, shown_frames
from av2a.media.muxing import EDIT_LIST_OPTIONS, TOLERANCE, TimeSpan, muxing
from av2a.media.reading import Container, Frame, Losses, Source, Stream, display_matrix, opened, quoted, refusals
from av2a.media.sound import placed_from
from av2a.types import Clip

TICK = Fraction(1, 60_000)
"""Of video: a whole part of the usual frame lengths and of milliseconds, and the finest of these that MPEG-4 takes."""

SEEK_MARGIN_SECONDS = 2.0
"""Decoding begins at a key frame this much before the start, or before that."""

VIDEO_ENCODERS = {
    "libx264": {"crf": "18", "preset": "veryfast", "bf": "0"},
    "libopenh264": {"rc_mode": "quality"},
    "mpeg4": {"flags": "+qscale", "global_quality": "354"},
}
"""The first of them that FFmpeg has here is used; their options are those of a quality near to the source's."""

AAC_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
OTHER_RATE_HZ = 48_000
"""Audio of other rates is resampled to this one."""
AAC_BITS_A_CHANNEL = 128_000
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}
"""By channels; of more than these, the mean is encoded."""

BLOCK_SECONDS = 0.5
"""Silence is made in pieces of this length."""


PIXEL_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}
"""By bits a sample: what is encoded of frames with that many, or with more where the encoder takes no others."""


class Encoding(NamedTuple):
    """What was encoded."""

    has_video: bool
    has_audio: bool
    loss: str | None
    """What the encoder could not keep."""


def encode(clip: Clip, intervals: Sequence[TimeSpan], path: Path, muxer: str) -> Encoding:
    """Writes the intervals to ``path``.

    Each begins with the frame that is shown at its start; where audio is absent there is silence, so that it stays in step.

    Raises:
        NoStreams: there is nothing in the intervals.
        NotCopyable, OSError: the muxer refuses it, or ``path`` cannot be written.
        MissingDependency: FFmpeg has no encoder for it here.
        MissingFile, NotMedia, FileChanged: as for decoding.
    """
    import av

    video = _video_frames(clip, intervals)
    first = next(video, None)
    if first is None and clip.audio is None:
        spans = ", ".join(f"{start:.3f} to {stop:.3f} s" for start, stop in intervals)
        raise NoStreams(f"{quoted(clip.path)} has no video in {spans}, and no audio: choose another interval")
    with muxing(), av.open(str(path), "w", format=muxer, container_options=EDIT_LIST_OPTIONS) as container:
        with opened(Source.of(clip)) as source:
            container.metadata.update(source.metadata)
        feeds, loss = [], None
        if first is not None:
            feed = _VideoFeed(container, clip, first[1])
            feeds.append(feed.packets(chain([first], video)))
            loss = feed.loss
        if clip.audio is not None:
            feeds.append(_AudioFeed(container, clip).packets(intervals))
        # Side by side, so that neither waits in memory.
        for _, packets in merge(*feeds, key=lambda fed: fed[0]):
            container.mux(packets)
    return Encoding(first is not None, clip.audio is not None, loss)


Fed = Iterator[tuple[float, list[Any]]]
"""Packets, and the time up to which their stream is encoded."""


def _video_frames(clip: Clip, intervals: Sequence[TimeSpan]) -> Iterator[tuple[float, Frame, float]]:
    """Each frame with the time and the length for which it is shown in the joined intervals, in seconds."""
    offset = 0.0
    for interval in intervals:
        start, stop = interval
        for shown, following in pairwise(chain(_frames_at(clip, interval), [None])):
            assert shown is not None
            begin = start if shown.seconds <= start + float(TOLERANCE) else shown.seconds
            end = stop if following is None else max(following.seconds, start)
            yield offset + begin - start, shown.frame, end - begin
        offset += stop - start


def _frames_at(clip: Clip, interval: TimeSpan) -> Iterator[ShownFrame]:
    """The frame that is shown at the start of an interval, and those that come after it."""
    if clip.video is None:
        return
    tolerance = float(TOLERANCE)
    at_start: ShownFrame | None = None
    for shown in _frames_from(clip, interval.start_seconds):
        if shown.seconds <= interval.start_seconds + tolerance:
            at_start = shown
            continue
        if at_start is not None:
            yield at_start
            at_start = None
        if shown.seconds >= interval.stop_seconds - tolerance:
            return
        yield shown
    # No frame came after it.
    if at_start is not None and at_start.stop_seconds + 0.1 > interval.start_seconds:
        yield at_start


def _frames_from(clip: Clip, seconds: float) -> Iterator[ShownFrame]:
    """Frames from one that is shown before ``seconds`` on: by a seek if that leads to one, else from the start."""
    if seconds > SEEK_MARGIN_SECONDS:
        frames = shown_frames(clip, Losses(), from_seconds=seconds - SEEK_MARGIN_SECONDS)
        first = next(frames, None)
        if first is not None and first.seconds <= seconds:
            yield first
            yield from frames
            return
        frames.close()
    yield from shown_frames(clip, Losses())


class _VideoFeed:
    """Encodes frames as they are stored, with the rotation that turns them upright."""

    def __init__(self, container: Container, clip: Clip, first: Frame) -> None:
        import av

        name = next((name for name in VIDEO_ENCODERS if name in av.codecs_available), None)
        if name is None:
            raise MissingDependency(
                "this FFmpeg encodes no H.264: install PyAV's own wheel: pip install --force-reinstall av"
            )
        self._clip = clip
        # 4:2:0 has no odd sizes.
        self._size = {"width": first.width & ~1, "height": first.height & ~1}
        assert clip.video is not None
        rate = Fraction(clip.video.frame_rate_hz or 25).limit_denominator(1001)
        self._stream = container.add_stream(name, rate=rate, options=dict(VIDEO_ENCODERS[name]), **self._size)
        bits = first.format.components[0].bits
        formats = {each.name for each in av.Codec(name, "w").video_formats or ()}
        kept = max((each for each, of in PIXEL_FORMATS.items() if each <= bits and of in formats), default=8)
        self.loss = None if kept >= bits else f"its {bits} bits a sample became {kept}, as {name} encodes no more"
        self._stream.pix_fmt = self._format = PIXEL_FORMATS[kept]
        context = self._stream.codec_context
        context.time_base = TICK
        self._describe(self._prepared(first))
        matrix = display_matrix(first)
        if matrix is not None:
            (a, b), (c, d) = (np.sign(matrix) * 65536).tolist()
            self._stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])

    def _describe(self, frame: Frame) -> None:
        context = self._stream.codec_context
        context.color_range, context.colorspace = frame.color_range, frame.colorspace
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc

    def _prepared(self, frame: Frame) -> Frame:
        with refusals(self._clip.path):
            return frame.reformat(**self._size, format=self._format)

    def packets(self, frames: Iterator[tuple[float, Frame, float]]) -> Fed:
        """The packets of frames; each frame may be encoded only later."""
        lengths: dict[int, int] = {}
        for seconds, frame, length in frames:
            prepared = self._prepared(frame)
            prepared.pts, prepared.time_base = round(seconds / TICK), TICK
            prepared.pict_type = 0
            lengths[prepared.pts] = round((seconds + length) / TICK) - prepared.pts
            yield seconds, self._timed(self._stream.encode(prepared), lengths)
        yield seconds, self._timed(self._stream.encode(None), lengths)

    def _timed(self, packets: list[Any], lengths: dict[int, int]) -> list[Any]:
        for packet in packets:
            # Encoders give all frames one length.
            packet.duration = lengths.pop(packet.pts, packet.duration)
        return packets


class _AudioFeed:
    """Encodes audio with all its channels, gaps filled with silence."""

    def __init__(self, container: Container, clip: Clip) -> None:
        assert clip.audio is not None
        self._clip = clip
        self._from_hz = clip.audio.sample_rate_hz
        self._channels = clip.audio.channels if clip.audio.channels in LAYOUTS else 1
        self._rate_hz = self._from_hz if self._from_hz in AAC_RATES_HZ else OTHER_RATE_HZ
        self._layout = LAYOUTS[self._channels]
        self._stream: Stream = container.add_stream("aac", rate=self._rate_hz, layout=self._layout)
        self._stream.bit_rate = AAC_BITS_A_CHANNEL * self._channels
        if clip.audio.language is not None:
            self._stream.metadata["language"] = clip.audio.language

    def packets(self, intervals: Sequence[TimeSpan]) -> Fed:
        """The packets of the intervals' audio."""
        import av

        resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate_hz, frame_size=1024)
        done = 0
        for interval in intervals:
            for samples in self._samples(interval):
                # Packed: PyAV does not fill the planes of many channels.
                packed = np.ascontiguousarray(samples.T).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
                frame.sample_rate, frame.time_base, frame.pts = self._from_hz, Fraction(1, self._from_hz), done
                done += samples.shape[1]
                yield done / self._from_hz, self._encoded(resampler.resample(frame))
        yield done / self._from_hz, self._encoded(resampler.resample(None)) + self._stream.encode(None)

    def _encoded(self, frames: list[Frame]) -> list[Any]:
        return [packet for frame in frames for packet in self._stream.encode(frame)]

    def _samples(self, interval: TimeSpan) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """The samples of an interval at the file's rate, none missing."""
        position, stop = (round(seconds * self._from_hz) for seconds in interval)
        for piece in placed_from(self._clip, max(0, int(interval.start_seconds) - 1), Losses()):
            start, samples = piece.position, piece.channels
            if piece.rate_hz != self._from_hz:
                start, samples = _resampled(samples, piece.position, piece.rate_hz, self._from_hz)
            if start >= stop:
                break
            wanted = self._mixed(samples[:, max(0, position - start) : stop - start])
            if wanted.shape[1]:
                yield from self._silence(max(0, start - position))
                yield wanted
                position = max(position, start) + wanted.shape[1]
        yield from self._silence(stop - position)

    def _silence(self, count: int) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        longest = round(BLOCK_SECONDS * self._from_hz)
        for start in range(0, count, longest):
            yield np.zeros((self._channels, min(longest, count - start)), dtype=np.float32)

    def _mixed(self, samples: Float32[np.ndarray, "stored_channel sample"]) -> Float32[np.ndarray, "channel sample"]:
        """As many channels as are encoded: their mean where the number differs. What is not finite is silence."""
        sane = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).clip(-1, 1)
        if len(sane) == self._channels:
            return sane
        return np.repeat(sane.mean(axis=0, keepdims=True, dtype=np.float32), self._channels, axis=0)


def _resampled(
    samples: Float32[np.ndarray, "channel sample"], position: int, from_hz: int, to_hz: int
) -> tuple[int, Float32[np.ndarray, "channel other_sample"]]:
    """A piece at another rate, by linear interpolation: rates that change within a stream are rare, and pieces are short."""
    start, stop = (round(place * to_hz / from_hz) for place in (position, position + samples.shape[1]))
    times = np.arange(start, stop) / to_hz * from_hz - position
    known = np.arange(samples.shape[1])
    return start, np.stack([np.interp(times, known, row) for row in samples]).astype(np.float32)
