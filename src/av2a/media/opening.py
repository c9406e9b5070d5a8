"""Opens a media file as a :class:`Clip`: what it holds, which streams are used, how long it is."""

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path

from av2a.digests import FileIdentity
from av2a.errors import MissingFile, NoStreams, NotMedia, TooLarge, UsageError
from av2a.media.ends import UNDECLARED, Ends, declared_seconds
from av2a.media.reading import (
    FRAME_PIXELS,
    SEARCHED_BYTES,
    Container,
    Frame,
    Losses,
    Source,
    Stream,
    container_start_seconds,
    display_matrix,
    frame_rate_hz,
    frames_of_packet,
    lacks_streams,
    opened,
    packets_of,
    quoted,
    refusals,
    rotation_degrees,
)
from av2a.media.upright import is_sideways
from av2a.types import WORLD_COMMENT, AudioStream, Clip, VideoStream

PACKETS_LOOKED_AT = 1000
"""How far to look for a first frame in video streams that are not used."""


@dataclass(frozen=True)
class Limits:
    """Ceilings that a file, and a request about it, must stay under; there is no "unlimited"."""

    file_bytes: int = 20 * 10**9
    duration_seconds: float = 24 * 3600.0
    streams: int = 64
    frame_pixels: int = FRAME_PIXELS
    channels: int = 32
    sample_rate_hz: int = 384_000
    labels: int = 1000
    """Labels in one request."""


@dataclass(frozen=True)
class _Choice:
    """The streams of one kind that can be decoded, those that cannot, and the one that is used."""

    kind: str
    streams: list[Stream]
    without_decoder: list[Stream]
    chosen: Stream | None

    def notes(self, first_frames: dict[int, Frame], codec_names: Sequence[str]) -> list[str]:
        """What the user should know about it."""
        notes = [
            f"{self.kind} stream {stream.index} ({name}) cannot be decoded here and counts as absent"
            for stream in self.without_decoder
            for name in [codec_names[stream.index] if stream.index < len(codec_names) else "unknown codec"]
        ]
        if self.chosen is not None and self.chosen.index not in first_frames:
            name = f"{self.kind} stream {self.chosen.index} ({_codec(self.chosen)})"
            notes.append(f"{name} is empty or cannot be decoded, and counts as absent")
        elif self.chosen is not None and len(self.streams) > 1:
            listed = _listed(self.streams)
            notes.append(f"{len(self.streams)} {self.kind} streams: {listed}; stream {self.chosen.index} is used")
        return notes

    def used_index(self, first_frames: dict[int, Frame]) -> int | None:
        """The index of the stream in use, if anything in it can be decoded."""
        return self.chosen.index if self.chosen is not None and self.chosen.index in first_frames else None


def open_clip(
    path: str | Path,
    *,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    limits: Limits = Limits(),
) -> Clip:
    """Open a media file and find out what it holds. Of a large file only the start and the end are read.

    ``video_stream`` and ``audio_stream`` choose by the container's stream index; by default the one that FFmpeg finds best is
    used. Cover art is no video. A stream of which nothing can be decoded counts as absent, with a warning.

    Raises:
        MissingFile: no such file.
        NotMedia: not a regular file, empty, in no known format, or damaged beyond use.
        NoStreams: neither video nor audio in it, or none of any length.
        TooLarge: beyond one of the ``limits``.
        UsageError: no such stream.
        FileChanged: it was replaced or changed meanwhile.
    """
    path = Path(path)
    source = Source(path, _regular_file(path, limits), limits.frame_pixels)
    # Whatever PyAV raises on one file becomes an error that names it, so that no file stops a folder.
    with refusals(path):
        return _clip(source, video_stream, audio_stream, limits)


def _clip(source: Source, video_stream: int | None, audio_stream: int | None, limits: Limits) -> Clip:
    path = source.path
    with opened(source) as container:
        _check_stream_count(path, container, limits)
        videos = _choice(path, "video", _moving(container), video_stream, container.streams.best("video"))
        audios = _choice(path, "audio", container.streams.audio, audio_stream, container.streams.best("audio"))
        _check_duration(path, declared_seconds(container) or 0.0, limits)
        _check_declared(path, videos.chosen, audios.chosen, limits)
        first_frames = _first_frames(container, videos, audios)
        if videos.chosen is not None and videos.chosen.index not in first_frames:
            _check_size_in_header(source, videos.chosen.index, limits)
        video_streams = tuple(_video_stream(stream, first_frames.get(stream.index)) for stream in videos.streams)
        audio_streams = tuple(_audio_stream(stream, first_frames.get(stream.index)) for stream in audios.streams)
        used = [videos.used_index(first_frames), audios.used_index(first_frames)]
        video = next((stream for stream in video_streams if stream.index == used[0]), None)
        audio = next((stream for stream in audio_streams if stream.index == used[1]), None)
        codec_names = (
            _codec_names(path, len(container.streams)) if videos.without_decoder + audios.without_decoder else []
        )
        notes = videos.notes(first_frames, codec_names) + audios.notes(first_frames, codec_names)
        if lacks_streams(container) and container.size > SEARCHED_BYTES:
            notes.append(
                f"this format ({container.format.name}) has no table of its streams: only those that begin in its first "
                f"{SEARCHED_BYTES // 1_000_000} MB are known"
            )
        format_name, size_bytes, start_seconds = (
            container.format.name,
            container.size,
            container_start_seconds(container),
        )
        generated = container.metadata.get("comment") == WORLD_COMMENT
    _check_streams(path, video, audio, notes, limits)
    return Clip(
        path=path,
        size_bytes=size_bytes,
        container=format_name,
        duration_seconds=_duration_seconds(source, [index for index in used if index is not None], limits),
        start_seconds=start_seconds,
        video=video,
        audio=audio,
        video_streams=video_streams,
        audio_streams=audio_streams,
        warnings=tuple(notes),
        generated=generated,
        identity=source.identity,
    )


