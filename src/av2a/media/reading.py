"""Opens containers safely with PyAV and reads their packets and frames; the other files of this folder build on it.

Times count from the container's ``start_time``, where players show 0 (MPEG-TS files begin at 1.4 s and the like), never from
zero of a stream's own clock. What PyAV does with damaged files was measured; the rules stand beside the code that keeps them.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from av2a.digests import FileIdentity, require_unchanged
from av2a.errors import Av2aError, MissingFile, NotMedia, one_line
from av2a.types import Clip

# PyAV is imported on demand (``import av2a`` stays light), so its classes cannot be named in annotations that are checked.
Container = Any
"""``av.container.InputContainer``"""
Stream = Any
"""``av.video.stream.VideoStream`` or ``av.audio.stream.AudioStream``"""
Packet = Any
"""``av.packet.Packet``"""
Frame = Any
"""``av.VideoFrame`` or ``av.AudioFrame``"""

Warn = Callable[[str], None]
"""Takes one line for the user."""

FRAME_PIXELS = 50_000_000
"""The largest frame that is decoded unless a limit says otherwise: 8K has 33 million pixels."""

# Playlists (hls, dash, concat, sdp, image2, svg) open other files and hosts: none of them is here, nor anything that could.
FORMATS = (
    "3dostr aa aac ac3 ac4 aiff amr amrnb amrwb ape apng asf ass au av1 avi avif avs2 avs3 caf dirac dts dtshd dv dvd eac3 f4v "
    "flac flv gif gxf h261 h263 h264 hevc ipod ivf m4v matroska matroska,webm mjpeg mlp mov mov,mp4,m4a,3gp,3g2,mj2 mp2 mp3 mp4 "
    "mpc mpc8 mpeg mpegts mpegvideo mpjpeg mxf nut obu oga ogg ogv opus qcp rm rso sox spx swf tak truehd tta vc1 voc vvc w64 "
    "wav webm wtv wv yuv4mpegpipe"
).replace(" ", ",")

VIDEO_ENDINGS = tuple(
    ".mp4 .mkv .webm .mov .m4v .avi .flv .mpg .mpeg .ts .mts .m2ts .m2t .3gp .3g2 .wmv .asf .ogv .f4v .vob .mxf .dv .mjpeg "
    ".mjpg .m2v .m1v .h264 .264 .hevc .265 .nut .ivf .rm .rmvb .y4m .wtv .gif".split()
)
AUDIO_ENDINGS = tuple(
    ".wav .flac .mp3 .m4a .aac .ogg .oga .opus .aiff .aif .wma .mka .m4b .caf .weba .mp2 .w64 .ac3 .eac3 .dts .amr .au .ape "
    ".wv .tta .spx .voc".split()
)
"""The usual endings of files that are read. A file that is named by the user may have any ending."""

NO_TABLE = ("flv", "mpegts", "mpeg")
"""Containers without a table of their streams: a stream is known from its first packet on."""

SEARCHED_BYTES = 50_000_000
"""How far into such a container a video and an audio stream are looked for."""

FASTEST_HZ = 1000
"""A higher frame rate is the rate of a clock, as FFmpeg gives it for DV and some transport streams."""

FARTHEST_SECONDS = 60.0
"""A time stamp this far beyond the clip's end is damage, not time."""


Matrix = Int[np.ndarray, "2 2"]
"""Where a step to the right and a step down, as stored, lead on the screen: rows are (x, y) of the two steps."""

TURNS: dict[int, list[list[int]]] = {
    0: [[1, 0], [0, 1]],
    90: [[0, -1], [1, 0]],
    180: [[-1, 0], [0, -1]],
    270: [[0, 1], [-1, 0]],
}
"""The matrix of each counter-clockwise turn."""


def ignore(message: str) -> None:
    """Take a warning and do nothing with it."""


def quoted(path: Path) -> str:
    """A file's name as messages show it."""
    return repr(one_line(str(path), longest=200))


