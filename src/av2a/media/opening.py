"""From a path to a :class:`Clip`: what the file holds, which streams are used, how long it is."""

import re
import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av2a.digests import FileIdentity
from av2a.errors import MissingFile, NoStreams, NotMedia, TooLarge, UsageError
from av2a.media.reading import (
    FRAME_PIXELS,
    Container,
    Frame,
    Losses,
    Packet,
    Stream,
    container_start_seconds,
    frames_of_packet,
    opened,
    packets_of,
    quoted,
)
from av2a.media.upright import display_matrix, is_sideways, rotation_degrees
from av2a.types import WORLD_COMMENT, AudioStream, Clip, VideoStream

UNDECLARED = frozenset(
    "aac ac3 amr dts eac3 h261 h263 h264 hevc m4v mjpeg mp2 mp3 mpegvideo obu truehd vc1 vvc".split()
)
"""Formats whose duration is absent or guessed from the bit rate; counting their packets is exact and decodes nothing."""

PACKETS_LOOKED_AT = 1000
"""How far to look for a first picture in streams that are not used."""


@dataclass(frozen=True)
class Limits:
    """Ceilings that a file, and what is asked of it, must stay under; there is no "unlimited"."""

    file_bytes: int = 20 * 10**9
    duration_seconds: float = 24 * 3600.0
    streams: int = 64
    frame_pixels: int = FRAME_PIXELS
    channels: int = 32
    sample_rate_hz: int = 384_000
    labels: int = 1000
    """Event names in one question."""


@dataclass(frozen=True)
class _Choice:
    """The streams of one kind and the one that is used."""

    kind: str
    streams: list[Stream]
    chosen: Stream | None

    def notes(self, first_frames: dict[int, Frame]) -> list[str]:
        """What the user should know about it."""
        if self.chosen is None:
            return []
        name = f"{self.kind} stream {self.chosen.index}"
        if self.chosen.index not in first_frames:
            return [f"{name} ({_codec(self.chosen)}) is empty or cannot be decoded, and counts as absent"]
        if len(self.streams) > 1:
            return [
                f"{len(self.streams)} {self.kind} streams: {_listed(self.streams)}; stream {self.chosen.index} is used"
            ]
        return []


