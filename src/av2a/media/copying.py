"""Copies the packets of an interval, without decoding them, so that a player shows just that interval.

Source: the edit list of ISO/IEC 14496-12 (elst), which FFmpeg's muxer writes for packets with negative times; facts that were
measured with PyAV stand beside the code that uses them.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import merge
from itertools import chain
from pathlib import Path

from av2a.errors import NoStreams
from av2a.media.edit_lists import end_edits
from av2a.media.muxing import EDIT_LIST_OPTIONS, MOVIE_HZ, TOLERANCE, NotCopyable, TimeSpan, muxing
from av2a.media.reading import (
    Container,
    Losses,
    Packet,
    Source,
    Stream,
    container_start_seconds,
    opened,
    packets_of,
    quoted,
    seek,
)
from av2a.types import Clip

WITH_EDIT_LIST = ("mp4", "mov")
"""Muxers that write edit lists."""

PCM = "pcm_"
"""Names of codecs of uncompressed audio begin so; its packets are cut to the sample."""

PREROLL = Fraction(1, 10)
"""Seconds of audio that are kept, hidden, before the start: Opus needs 80 ms to settle, AAC one frame, MP3 three."""

SEEK_MARGIN_SECONDS = 2.0
"""Seek this much before what is needed: indexes of containers name what is decoded first, not what is shown first."""

END_TOLERANCE = Fraction(1, 10)
"""The last frame of a stream is shown this much longer than its own duration, as :mod:`av2a.media.frames` has it."""

LONGEST_TICK = Fraction(1, 10_000)
"""Coarser clocks are refined in the copy, so that rounding does not move picture against sound."""


@dataclass(frozen=True)
class Copy:
    """What was copied, and how much more than the interval shows."""

    has_video: bool
    has_audio: bool
    early_seconds: float
    late_seconds: float


@dataclass(frozen=True)
class _Timed:
    """A packet and its times in seconds, on the file's own clock."""

    packet: Packet
    shown: Fraction
    decoded: Fraction
    length: Fraction

    @property
    def stop(self) -> Fraction:
        """When the next one is due."""
        return self.shown + self.length


@dataclass(frozen=True)
class _Track:
    """A stream and those of its packets that are copied, at least one."""

    stream: Stream
    first: _Timed
    others: Iterator[_Timed]


def copy(clip: Clip, interval: TimeSpan, path: Path, muxer: str) -> Copy:
    """Writes the packets of an interval to ``path``.

    Raises:
        NotCopyable: no right copy can be made; ``path`` has to be written anew.
        NoStreams: there is nothing in the interval.
        OSError: ``path`` cannot be written.
        MissingFile, NotMedia, FileChanged: as for decoding.
    """
    hides = muxer in WITH_EDIT_LIST
    with ExitStack() as files:
        source = files.enter_context(opened(Source.of(clip)))
        zero = Fraction(source.start_time or 0, 1_000_000)
        start, stop = (zero + Fraction(seconds).limit_denominator(10**6) for seconds in interval)
        video = _video(clip, files, start, stop, hides=hides)
        audio_start = start if video is None or hides else min(start, video.first.shown)
        audio = _audio(clip, files, audio_start, stop, hides=hides)
        tracks = [track for track in (video, audio) if track is not None]
        if not tracks:
            raise NoStreams(
                f"{quoted(clip.path)} has neither video nor audio from {interval.start_seconds:.3f} to "
                f"{interval.stop_seconds:.3f} s: choose another interval"
            )
        # The audio packet that covers the start begins a little before it.
        origin = start if hides else min(start, *(track.first.shown for track in tracks))
        last = _mux(source, tracks, path, muxer, origin)
    if hides:
        end_edits(path, round((stop - origin) * MOVIE_HZ))
        return Copy(video is not None, audio is not None, 0.0, 0.0)
    # Decoders leave out the first samples of some codecs (Opus), and players begin after them.
    with opened(Source(path, None)) as copied:
        begin = origin + Fraction(copied.start_time or 0, 1_000_000)
    early, late = (round(max(0.0, float(seconds)), 3) for seconds in (start - begin, last - stop))
    return Copy(video is not None, audio is not None, early, late)


# What is copied.