def _regular_file(path: Path, limits: Limits) -> FileIdentity:
    try:
        status = path.stat()
    # A name with a NUL in it is a ValueError, one that is too long an OSError.
    except (OSError, ValueError) as missing:
        # Path makes "http:/" of "http://".
        is_address = re.match(r"[a-z][a-z0-9+.-]+:/", str(path)) is not None
        hint = "addresses are not read: download it first" if is_address else "check the name"
        if isinstance(missing, PermissionError):
            raise NotMedia(f"{quoted(path)} cannot be read: permission denied; change its permissions") from missing
        raise MissingFile(f"no such file: {quoted(path)}; {hint}") from missing
    if stat.S_ISDIR(status.st_mode):
        raise NotMedia(f"{quoted(path)} is a folder: name a media file in it")
    # Checked before opening: opening a FIFO waits for ever, and /dev/zero never ends.
    if not stat.S_ISREG(status.st_mode):
        raise NotMedia(f"{quoted(path)} is not a regular file (a pipe or a device): copy its content into a file")
    if status.st_size == 0:
        raise NotMedia(f"{quoted(path)} is empty: copy or download it again")
    if status.st_size > limits.file_bytes:
        raise TooLarge(
            f"{quoted(path)} has {status.st_size} bytes, more than the limit of {limits.file_bytes}: cut it in parts"
        )
    return FileIdentity.of(status)


def _duration_seconds(source: Source, used: list[int], limits: Limits) -> float:
    """How long the file is, in whole milliseconds as outputs write it, so that no event ends beyond it."""
    seconds = Ends.of(source, used).duration_seconds(used)
    _check_duration(source.path, seconds, limits)
    if not seconds > 0:
        raise NoStreams(f"{quoted(source.path)} has streams of no length: check that it plays")
    return max(1, floor(seconds * 1000 + 1e-6)) / 1000


def _check_stream_count(path: Path, container: Container, limits: Limits) -> None:
    # FFmpeg's own max_streams does not stop Matroska.
    count = len(container.streams)
    if count > limits.streams:
        raise TooLarge(
            f"{quoted(path)} has {count} streams, more than the limit of {limits.streams}: keep those that are needed"
        )


def _check_duration(path: Path, duration_seconds: float, limits: Limits) -> None:
    if duration_seconds > limits.duration_seconds:
        raise TooLarge(
            f"{quoted(path)} claims to last {duration_seconds:.0f} s ({duration_seconds / 86400:.1f} days), more than the limit of "
            f"{limits.duration_seconds:.0f} s: cut it in parts, or repair its header: ffmpeg -i FILE -c copy fixed.mp4"
        )


def _check_declared(path: Path, video: Stream | None, audio: Stream | None, limits: Limits) -> None:
    """Refuse by what the headers say, before anything is decoded."""
    if video is not None:
        _check_frame_size(path, video.codec_context.width, video.codec_context.height, limits)
    if audio is not None:
        _check_audio(path, audio.codec_context.layout.nb_channels, audio.codec_context.sample_rate, limits)


def _check_size_in_header(source: Source, stream_index: int, limits: Limits) -> None:
    """Tell a frame that is too large from one that is damaged: FFmpeg forgets its size when it refuses it."""
    with opened(source, headers_only=True) as container:
        context = container.streams[stream_index].codec_context
        _check_frame_size(source.path, context.width, context.height, limits)


def _check_frame_size(path: Path, width: int, height: int, limits: Limits) -> None:
    if width * height > limits.frame_pixels:
        raise TooLarge(
            f"{quoted(path)} has frames of {width}x{height}, more than the limit of {limits.frame_pixels} pixels: "
            "scale it down: ffmpeg -i FILE -vf scale=1280:-2 smaller.mp4"
        )


def _check_audio(path: Path, channels: int, sample_rate_hz: int, limits: Limits) -> None:
    if channels > limits.channels or sample_rate_hz > limits.sample_rate_hz:
        raise TooLarge(
            f"{quoted(path)} has audio of {channels} channels at {sample_rate_hz} Hz, more than the limit of {limits.channels} "
            f"channels or {limits.sample_rate_hz} Hz: convert it: ffmpeg -i FILE -ac 2 -ar 48000 smaller.mp4"
        )