def open_clip(
    path: str | Path,
    *,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    limits: Limits = Limits(),
) -> Clip:
    """Open a media file and find out what it holds.

    ``video_stream`` and ``audio_stream`` choose by the container's stream index; by default the one that FFmpeg finds best is
    used. Cover art is no video. A stream of which nothing can be decoded counts as absent, with a warning.

    Raises:
        MissingFile: no such file.
        NotMedia: not a regular file, empty, in no known format, or damaged beyond use.
        NoStreams: neither picture nor sound in it, or none of any length.
        TooLarge: beyond one of the ``limits``.
        UsageError: no such stream.
    """
    path = Path(path)
    identity = _regular_file(path, limits)
    with opened(path, identity, frame_pixels=limits.frame_pixels) as container:
        _check_stream_count(path, container, limits)
        pictures = _choice(path, "picture", _picture_streams(container), video_stream, container.streams.best("video"))
        sounds = _choice(path, "sound", _sound_streams(container), audio_stream, container.streams.best("audio"))
        declared = _declared_seconds(container)
        _check_duration(path, declared, limits)
        _check_declared(path, pictures.chosen, sounds.chosen, limits)
        first_frames = _first_frames(container, pictures, sounds)
        if pictures.chosen is not None and pictures.chosen.index not in first_frames:
            _check_size_in_header(path, identity, pictures.chosen.index, limits)
        videos = [_video_stream(stream, first_frames.get(stream.index)) for stream in pictures.streams]
        audios = [_audio_stream(stream, first_frames.get(stream.index)) for stream in sounds.streams]
        video_index, audio_index = _used_index(pictures, first_frames), _used_index(sounds, first_frames)
        video = next((stream for stream in videos if stream.index == video_index), None)
        audio = next((stream for stream in audios if stream.index == audio_index), None)
        warnings = pictures.notes(first_frames) + sounds.notes(first_frames)
        format_name, start_seconds = container.format.name, container_start_seconds(container)
        generated = container.metadata.get("comment") == WORLD_COMMENT
    _check_streams(path, video, audio, warnings, limits)
    if declared is None:
        used = [stream.index for stream in (video, audio) if stream is not None]
        declared = _measured_seconds(path, identity, used, start_seconds)
        _check_duration(path, declared, limits)
    return Clip(
        path=path,
        size_bytes=identity.size_bytes,
        container=format_name,
        duration_seconds=declared,
        start_seconds=start_seconds,
        video=video,
        audio=audio,
        video_streams=tuple(videos),
        audio_streams=tuple(audios),
        warnings=tuple(warnings),
        generated=generated,
        identity=identity,
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


def _check_stream_count(path: Path, container: Container, limits: Limits) -> None:
    # FFmpeg's own max_streams does not stop Matroska.
    count = len(container.streams)
    if count > limits.streams:
        raise TooLarge(
            f"{quoted(path)} has {count} streams, more than the limit of {limits.streams}: keep those that are needed"
        )


def _check_duration(path: Path, duration_seconds: float | None, limits: Limits) -> None:
    if duration_seconds is not None and duration_seconds > limits.duration_seconds:
        raise TooLarge(
            f"{quoted(path)} claims to last {duration_seconds:.0f} s ({duration_seconds / 86400:.1f} days), more than the limit of "
            f"{limits.duration_seconds:.0f} s: cut it in parts, or repair its header: ffmpeg -i FILE -c copy fixed.mp4"
        )


def _check_declared(path: Path, picture: Stream | None, sound: Stream | None, limits: Limits) -> None:
    """Refuse by what the headers say, before anything is decoded."""
    if picture is not None:
        _check_frame_size(path, picture.codec_context.width, picture.codec_context.height, limits)
    if sound is not None:
        _check_sound(path, sound.codec_context.layout.nb_channels, sound.codec_context.sample_rate, limits)


def _check_size_in_header(path: Path, identity: FileIdentity, stream_index: int, limits: Limits) -> None:
    """Tell a picture that is too large from one that is damaged: FFmpeg forgets its size when it refuses it."""
    with opened(path, identity, headers_only=True) as container:
        context = container.streams[stream_index].codec_context
        _check_frame_size(path, context.width, context.height, limits)


def _check_frame_size(path: Path, width: int, height: int, limits: Limits) -> None:
    if width * height > limits.frame_pixels:
        raise TooLarge(
            f"{quoted(path)} has pictures of {width}x{height}, more than the limit of {limits.frame_pixels} pixels: "
            "scale it down: ffmpeg -i FILE -vf scale=1280:-2 smaller.mp4"
        )


def _check_sound(path: Path, channels: int, sample_rate_hz: int, limits: Limits) -> None:
    if channels > limits.channels or sample_rate_hz > limits.sample_rate_hz:
        raise TooLarge(
            f"{quoted(path)} has sound of {channels} channels at {sample_rate_hz} Hz, more than the limit of {limits.channels} "
            f"channels or {limits.sample_rate_hz} Hz: convert it: ffmpeg -i FILE -ac 2 -ar 48000 smaller.mp4"
        )


def _check_streams(
    path: Path, video: VideoStream | None, audio: AudioStream | None, notes: list[str], limits: Limits
) -> None:
    """Refuse by what was decoded: it may differ from what the headers say."""
    if video is None and audio is None:
        found = "; ".join(notes) or "neither picture nor sound in it"
        raise NoStreams(f"{quoted(path)} has nothing to see or hear ({found}): check that it plays")
    if video is not None:
        _check_frame_size(path, video.width, video.height, limits)
    if audio is not None:
        _check_sound(path, audio.channels, audio.sample_rate_hz, limits)


def _picture_streams(container: Container) -> list[Stream]:
    from av.stream import Disposition

    # Cover art is a video stream to FFmpeg; a codec it does not know has no context.
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return [s for s in container.streams.video if s.codec_context is not None and not s.disposition & still]


def _sound_streams(container: Container) -> list[Stream]:
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def _choice(path: Path, kind: str, streams: list[Stream], asked: int | None, best: Stream | None) -> _Choice:
    by_index = {stream.index: stream for stream in streams}
    if asked is not None:
        if asked not in by_index:
            there = _listed(streams) if streams else "none"
            raise UsageError(f"{quoted(path)} has no {kind} stream {asked}: choose among its {kind} streams: {there}")
        return _Choice(kind, streams, by_index[asked])
    default = streams[0] if streams else None
    return _Choice(kind, streams, by_index.get(best.index, default) if best is not None else default)


def _listed(streams: list[Stream]) -> str:
    """Streams as a user chooses among them: "1 (aac, eng), 2 (ac3, fra)"."""
    return ", ".join(f"{s.index} ({', '.join(filter(None, (_codec(s), _language(s))))})" for s in streams)


def _codec(stream: Stream) -> str:
    return str(stream.codec_context.codec.canonical_name)


def _language(stream: Stream) -> str | None:
    language = stream.metadata.get("language")
    return None if language in (None, "", "und") else str(language)


def _first_frames(container: Container, pictures: _Choice, sounds: _Choice) -> dict[int, Frame]:
    """One decoded frame of each stream that has one, by stream index: the only proof that it can be decoded.

    The streams that are not used are looked at as well (their rotation shows in a decoded picture only), but not for long.
    """
    chosen = [stream for stream in (pictures.chosen, sounds.chosen) if stream is not None]
    others = [stream for stream in pictures.streams if stream is not pictures.chosen]
    found: dict[int, Frame] = {}
    for count, packet in enumerate(packets_of(container, chosen + others, Losses())):
        if packet.stream.index not in found:
            found.update((packet.stream.index, frame) for frame in frames_of_packet(packet, Losses())[:1])
        if all(s.index in found for s in (chosen if count > PACKETS_LOOKED_AT else chosen + others)):
            break
    return found


def _used_index(choice: _Choice, first_frames: dict[int, Frame]) -> int | None:
    return choice.chosen.index if choice.chosen is not None and choice.chosen.index in first_frames else None


def _video_stream(stream: Stream, frame: Frame | None) -> VideoStream:
    width, height = (
        (stream.codec_context.width, stream.codec_context.height) if frame is None else (frame.width, frame.height)
    )
    matrix = None if frame is None else display_matrix(frame)
    if matrix is not None and is_sideways(matrix):
        width, height = height, width
    # A raw stream has no times to average over: its rate is in its own header.
    raw = stream.container.format.name in UNDECLARED
    rate = (None if raw else stream.average_rate) or stream.guessed_rate
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


def _declared_seconds(container: Container) -> float | None:
    if container.format.name in UNDECLARED or not container.duration or container.duration < 0:
        return None
    return float(container.duration / 1_000_000)


def _measured_seconds(path: Path, identity: FileIdentity, stream_indexes: list[int], start_seconds: float) -> float:
    """The end of the last packet. Raises NoStreams where nothing has a length."""
    with opened(path, identity) as container:
        streams = [container.streams[index] for index in stream_indexes]
        # Fractions, as a day's packets add up to a visible rounding error otherwise.
        end_seconds = dict.fromkeys(stream_indexes, Fraction(0))
        for packet in packets_of(container, streams, Losses()):
            if packet.size > 0:
                stop = _packet_stop_seconds(packet, end_seconds[packet.stream.index], start_seconds)
                end_seconds[packet.stream.index] = max(end_seconds[packet.stream.index], stop)
    if not max(end_seconds.values()) > 0:
        raise NoStreams(f"{quoted(path)} has streams of no length: check that it plays")
    return float(max(end_seconds.values()))


def _packet_stop_seconds(packet: Packet, previous_stop: Fraction, start_seconds: float) -> Fraction:
    length = (packet.duration or 0) * Fraction(packet.time_base)
    if not length and packet.stream.type == "video" and packet.stream.guessed_rate:
        length = 1 / Fraction(packet.stream.guessed_rate)
    if packet.pts is None:
        return previous_stop + length
    return int(packet.pts) * Fraction(packet.time_base) - Fraction(start_seconds) + length