def _video(clip: Clip, files: ExitStack, start: Fraction, stop: Fraction, *, hides: bool) -> _Track | None:
    """The video from the last key frame on that is shown at ``start`` or before."""
    if clip.video is None:
        return None

    def is_early(timed: _Timed) -> bool:
        return bool(timed.packet.is_keyframe) and timed.shown <= start + TOLERANCE

    stream, packets = _reading(clip, files, clip.video.index, start, is_early)
    if clip.container == "avi" and stream.codec_context.has_b_frames:
        raise NotCopyable("AVI stores no times of reordered frames")
    group: list[_Timed] = []
    for timed in packets:
        if is_early(timed):
            group.clear()
        # What follows a key frame, and is shown before it, depends on frames before it.
        if timed.packet.is_keyframe or (group and timed.shown >= group[0].shown):
            group.append(timed)
        if group and timed.decoded > start + TOLERANCE:
            break
    reached = [index for index, timed in enumerate(group) if timed.shown <= start + TOLERANCE]
    if reached:
        at_start = max(reached, key=lambda index: group[index].shown)
        shown = group[at_start]
        if len(reached) == len(group) and shown.stop + END_TOLERANCE <= start:
            # The video ended before.
            return None
        if hides:
            # It is on the screen already: players leave out a frame that begins before the edit list does.
            group[at_start] = replace(
                shown, shown=start, decoded=min(shown.decoded, start), length=max(shown.stop - start, Fraction(0))
            )
    return _track(stream, _until(chain(group, packets), stop))


def _until(packets: Iterator[_Timed], stop: Fraction) -> Iterator[_Timed]:
    """The packets that are shown before ``stop``, and those on which they depend."""
    held: list[_Timed] = []
    for timed in packets:
        if timed.decoded >= stop - TOLERANCE:
            break
        if timed.shown >= stop - TOLERANCE:
            # Needed if a later one is shown earlier.
            held.append(timed)
            continue
        yield from held
        held.clear()
        yield _ended(timed, stop)


def _ended(timed: _Timed, stop: Fraction) -> _Timed:
    """A packet that does not last beyond ``stop``."""
    return replace(timed, length=min(timed.length, stop - timed.shown))


def _audio(clip: Clip, files: ExitStack, start: Fraction, stop: Fraction, *, hides: bool) -> _Track | None:
    """The audio from ``start`` on, and what a decoder needs before it where that is hidden."""
    if clip.audio is None:
        return None
    is_pcm = clip.audio.codec.startswith(PCM)
    since = start - PREROLL if hides and not is_pcm else start
    stream, packets = _reading(clip, files, clip.audio.index, since, lambda timed: timed.shown <= since)
    wanted = (timed for timed in _while_before(packets, stop) if timed.stop > since)
    wanted = (_trimmed(timed, start, stop) if is_pcm else _ended(timed, stop) for timed in wanted)
    return _track(stream, wanted)


def _while_before(packets: Iterator[_Timed], stop: Fraction) -> Iterator[_Timed]:
    for timed in packets:
        if timed.shown >= stop:
            return
        yield timed


def _trimmed(timed: _Timed, start: Fraction, stop: Fraction) -> _Timed:
    """A packet of uncompressed audio without the samples before ``start`` and from ``stop`` on."""
    import av

    time_base = Fraction(timed.packet.time_base)
    rate_hz = timed.packet.stream.codec_context.sample_rate
    samples = round(timed.length * rate_hz)
    if (start <= timed.shown and timed.stop <= stop) or samples < 1 or timed.packet.size % samples:
        return timed
    first = max(0, round((start - timed.shown) * rate_hz))
    last = min(samples, round((stop - timed.shown) * rate_hz))
    size = timed.packet.size // samples
    packet = av.Packet(bytes(timed.packet)[first * size : last * size])
    packet.time_base, packet.is_keyframe = time_base, True
    shown = timed.shown + Fraction(first, rate_hz)
    return _Timed(packet, shown, shown, Fraction(last - first, rate_hz))


def _track(stream: Stream, packets: Iterator[_Timed]) -> _Track | None:
    first = next(packets, None)
    return None if first is None else _Track(stream, first, packets)


