"""The one door to PyAV: containers opened safely, packets decoded with their losses counted, times counted from zero.

Times: zero is the container's ``start_time``, where players show 0 (MPEG-TS files begin at 1.4 s and the like), never zero
of a stream's own clock. What each trap does in PyAV was measured; the rules are written beside the code that keeps them.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

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
"""The largest picture that is decoded unless a limit says otherwise: 8K has 33 million pixels."""

# Playlists (hls, dash, concat, sdp, image2, svg) open other files and hosts: none of them is here, nor anything that could.
FORMATS = (
    "3dostr aa aac ac3 ac4 aiff amr amrnb amrwb ape apng asf ass au av1 avi avif avs2 avs3 caf dirac dts dtshd dv dvd eac3 f4v "
    "flac flv gif gxf h261 h263 h264 hevc ipod ivf m4v matroska matroska,webm mjpeg mlp mov mov,mp4,m4a,3gp,3g2,mj2 mp2 mp3 mp4 "
    "mpc mpc8 mpeg mpegts mpegvideo mxf nut obu oga ogg ogv opus qcp rm rso sox spx swf tak truehd tta vc1 voc vvc w64 wav "
    "webm wtv wv yuv4mpegpipe"
).replace(" ", ",")

FARTHEST_SECONDS = 60.0
"""A time stamp this far beyond the clip's end is damage, not time."""


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


@contextmanager
def opened(
    path: Path, identity: FileIdentity | None, *, frame_pixels: int = FRAME_PIXELS, headers_only: bool = False
) -> Iterator[Container]:
    """The file's container, closed afterwards. It opens no other file and no connection, whatever the file says.

    ``headers_only`` leaves out the look at the first pictures, after which FFmpeg no longer says what the headers said.

    Raises:
        MissingFile: there is no such file (any more).
        NotMedia: PyAV cannot open it.
        FileChanged: it is not the file with ``identity``, or was changed while it was read.
    """
    require_unchanged(path, identity)
    with refusals(path):
        import av

        # A path is safer than a file object (playlists in file objects do reach the network), and an absolute one cannot be
        # read as "protocol:address".
        ceiling = {"max_pixels": str(frame_pixels)}
        container = av.open(
            str(path.absolute()),
            container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
            options={"skip_frame": "all"} if headers_only else ceiling,
            metadata_errors="ignore",
        )
    with container:
        # The file may have been replaced just before it was opened, or be written to while it is read.
        require_unchanged(path, identity)
        # The options above are for probing; decoding has its own. Larger pictures are refused before memory is taken.
        for stream in container.streams.video:
            if stream.codec_context is not None:
                stream.codec_context.options = ceiling
        yield container
        require_unchanged(path, identity)


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

    def warn_about(self, what: str, warn: Warn) -> None:
        """Say once how much was lost, if it is more than 1 % of the packets, and whether times jumped."""
        if self.out_of_order:
            warn(
                f"{self.out_of_order} {what} frames carry times that go back or cannot be, and were left out: is the file spliced?"
            )
        if self.undecodable > 0.01 * self.packets:
            share = 100 * self.undecodable / self.packets
            warn(f"{self.undecodable} of {self.packets} {what} packets are damaged and were left out ({share:.1f} %)")


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
    """The frames of one stream from where the container stands, damaged packets left out; ``before`` is shown each packet first."""
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


def seek(container: Container, stream: Stream, seconds: float, start_seconds: float) -> bool:
    """Go to a key frame that should not be later than ``seconds``: the caller must look at what comes. False: cannot."""
    ticks = round(max(0.0, seconds + start_seconds) / float(stream.time_base))
    try:
        container.seek(ticks, stream=stream)
    except faults():
        return False
    return True


def declared_end_seconds(clip: Clip, stream_index: int) -> float:
    """Where a stream should end: as itself declares, else as the container does."""
    with opened(clip.path, clip.identity) as container:
        stream = container.streams[stream_index]
        if not stream.duration or not stream.time_base:
            return clip.duration_seconds
        stop = (stream.start_time or 0) + stream.duration
        return min(clip.duration_seconds, seconds_of(stop, stream.time_base, container_start_seconds(container)))


def warn_about_shortfall(what: str, covered_seconds: float, declared_seconds: float, warn: Warn) -> None:
    """Say how much was decoded where more than 2 % or 1 s of what was declared is missing: PyAV raises nothing then."""
    missing = declared_seconds - covered_seconds
    # Up to 0.1 s is how containers round and codecs pad.
    if missing > max(0.1, min(1.0, 0.02 * declared_seconds)):
        share = 100 * max(0.0, covered_seconds) / declared_seconds
        warn(
            f"{what} could be decoded up to {covered_seconds:.2f} s of {declared_seconds:.2f} s ({share:.0f} %): "
            "the file may be cut short or damaged; what is missing counts as absent"
        )
