"""Files that web browsers cannot play, made playable: the same packets in an MP4 file where they fit, else a smaller copy."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from av2a import atomic
from av2a.media.frames import decode_frames
from av2a.media.reading import Losses, Source, opened, packets_of, refusals
from av2a.media.sound import decode_sound
from av2a.types import Clip

_VIDEO_CODECS = frozenset({"h264", "av1", "vp9"})
_AUDIO_CODECS = frozenset({"aac", "mp3", "opus", "flac"})
"""What browsers decode within MP4."""

_PROXY_HEIGHT, _PROXY_RATE_HZ, _PROXY_SOUND_HZ = 480, 12, 44_100

Progress = Callable[[str, int, int], None]


def write_playable(clip: Clip, path: Path, progress: Progress | None = None) -> str:
    """Writes what a browser plays of a clip as an MP4 file, whole or not at all; ``remuxed`` or ``proxy``, as it was made.

    A proxy has 12 frames a second of at most 480 lines; its times are those of the clip.

    Raises:
        NotMedia: the clip cannot be read or encoded.
        OSError: the file cannot be written.
    """
    video = clip.video is None or clip.video.codec in _VIDEO_CODECS
    audio = clip.audio is None or clip.audio.codec in _AUDIO_CODECS
    with refusals(clip.path), atomic.whole_file(path, durable=False) as partial:
        if video and audio and clip.start_seconds == 0 and _remuxed(clip, partial):
            return "remuxed"
        _encoded(clip, partial, progress or (lambda stage, done, total: None))
    return "proxy"


def _remuxed(clip: Clip, path: Path) -> bool:
    import av

    used = [each.index for each in (clip.video, clip.audio) if each is not None]
    try:
        with opened(Source.of(clip)) as container, _writing(path) as output:
            streams = {index: output.add_stream_from_template(container.streams[index]) for index in used}
            for packet in packets_of(container, [container.streams[index] for index in used], Losses()):
                if packet.dts is None or packet.size == 0:
                    continue
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _writing(path: Path) -> Any:
    import av

    return av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})


def _encoded(clip: Clip, path: Path, progress: Progress) -> None:
    import av

    with _writing(path) as output:
        seconds = clip.duration_seconds
        video = audio = None
        if clip.video is not None:
            scale = min(1.0, _PROXY_HEIGHT / clip.video.height)
            size = [max(2, int(side * scale) // 2 * 2) for side in (clip.video.width, clip.video.height)]
            video = output.add_stream("libx264", rate=_PROXY_RATE_HZ, options={"preset": "ultrafast", "crf": "28"})
            video.width, video.height, video.pix_fmt = size[0], size[1], "yuv420p"
        if clip.audio is not None:
            audio = output.add_stream("aac", rate=_PROXY_SOUND_HZ, layout="mono")
        if video is not None:
            count = max(1, int(seconds * _PROXY_RATE_HZ))
            times = [number / _PROXY_RATE_HZ for number in range(count)]
            for number, picture in enumerate(decode_frames(clip, times)):
                progress("making it playable", number, count)
                if picture is None:
                    continue
                frame = av.VideoFrame.from_ndarray(picture.pixels, format="rgb24")
                frame = frame.reformat(video.width, video.height, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, _PROXY_RATE_HZ)
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
        if audio is not None:
            for block in decode_sound(clip, _PROXY_SOUND_HZ):
                sound = av.AudioFrame.from_ndarray(block.samples[None], format="fltp", layout="mono")
                sound.sample_rate, sound.pts = _PROXY_SOUND_HZ, block.start_sample
                sound.time_base = Fraction(1, _PROXY_SOUND_HZ)
                output.mux(audio.encode(sound))
            output.mux(audio.encode(None))