def faults() -> tuple[type[BaseException], ...]:
    """What PyAV raises on damaged media: 450 mutants raised nothing but these."""
    import av

    return (av.FFmpegError, UnicodeDecodeError, IndexError, MemoryError, ValueError, OSError)


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what PyAV raises into an error of ours that names the file."""
    try:
        yield
    except Av2aError:
        raise
    except FileNotFoundError as missing:
        raise MissingFile(f"no such file: {quoted(path)}; check the name") from missing
    except PermissionError as denied:
        raise NotMedia(
            f"{quoted(path)} cannot be read: permission denied; change its permissions or copy it"
        ) from denied
    except MemoryError as full:
        raise NotMedia(f"{quoted(path)} needs more memory than there is: use a smaller version of it") from full
    except faults() as fault:
        raise NotMedia(
            f"{quoted(path)} is not in a format that can be read, or is damaged or cut ({_reason(fault)}): "
            "check that it plays, or convert it: ffmpeg -i FILE fixed.mp4"
        ) from fault


def _reason(fault: BaseException) -> str:
    # This is how FFmpeg says that format_whitelist has no such format.
    if getattr(fault, "errno", None) == errno.EINVAL:
        return "no kind of video or sound file"
    return one_line(str(getattr(fault, "strerror", None) or fault) or type(fault).__name__)


@dataclass(frozen=True)
class Source:
    """A file that is read, and the limit under which it is."""

    path: Path
    identity: FileIdentity | None
    frame_pixels: int = FRAME_PIXELS

    @classmethod
    def of(cls, clip: Clip) -> "Source":
        """The file of a clip. One that was opened under a higher limit is decoded under it."""
        # Decoders round sizes up to whole blocks.
        pixels = (clip.video.width + 128) * (clip.video.height + 128) if clip.video else 0
        return cls(clip.path, clip.identity, max(FRAME_PIXELS, pixels))


@contextmanager
def opened(source: Source, *, headers_only: bool = False) -> Iterator[Container]:
    """The file's container, closed afterwards. It opens no other file and no connection, whatever the file says.

    ``headers_only`` leaves out the look at the first frames, after which FFmpeg no longer says what the headers said.

    Raises:
        MissingFile: there is no such file (any more).
        NotMedia: PyAV cannot open it.
        FileChanged: it was replaced, or was changed while it was read.
    """
    require_unchanged(source.path, source.identity)
    with refusals(source.path):
        container = _with_late_streams(source, _container(source, headers_only))
    with container:
        # The file may have been replaced just before it was opened, or be written to while it is read.
        require_unchanged(source.path, source.identity)
        # The options of _container are for probing; decoding has its own.
        for stream in container.streams.video:
            if stream.codec_context is not None:
                stream.codec_context.options = _ceiling(source)
        yield container
        require_unchanged(source.path, source.identity)


def _container(source: Source, headers_only: bool = False, searched: dict[str, str] | None = None) -> Container:
    import av

    # A path is safer than a file object (playlists in file objects do reach the network), and an absolute one cannot be
    # read as "protocol:address".
    return av.open(
        str(source.path.absolute()),
        # A single large JPEG at the start is taken for a still.
        format="mjpeg" if _is_raw_mjpeg(source.path) else None,
        container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file", **(searched or {})},
        options={"skip_frame": "all"} if headers_only else _ceiling(source),
        metadata_errors="ignore",
    )


def _ceiling(source: Source) -> dict[str, str]:
    # Larger frames are refused before memory is taken.
    return {"max_pixels": str(source.frame_pixels)}


def _is_raw_mjpeg(path: Path) -> bool:
    if path.suffix.lower() not in (".mjpeg", ".mjpg"):
        return False
    with path.open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def lacks_streams(container: Container) -> bool:
    """Whether video or audio was not found, in a container that has no table of its streams."""
    kinds = {stream.type for stream in container.streams}
    return container.format.name in NO_TABLE and not {"video", "audio"} <= kinds


def _with_late_streams(source: Source, container: Container) -> Container:
    if not lacks_streams(container):
        return container
    # FFmpeg looks at 5 MB and 5 s unless told otherwise.
    longer = _container(source, searched={"probesize": str(SEARCHED_BYTES), "analyzeduration": str(10**12)})
    more, fewer = (longer, container) if len(longer.streams) > len(container.streams) else (container, longer)
    fewer.close()
    return more


@dataclass
class Losses:
    """What decoding a stream could not use."""

    packets: int = 0
    undecodable: int = 0
    out_of_order: int = 0
    """Frames whose times go back, or lie far beyond the end."""
    broken_off: bool = False
    """Reading ended with an error instead of the end of the file."""

    def clear(self) -> None:
        """Count from nothing, as decoding starts again."""
        self.packets = self.undecodable = self.out_of_order = 0
        self.broken_off = False

    def warn_about(self, kind: str, warn: Warn) -> None:
        """Report once how much was lost, if it is more than 1 % of the packets, and whether times jumped."""
        if self.out_of_order:
            warn(
                f"{self.out_of_order} {kind} frames have invalid times, or times that go back, and were left out: "
                "is the file spliced?"
            )
        if self.undecodable > 0.01 * self.packets:
            share = 100 * self.undecodable / self.packets
            warn(f"{self.undecodable} of {self.packets} {kind} packets are damaged and were left out ({share:.1f} %)")


def packets_of(container: Container, streams: list[Stream], losses: Losses) -> Iterator[Packet]:
    """Packets up to the end of the file, or to where it cannot be read any further; empty ones flush the decoders."""
    # Asked for no stream, PyAV gives the packets of all.
    source = container.demux(*streams) if streams else iter(())
    while True:
        try:
            packet = next(source, None)
        except faults():
            losses.broken_off = True
            return
        if packet is None:
            return
        yield packet


def frames_of_packet(packet: Packet, losses: Losses) -> list[Frame]:
    """What a packet decodes to; nothing, and a loss counted, where it is damaged."""
    losses.packets += packet.size > 0
    try:
        return list(packet.decode())
    except faults():
        losses.undecodable += packet.size > 0
        return []


def decoded(
    container: Container, stream: Stream, losses: Losses, before: Callable[[Packet], None] | None = None
) -> Iterator[Frame]:
    """The frames of one stream from the current position on, damaged packets left out; ``before`` gets each packet first."""
    for packet in packets_of(container, [stream], losses):
        if before is not None:
            before(packet)
        yield from frames_of_packet(packet, losses)
    if losses.broken_off:
        yield from _flushed(stream)


def _flushed(stream: Stream) -> list[Frame]:
    try:
        return list(stream.codec_context.decode(None))
    except faults():
        return []


def container_start_seconds(container: Container) -> float:
    """Where zero lies on the file's own clock."""
    return (container.start_time or 0) / 1_000_000