def _reading(
    clip: Clip, files: ExitStack, index: int, start: Fraction, is_early: Callable[[_Timed], bool]
) -> tuple[Stream, Iterator[_Timed]]:
    """A stream, and its packets from one that ``is_early`` on: by a seek if that leads to one, else from the file's start."""
    container = files.enter_context(opened(Source.of(clip)))
    stream = container.streams[index]
    seconds = float(start) - container_start_seconds(container) - SEEK_MARGIN_SECONDS
    if seconds > 0 and seek(container, stream, seconds):
        passed: list[_Timed] = []
        packets = _timed(container, stream)
        for timed in packets:
            passed.append(timed)
            if is_early(timed):
                return stream, chain(passed, packets)
            if timed.decoded > start:
                break
    container = files.enter_context(opened(Source.of(clip)))
    stream = container.streams[index]
    return stream, _timed(container, stream)


def _timed(container: Container, stream: Stream) -> Iterator[_Timed]:
    time_base = Fraction(stream.time_base)
    previous: Fraction | None = None
    for packet in _with_decoding_times(packets_of(container, [stream], Losses()), stream):
        timed = _Timed(packet, packet.pts * time_base, packet.dts * time_base, (packet.duration or 0) * time_base)
        if timed.shown < timed.decoded or (previous is not None and timed.decoded <= previous):
            raise NotCopyable(f"{stream.type} packets with time stamps that go back")
        previous = timed.decoded
        yield timed


def _with_decoding_times(packets: Iterator[Packet], stream: Stream) -> Iterator[Packet]:
    """The packets with both time stamps. Matroska stores none for decoding, and FFmpeg finds out those of the first ones late."""
    waiting: list[Packet] = []
    for packet in packets:
        if packet.size == 0:
            continue
        if packet.pts is None:
            raise NotCopyable(f"{stream.type} packets without time stamps")
        waiting.append(packet)
        if packet.dts is not None:
            yield from _counted_back(waiting, packet.dts)
            waiting.clear()
    yield from _counted_back(waiting, min((packet.pts for packet in waiting), default=0))


def _counted_back(packets: list[Packet], last: int) -> list[Packet]:
    """The packets, decoded one after another up to ``last``."""
    for index, packet in enumerate(packets):
        packet.dts = last - (len(packets) - 1 - index) * max(1, packets[0].duration or 0)
    return packets


# How it is written.


def _mux(source: Container, tracks: list[_Track], path: Path, muxer: str, origin: Fraction) -> Fraction:
    """Writes the tracks, ``origin`` being the zero of the copy; when the last packet ends, on the file's own clock."""
    import av

    last = origin
    with muxing(), av.open(str(path), "w", format=muxer, container_options=EDIT_LIST_OPTIONS) as container:
        container.metadata.update(source.metadata)
        streams = {id(track): _added(container, track.stream) for track in tracks}
        for timed, track in _by_time(tracks):
            fine = _fine(Fraction(track.stream.time_base))
            packet = timed.packet
            packet.time_base = fine
            packet.pts = round((timed.shown - origin) / fine)
            packet.dts = min(packet.pts, round((timed.decoded - origin) / fine))
            packet.duration = round(timed.length / fine)
            packet.stream = streams[id(track)]
            container.mux(packet)
            last = max(last, timed.stop)
    return last


def _added(container: Container, template: Stream) -> Stream:
    # Opaque: some decoders (AV1's) have no encoder of their name.
    stream = container.add_stream_from_template(template, opaque=True)
    if stream.codec_context.name == "hevc" and container.format.name in WITH_EDIT_LIST:
        # Apple's players take no other.
        stream.codec_context.codec_tag = "hvc1"
    stream.time_base = _fine(Fraction(template.time_base))
    stream.metadata.update(template.metadata)
    stream.disposition = template.disposition
    return stream


def _fine(time_base: Fraction) -> Fraction:
    """A whole part of ``time_base`` that is not longer than the longest tick."""
    return time_base / max(1, -(-time_base // LONGEST_TICK))


def _by_time(tracks: list[_Track]) -> Iterator[tuple[_Timed, _Track]]:
    """The packets of all tracks in the order in which they are decoded."""

    def keyed(track: _Track) -> Iterator[tuple[tuple[Fraction, int], _Timed, _Track]]:
        for timed in chain([track.first], track.others):
            yield (timed.decoded, track.stream.index), timed, track

    for _, timed, track in merge(*map(keyed, tracks), key=lambda entry: entry[0]):
        yield timed, track
