"""When the streams of a file end: by their last packets, as headers may be wrong, absent, or about other streams.

A header that declares less than there is loses nothing: the packets behind its end are found by reading on from there. One that
declares more belongs to a file that was cut short, unless some stream, used or not, reaches the declared end.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av2a.media.reading import (
    Container,
    Losses,
    Packet,
    Source,
    Stream,
    Warn,
    container_start_seconds,
    faults,
    opened,
    packets_of,
    seconds_of,
)
from av2a.types import Clip

UNDECLARED = frozenset(
    "aac ac3 amr dts eac3 h261 h263 h264 hevc m4v mjpeg mp2 mp3 mpegvideo mpjpeg obu truehd vc1 vvc".split()
)
"""Formats whose duration is absent or guessed from the bit rate; counting their packets is exact and decodes nothing."""

UNTIMED_FRAMES = ("matroska,webm", "flv", "mpegts", "mpeg", "ogg")
"""Containers that say when a frame is shown first, but not for how long."""

TAIL_SECONDS = 1.0
"""Packets are read from this much before the declared end on, so that those of all streams are met."""

HEADER_TOLERANCE_SECONDS = 0.1
"""Up to this, headers round and codecs pad."""


@dataclass(frozen=True)
class Ends:
    """The ends of a file and its streams, in seconds from zero."""

    declared_seconds: float | None
    """What the container declares for the whole file."""
    packets_seconds: Mapping[int, float]
    """The end of the last packet of each stream that was met."""
    own_seconds: Mapping[int, float]
    """What each stream declares for itself."""
    has_untimed_frames: bool

    @classmethod
    def of(cls, source: Source, used: Collection[int]) -> "Ends":
        """Read the ends of a file. ``used`` are the indexes of the streams in use.

        Only the end of the file is read, except where a format declares no duration or has nothing at its declared end.
        """
        with opened(source) as container:
            format_name, declared = container.format.name, declared_seconds(container)
            chained = format_name == "ogg" and is_chained(source.path)
            own = {stream.index: end for stream in container.streams if (end := _own_seconds(stream)) is not None}
            packets = {} if declared is None or chained else _last_packets_seconds(container, declared)
        if not packets:
            with opened(source) as container:
                packets = _all_packets_seconds(container, [container.streams[index] for index in used], chained)
        if format_name == "ogg":
            # FFmpeg's own value for Ogg counts a late start and the pre-skip of Opus in, and the last link only.
            declared = max(packets.values()) if chained or declared is None else min(declared, max(packets.values()))
        return cls(declared, packets, own, format_name in UNTIMED_FRAMES)

    @classmethod
    def of_clip(cls, clip: Clip) -> "Ends":
        """The ends of an opened file."""
        return cls.of(Source.of(clip), [stream.index for stream in (clip.video, clip.audio) if stream is not None])

    def duration_seconds(self, used: Collection[int]) -> float:
        """How long the file is: as declared, unless the packets of the streams in use go on for longer."""
        there = max((self.packets_seconds.get(index, 0.0) for index in used), default=0.0)
        if self.declared_seconds is None or there > self.declared_seconds + HEADER_TOLERANCE_SECONDS:
            return there
        return self.declared_seconds

    @property
    def file_seconds(self) -> float:
        """The end of the last packet of any stream."""
        return max(self.packets_seconds.values(), default=0.0)

    def stream_seconds(self, index: int) -> float | None:
        """Up to when a stream should be decodable; None where nothing tells."""
        if self.declared_seconds is not None and _falls_short(self.file_seconds, self.declared_seconds):
            return min(self.own_seconds.get(index, self.declared_seconds), self.declared_seconds)
        return self.packets_seconds.get(index, self.own_seconds.get(index))

    def warn_about_shortfall(self, kind: str, index: int, decoded_seconds: float, warn: Warn) -> None:
        """Report how much of a stream was decoded, if more than 2 % or 1 s is missing: PyAV raises nothing then."""
        expected = self.stream_seconds(index)
        if expected is not None and _falls_short(decoded_seconds, expected):
            share = 100 * max(0.0, decoded_seconds) / expected
            warn(
                f"{kind} could be decoded up to {decoded_seconds:.2f} s of {expected:.2f} s ({share:.0f} %): "
                "the file may be cut short or damaged; what is missing counts as absent"
            )


def is_chained(path: Path) -> bool:
    """Whether an Ogg file consists of several links one after another, as recorders of internet radio write it."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        tail = file.read()
    # A file begins with the first page of each stream of its first link. Of a page, byte 5 says whether it is such a one, 14 to
    # 17 are its stream's number, and 26 is how many lengths follow.
    at, first = 0, set()
    while head[at : at + 4] == b"OggS" and len(head) > at + 26 and head[at + 5] & 2:
        first.add(head[at + 14 : at + 18])
        at += 27 + head[at + 26] + sum(head[at + 27 : at + 27 + head[at + 26]])
    last = tail.rfind(b"OggS")
    return bool(first) and last >= 0 and tail[last + 14 : last + 18] not in first


