"""Files with streams that begin late, cannot be decoded, or carry what PyAV has no name for."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from av2a.media import AUDIO_ENDINGS, VIDEO_ENDINGS, decode_frames, decode_sound, open_clip
from av2a.timeline import Grid
from tests.media_makers import Pictures, Sound, even_times, tone, write_media, write_wave

PAL = Fraction(25)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("01_mjpeg_with_exif.avi", "mjpeg"), ("01_mv_hevc_androidx_media_apache2.mov", "hevc")],
)
def test_side_data_without_a_name_is_ignored(shared: Path, name: str, codec: str) -> None:
    clip = open_clip(shared / "cases" / name)
    (picture,) = decode_frames(clip, [0.01])
    assert clip.video is not None and clip.video.codec == codec and clip.warnings == ()
    assert picture is not None and picture.pixels.shape[:2] == (clip.video.height, clip.video.width)


@pytest.mark.parametrize(
    ("suffix", "video", "audio"),
    [("flv", "libx264", "aac"), ("ts", "libx264", "aac"), ("mpg", "mpeg2video", "mp2")],
)
@pytest.mark.parametrize("late", ["audio", "video"])
def test_a_stream_that_begins_late_is_found(tmp_path: Path, suffix: str, video: str, audio: str, late: str) -> None:
    begins = {"audio": 0.0, "video": 0.0, late: 95.0}
    shown = even_times(round((104 - begins["video"]) * 25), 25, begins["video"])
    pictures = Pictures(shown, 64, 48, codec=video, rate_hz=PAL)
    sound = Sound(tone(104 - begins["audio"], 48_000), codec=audio, start_seconds=begins["audio"])
    clip = open_clip(write_media(tmp_path / f"a.{suffix}", pictures, sound))
    blocks = list(decode_sound(clip, 16_000))
    assert blocks[0].start_sample / 16_000 == pytest.approx(begins["audio"], abs=0.1)
    early, last = decode_frames(clip, [50.0, 100.0])
    assert (early is None) == (late == "video") and last is not None


def test_the_sound_that_begins_at_95_seconds_is_heard(shared: Path) -> None:
    clip = open_clip(shared / "cases" / "18_sound_begins_at_95s.flv")
    assert next(decode_sound(clip, 16_000)).start_sample / 16_000 == pytest.approx(95, abs=0.1)
    assert clip.warnings == ()


def test_a_search_that_did_not_reach_the_end_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_media(tmp_path / "a.ts", Pictures(even_times(60)))
    assert open_clip(path).warnings == ()
    monkeypatch.setattr("av2a.media.opening.SEARCHED_BYTES", 1000)
    assert any("has no table of its streams" in warning for warning in open_clip(path).warnings)


@pytest.mark.parametrize(("tag", "name"), [(b"ac-4", "ac4"), (b"mhm1", "mhm1"), (b"apac", "apac")])
def test_a_stream_without_a_decoder_is_named(tmp_path: Path, tag: bytes, name: str) -> None:
    whole = write_media(tmp_path / "whole.mp4", Pictures(even_times(30)), Sound(tone(1, 48_000)))
    path = tmp_path / "a.mp4"
    # The esds box would say AAC again.
    path.write_bytes(whole.read_bytes().replace(b"mp4a", tag).replace(b"esds", b"free"))
    clip = open_clip(path)
    assert clip.audio is None and clip.video is not None
    assert clip.warnings == (f"audio stream 1 ({name}) cannot be decoded here and counts as absent",)


@pytest.mark.parametrize(
    ("name", "size", "pixel_format", "rate_hz"),
    [("pal.dv", (720, 576), "yuv420p", PAL), ("ntsc.dv", (720, 480), "yuv411p", Fraction(30000, 1001))],
)
def test_dv_has_its_own_frame_rate(
    tmp_path: Path, name: str, size: tuple[int, int], pixel_format: str, rate_hz: Fraction
) -> None:
    made = Pictures(even_times(20, rate_hz), *size, codec="dvvideo", rate_hz=rate_hz, pixel_format=pixel_format)
    clip = open_clip(write_media(tmp_path / name, made, container_format="dv"))
    assert clip.video is not None and clip.video.frame_rate_hz == pytest.approx(float(rate_hz))


@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize(
    ("name", "container_format"), [("a.mjpeg", "mjpeg"), ("a.mjpg", "mjpeg"), ("multipart.mjpeg", "mpjpeg")]
)
def test_raw_mjpeg_is_read(tmp_path: Path, name: str, container_format: str, count: int) -> None:
    made = Pictures(even_times(count, 25), codec="mjpeg", rate_hz=PAL, pixel_format="yuvj420p")
    clip = open_clip(write_media(tmp_path / name, made, container_format=container_format))
    assert clip.duration_seconds == pytest.approx(count / 25, abs=0.001)
    (picture,) = decode_frames(clip, [0.0])
    assert picture is not None


def test_the_length_is_in_whole_milliseconds_and_not_beyond_the_file(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((1, 100_336)), 10_000, sample_bytes=1)
    clip = open_clip(path)
    assert clip.duration_seconds == 10.033
    grid = Grid(clip.duration_seconds)
    assert round(grid.seconds(9, grid.segments)[1], 3) <= clip.duration_seconds


def test_the_endings_that_folders_overlooked_are_listed() -> None:
    overlooked = "aif m2ts wma asf mka m4b caf vob weba f4v 3g2 mp2 w64 ac3 mjpeg".split()
    endings = VIDEO_ENDINGS + AUDIO_ENDINGS
    assert {f".{ending}" for ending in overlooked} <= set(endings)
    assert len(set(endings)) == len(endings)
