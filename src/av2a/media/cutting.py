"""Cuts an interval out of a file: packets as they are, into a container whose edit list hides what a cut cannot leave out.

A video stream can be copied from a key frame on only. In MP4 and MOV the packets from there to the requested start have negative
times, which the muxer turns into an edit list: players decode them and begin with the frame that is shown at the start. Frames
after the end on which earlier ones depend are hidden in the same way. Other containers have no edit lists: there a copy starts
early, and :class:`Cut` says by how much.

What cannot be copied (no time stamps, as in AVI with reordered frames; edits inside the interval) is decoded and encoded.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from pathlib import Path

from av2a import atomic
from av2a.errors import InvalidSetting, NotMedia, OutputRefused, one_line
from av2a.media.copying import PCM, copy
from av2a.media.encoding import Encoding, encode
from av2a.media.muxing import NotCopyable, TimeSpan
from av2a.media.reading import quoted
from av2a.types import Clip

# What common players play from each container. Anything goes into Matroska, which has no edit lists.
_MP4 = frozenset("h264 hevc av1 vp9 mpeg4 aac mp3 ac3 eac3 opus flac alac".split())
_MOV = frozenset("h264 hevc mpeg4 mpeg2video mjpeg prores dnxhd dvvideo aac mp3 ac3 alac".split())
_MUXERS = {".mp4": "mp4", ".m4a": "mp4", ".mov": "mov", ".mkv": "matroska", ".mka": "matroska", ".wav": "wav"}


class CutMethod(Enum):
    """How a clip was made."""

    COPIED = "copied"
    """Lossless: the packets of the file."""
    ENCODED = "encoded"
    """Decoded and encoded again (H.264, AAC)."""


@dataclass(frozen=True)
class Cut:
    """A clip that was cut out of a file."""

    path: Path
    start_seconds: float
    """The requested start, in seconds of the file it was cut from."""
    stop_seconds: float
    method: CutMethod
    has_video: bool
    has_audio: bool
    starts_early_seconds: float = 0.0
    """How much of what lies before the requested start is in the clip; 0 where the container has edit lists."""
    ends_late_seconds: float = 0.0
    """How much of what lies after the requested end is in the clip, likewise."""
    note: str | None = None
    """Why it was not copied, where it should have been, and what the encoder could not keep."""


def cut_ending(clip: Clip, *, exact: bool = False) -> str:
    """The ending, with its dot, of clips that :func:`cut` makes of a file.

    ``.mp4`` or ``.mov`` where these hold its codecs, else ``.mkv``; without video ``.m4a``, of uncompressed audio ``.wav``, else
    ``.mka``.
    """
    if clip.video is None:
        assert clip.audio is not None
        if exact or clip.audio.codec in _MP4:
            return ".m4a"
        return ".wav" if clip.audio.codec.startswith(PCM) else ".mka"
    if exact:
        return ".mp4"
    codecs = {stream.codec for stream in (clip.video, clip.audio) if stream is not None}
    in_mov = all(codec in _MOV or codec.startswith(PCM) for codec in codecs)
    if in_mov and (clip.path.suffix.lower() == ".mov" or not codecs <= _MP4):
        return ".mov"
    return ".mp4" if codecs <= _MP4 else ".mkv"


def cut(
    clip: Clip,
    start_seconds: float,
    stop_seconds: float,
    path: str | Path,
    *,
    exact: bool = False,
    overwrite: bool = False,
) -> Cut:
    """Writes ``[start_seconds, stop_seconds)`` of the clip's streams in use to ``path``: all of it, or no file at all.

    The first frame is the one that is shown at ``start_seconds``, audio keeps its step with it; variable frame rates, rotation and
    metadata are kept. By default nothing is encoded, and only containers without edit lists start early; with ``exact`` the
    interval is decoded and encoded (H.264, AAC), for editors that ignore edit lists.

    >>> clip = av2a.media.open_clip("park.mp4")  # doctest: +SKIP
    >>> av2a.media.cut(clip, 12.3, 17.9, "bark" + av2a.media.cut_ending(clip)).starts_early_seconds  # doctest: +SKIP
    0.0

    Args:
        clip: an opened file.
        start_seconds: counted from the clip's zero, at least 0.
        stop_seconds: at most a second beyond the clip's end, at which the clip ends then.
        path: in a folder that exists, with the ending that :func:`cut_ending` names.
        exact: encode.
        overwrite: replace an existing file.

    Raises:
        InvalidSetting: the times are no interval of the clip.
        OutputRefused: the ending is another one, the file exists, or cannot be written.
        NoStreams: there is neither video nor audio in the interval.
        MissingFile, NotMedia, FileChanged: the source went away, is damaged or changed since it was opened.
    """
    path = Path(path)
    _check(clip, start_seconds, stop_seconds, path, cut_ending(clip, exact=exact))
    interval = TimeSpan(start_seconds, min(stop_seconds, clip.duration_seconds))
    muxer = _MUXERS[path.suffix.lower()]
    note = None
    with _written(path, overwrite) as partial:
        if not exact:
            try:
                copied = copy(clip, interval, partial, muxer)
            except NotCopyable as reason:
                note = f"it was encoded, as it cannot be copied ({reason})"
            else:
                method, has_video, has_audio = CutMethod.COPIED, copied.has_video, copied.has_audio
                early, late = copied.early_seconds, copied.late_seconds
        if exact or note is not None:
            method, (has_video, has_audio, loss) = CutMethod.ENCODED, _encode(clip, [interval], partial, muxer)
            early = late = 0.0
            note = "; ".join(filter(None, (note, loss))) or None
    return Cut(path, *interval, method, has_video, has_audio, early, late, note)


def join(
    clip: Clip, intervals: Sequence[tuple[float, float]], path: str | Path, *, overwrite: bool = False
) -> str | None:
    """Writes intervals of a clip, one after another, into one file (H.264, AAC); what the encoder could not keep.

    Args:
        clip: an opened file.
        intervals: start and end of each, in seconds from the clip's zero.
        path: in a folder that exists; ``.mp4``, or ``.m4a`` for a clip without video.
        overwrite: replace an existing file.

    Raises:
        InvalidSetting, OutputRefused, NoStreams, MissingFile, NotMedia, FileChanged: as for :func:`cut`; there is no interval.
    """
    path = Path(path)
    if not intervals:
        raise InvalidSetting("there is no interval to join: name at least one")
    for start_seconds, stop_seconds in intervals:
        _check(clip, start_seconds, stop_seconds, path, cut_ending(clip, exact=True))
    parts = [TimeSpan(start, min(stop, clip.duration_seconds)) for start, stop in intervals]
    with _written(path, overwrite) as partial:
        return _encode(clip, parts, partial, _MUXERS[path.suffix.lower()]).loss


def _check(clip: Clip, start_seconds: float, stop_seconds: float, path: Path, ending: str) -> None:
    if not (isfinite(stop_seconds) and 0 <= start_seconds < min(stop_seconds, clip.duration_seconds)):
        raise InvalidSetting(
            f"{start_seconds:g} to {stop_seconds:g} s is no interval of {quoted(clip.path)}, which lasts {clip.duration_seconds:g} s"
        )
    if path.suffix.lower() != ending:
        raise OutputRefused(f"{one_line(path.name)!r} must end in {ending} for the codecs of {quoted(clip.path)}")


@contextmanager
def _written(path: Path, overwrite: bool) -> Iterator[Path]:
    """A partial file that becomes ``path``."""
    try:
        with atomic.whole_file(path, overwrite=overwrite) as partial:
            yield partial
    except FileExistsError as taken:
        raise OutputRefused(f"output {quoted(path)} is already there: choose another name, or overwrite it") from taken
    except OSError as refused:
        reason = refused.strerror or str(refused)
        raise OutputRefused(f"cannot write {quoted(path)} ({one_line(reason)}): choose another place") from refused


def _encode(clip: Clip, intervals: Sequence[TimeSpan], path: Path, muxer: str) -> Encoding:
    try:
        return encode(clip, intervals, path, muxer)
    except NotCopyable as refused:
        raise NotMedia(
            f"{quoted(clip.path)} cannot be encoded ({refused}): convert it first: ffmpeg -i FILE fixed.mp4"
        ) from refused