def _check_streams(
    path: Path, video: VideoStream | None, audio: AudioStream | None, notes: list[str], limits: Limits
) -> None:
    """Refuse by what was decoded: it may differ from what the headers say."""
    if video is None and audio is None:
        found = "; ".join(notes) or "neither video nor audio in it"
        raise NoStreams(f"{quoted(path)} has nothing to see or hear ({found}): check that it plays")
    if video is not None:
        _check_frame_size(path, video.width, video.height, limits)
    if audio is not None:
        _check_audio(path, audio.channels, audio.sample_rate_hz, limits)


def _moving(container: Container) -> list[Stream]:
    from av.stream import Disposition

    # Cover art is a video stream to FFmpeg.
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & still]


def _choice(path: Path, kind: str, streams: Sequence[Stream], wanted: int | None, best: Stream | None) -> _Choice:
    decodable = [stream for stream in streams if stream.codec_context is not None]
    others = [stream for stream in streams if stream.codec_context is None]
    by_index = {stream.index: stream for stream in decodable}
    if wanted is not None:
        if wanted not in by_index:
            there = _listed(decodable) if decodable else "none"
            raise UsageError(f"{quoted(path)} has no {kind} stream {wanted}: choose among its {kind} streams: {there}")
        return _Choice(kind, decodable, others, by_index[wanted])
    default = decodable[0] if decodable else None
    return _Choice(kind, decodable, others, by_index.get(best.index, default) if best is not None else default)


def _listed(streams: list[Stream]) -> str:
    """Streams as a user chooses among them: "1 (aac, eng), 2 (ac3, fra)"."""
    return ", ".join(f"{s.index} ({', '.join(filter(None, (_codec(s), _language(s))))})" for s in streams)


def _codec(stream: Stream) -> str:
    return str(stream.codec_context.codec.canonical_name)


def _codec_names(path: Path, count: int) -> list[str]:
    """The codecs of a file's streams as MP4 and Matroska name them; empty where their number is not ``count``.

    PyAV does not tell the name of a codec that it cannot decode.
    """
    with path.open("rb") as file:
        head = file.read(1 << 22)
        file.seek(max(len(head), path.stat().st_size - (1 << 24)))
        headers = head + file.read()
    # The first entry of each sample description, and the CodecID of each track.
    names = re.findall(rb"stsd\0{4}\0{3}[\1-\x0f].{4}([ -~]{4})", headers, re.DOTALL)
    names = names or re.findall(rb"\x86[\x81-\xbf]([AVSDB]_[A-Z0-9_/.]+)", headers)
    return [name.decode().replace("-", "") for name in names] if len(names) == count else []


def _language(stream: Stream) -> str | None:
    language = stream.metadata.get("language")
    return None if language in (None, "", "und") else str(language)


def _first_frames(container: Container, videos: _Choice, audios: _Choice) -> dict[int, Frame]:
    """One decoded frame of each stream that has one, by stream index: the only proof that it can be decoded.

    The video streams that are not used are looked at as well (their rotation shows in a decoded frame only), but not for long.
    """
    chosen = [stream for stream in (videos.chosen, audios.chosen) if stream is not None]
    others = [stream for stream in videos.streams if stream is not videos.chosen]
    found: dict[int, Frame] = {}
    for count, packet in enumerate(packets_of(container, chosen + others, Losses())):
        if packet.stream.index not in found:
            found.update((packet.stream.index, frame) for frame in frames_of_packet(packet, Losses())[:1])
        if all(s.index in found for s in (chosen if count > PACKETS_LOOKED_AT else chosen + others)):
            break
    return found


def _video_stream(stream: Stream, frame: Frame | None) -> VideoStream:
    width, height = (
        (stream.codec_context.width, stream.codec_context.height) if frame is None else (frame.width, frame.height)
    )
    matrix = None if frame is None else display_matrix(frame)
    if matrix is not None and is_sideways(matrix):
        width, height = height, width
    # A raw stream has no times to average over: its rate is in its own header.
    rate = frame_rate_hz(stream, averaged=stream.container.format.name not in UNDECLARED)
    return VideoStream(
        index=stream.index,
        codec=_codec(stream),
        width=width,
        height=height,
        rotation_degrees=0 if frame is None else rotation_degrees(frame),
        frame_rate_hz=float(rate) if rate else None,
        language=_language(stream),
    )


def _audio_stream(stream: Stream, frame: Frame | None) -> AudioStream:
    # The decoded frame is right where the header is not: HE-AAC declares half its rate.
    source = stream.codec_context if frame is None else frame
    return AudioStream(
        index=stream.index,
        codec=_codec(stream),
        sample_rate_hz=source.sample_rate,
        channels=source.layout.nb_channels,
        language=_language(stream),
    )