def _falls_short(reached_seconds: float, expected_seconds: float) -> bool:
    return expected_seconds - reached_seconds > max(HEADER_TOLERANCE_SECONDS, min(1.0, 0.02 * expected_seconds))


def declared_seconds(container: Container) -> float | None:
    """How long the container says that it is; None where it does not, or only guesses."""
    if container.format.name in UNDECLARED or not container.duration or container.duration < 0:
        return None
    return float(container.duration / 1_000_000)


def _own_seconds(stream: Stream) -> float | None:
    """Where a stream says that it ends; the DURATION tag of Matroska is an end, too."""
    start_seconds = container_start_seconds(stream.container)
    if stream.duration and stream.time_base:
        return seconds_of((stream.start_time or 0) + stream.duration, stream.time_base, start_seconds)
    if tag := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - start_seconds
    return None


def _last_packets_seconds(container: Container, duration_seconds: float) -> dict[int, float]:
    """The end of the last packet of each stream that has one near the end of the file."""
    start_seconds = container_start_seconds(container)
    target = max(0.0, duration_seconds - TAIL_SECONDS) + start_seconds
    try:
        container.seek(int(target * 1_000_000), any_frame=True)
    except faults():
        # Then reading goes on from the start.
        pass
    ends: dict[int, float] = {}
    try:
        for packet in container.demux():
            if packet.size > 0 and packet.pts is not None and not packet.is_discard:
                stop = float(_stop_seconds(packet, start_seconds, Fraction(0)))
                ends[packet.stream.index] = max(ends.get(packet.stream.index, 0.0), stop)
    except faults():
        # What lies behind damage counts as absent.
        pass
    return ends


def _all_packets_seconds(container: Container, streams: list[Stream], follow_on: bool) -> dict[int, float]:
    """The end of the last packet of each stream, all of them read; with ``follow_on``, times that go back go on instead."""
    # Fractions, as a day's packets add up to a visible rounding error otherwise.
    start_seconds = container_start_seconds(container)
    ends = {stream.index: Fraction(0) for stream in streams}
    shifts = dict(ends)
    for packet in packets_of(container, streams, Losses()):
        if packet.size > 0:
            index = packet.stream.index
            stop = _stop_seconds(packet, start_seconds, ends[index] - shifts[index]) + shifts[index]
            back = ends[index] + _length_seconds(packet) - stop
            if follow_on and back > HEADER_TOLERANCE_SECONDS:
                shifts[index] += back
                stop += back
            ends[index] = max(ends[index], stop - _skipped_seconds(packet) if follow_on else stop)
    return {index: float(end) for index, end in ends.items()}


def _skipped_seconds(packet: Packet) -> Fraction:
    """What the decoder leaves out of a packet at the start of a link: the pre-skip of Opus."""
    if not packet.has_sidedata("skip_samples"):
        return Fraction(0)
    samples = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
    return Fraction(samples, packet.stream.codec_context.sample_rate)


def _stop_seconds(packet: Packet, start_seconds: float, previous_stop: Fraction) -> Fraction:
    if packet.pts is None:
        return previous_stop + _length_seconds(packet)
    return int(packet.pts) * Fraction(packet.time_base) - Fraction(start_seconds) + _length_seconds(packet)


def _length_seconds(packet: Packet) -> Fraction:
    length = (packet.duration or 0) * Fraction(packet.time_base)
    if not length and packet.stream.type == "video" and packet.stream.guessed_rate:
        return 1 / Fraction(packet.stream.guessed_rate)
    return length