def seconds_of(ticks: int, time_base: Fraction, start_seconds: float) -> float:
    """A time stamp counted from zero. Packets and frames go through this one function, so their times are the same floats."""
    return ticks * time_base.numerator / time_base.denominator - start_seconds


def frame_rate_hz(stream: Stream, *, averaged: bool) -> Fraction | None:
    """The frame rate of a video stream, from the first source that has one: the average is exact where times are stored."""
    rates = (stream.average_rate if averaged else None, stream.guessed_rate, stream.average_rate)
    return next((Fraction(rate) for rate in rates if rate and rate <= FASTEST_HZ), None)


def seek(container: Container, stream: Stream, seconds: float) -> bool:
    """Go to a key frame that should not be later than ``seconds``: the caller must look at what comes. False: cannot."""
    ticks = round(max(0.0, seconds + container_start_seconds(container)) / float(stream.time_base))
    try:
        container.seek(ticks, stream=stream)
    except faults():
        return False
    return True


def display_matrix(frame: Frame) -> Matrix | None:
    """The turn (and mirror) that a decoded frame carries, None for none.

    Source: AV_FRAME_DATA_DISPLAYMATRIX of FFmpeg, nine 32-bit numbers (a, b, u, c, d, v, x, y, w): a stored point (x, y) is
    shown at (a·x + c·y, b·x + d·y), up to a shift.
    """
    from av.sidedata.sidedata import Type

    try:
        data = frame.side_data.get(Type.DISPLAYMATRIX)
    except ValueError:
        # The frame also carries side data of a kind that PyAV has no name for (EXIF, views of spatial video). Its rotation can
        # still be read, only a mirror cannot.
        rotation = rotation_degrees(frame)
        return np.array(TURNS[rotation]) if rotation else None
    if data is None or data.buffer_size < 36:
        return None
    matrix: Matrix = np.frombuffer(bytes(data), dtype=np.int32, count=9).reshape(3, 3)[:2, :2].astype(np.int64)
    return matrix


def rotation_degrees(frame: Frame) -> int:
    """The counter-clockwise turn that makes a frame upright: 0, 90, 180 or 270."""
    # frame.rotation cuts 89.99 down to 89.
    return int(round(frame.rotation / 90) * 90 % 360)
