import hashlib
import os
import pickle
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from av2a.errors import FileChanged, MediaError, MissingFile, NoStreams, NotMedia, TooLarge, UsageError
from av2a.media import Limits, decode_frames, decode_sound, frame_times, open_clip
from tests.media_makers import (
    Pictures,
    Sound,
    add_cover,
    claim_duration,
    even_times,
    number_of,
    tone,
    write_media,
    write_wave,
)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two seconds of picture and sound."""
    return write_media(tmp_path / "film.mp4", Pictures(even_times(60)), Sound(tone(2, 48_000)))


def test_a_clip_says_what_the_file_holds(film: Path) -> None:
    clip = open_clip(str(film))
    assert clip.video is not None and clip.audio is not None
    assert (clip.video.index, clip.video.codec, clip.video.width, clip.video.height) == (0, "h264", 160, 96)
    assert clip.video.frame_rate_hz == pytest.approx(30)
    assert (clip.audio.index, clip.audio.codec, clip.audio.sample_rate_hz, clip.audio.channels) == (1, "aac", 48_000, 1)
    assert clip.duration_seconds == pytest.approx(2, abs=0.05)
    assert clip.sha256 == hashlib.sha256(film.read_bytes()).hexdigest()
    assert clip.size_bytes == film.stat().st_size
    assert (clip.name, clip.start_seconds, clip.warnings) == ("film.mp4", 0.0, ())


@pytest.mark.parametrize(
    "name",
    [
        "film",
        "film.txt",
        "a film.mp4",
        "'quoted\" $(touch x).mp4",
        ".film",
        "-film.mp4",
        "фильм 🎬.mp4",
        "a:b|c%03d.mp4",
    ],
)
def test_a_file_may_have_any_name(film: Path, name: str) -> None:
    other = film.rename(film.with_name(name))
    clip = open_clip(other)
    assert clip.video is not None and clip.audio is not None
    assert len(frame_times(clip)) == 60


def test_a_name_that_is_no_text_is_a_name(film: Path) -> None:
    if os.name != "posix":
        pytest.skip("file names are text here")
    other = Path(os.fsdecode(os.fsencode(film.parent) + b"/f\xffilm.mp4"))
    try:
        film.rename(other)
    except OSError:
        pytest.skip("this file system has only names that are text")
    assert open_clip(other).video is not None


def test_a_file_is_found_from_where_one_stands(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(film.parent)
    assert open_clip("film.mp4").path == Path("film.mp4")


@pytest.mark.parametrize("name", ["nothing.mp4", "no/such/folder.mp4", "x" * 5000, "nul\0.mp4"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingFile, match="no such file") as refusal:
        open_clip(tmp_path / name)
    assert refusal.value.exit_status == 2 and "\n" not in str(refusal.value)


def test_an_address_is_refused() -> None:
    with pytest.raises(MissingFile, match="download it first"):
        open_clip("http://127.0.0.1:9/clip.mp4")


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(MissingFile):
        open_clip(tmp_path / "link.mp4")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotMedia, match="is a folder"):
        open_clip(tmp_path)


def test_pipes_and_devices_are_refused_unopened(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/zero")):
        with pytest.raises(NotMedia, match="not a regular file"):
            open_clip(path)


def test_a_file_that_may_not_be_read_is_refused(film: Path) -> None:
    film.chmod(0)
    if os.access(film, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(NotMedia, match="permission denied"):
        open_clip(film)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{target}" width="9" height="9"/></svg>'
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
MPD = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><BaseURL>{target}</BaseURL></MPD>'


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        b"this is no film, but a letter\n" * 50,
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        bytes(10_000),
        np.random.default_rng(0).bytes(200_000),
        b"PK\x03\x04" + bytes(500),
        b"\x1f\x8b\x08" + bytes(500),
        PLAYLIST.encode(),
        PLAYLIST.replace("{target}", "http://127.0.0.1:9/secret.ts").encode(),
        b"ffconcat version 1.0\nfile {target}\n",
        SVG.encode(),
        SDP.encode(),
        MPD.encode(),
    ],
    ids="byte text html zeros random zip gzip playlist remote-playlist concat svg sdp mpd".split(),
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip"])
def test_what_is_no_media_is_refused_in_one_line(tmp_path: Path, film: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.replace(b"{target}", os.fsencode(film)))
    with pytest.raises(MediaError) as refusal:
        open_clip(path)
    assert refusal.value.exit_status == 4
    assert name in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_playlist_does_not_open_another_file(tmp_path: Path) -> None:
    write_media(tmp_path / "other.ts", Pictures(even_times(30)))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(PLAYLIST.format(target="other.ts"))
    # FFmpeg by itself would play it.
    with av.open(str(playlist)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(NotMedia, match="no kind of video or sound file"):
        open_clip(playlist)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(NotMedia, match="is empty"):
        open_clip(tmp_path / "a.mp4")


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    sound = write_media(tmp_path / "plain.mp3", Sound(tone(2, 44_100), rate_hz=44_100, codec="libmp3lame"))
    clip = open_clip(add_cover(sound, tmp_path / "album.mp3"))
    assert clip.video is None and clip.video_streams == ()
    assert clip.audio is not None and clip.audio.codec == "mp3"


def test_a_file_with_subtitles_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n\n")
    with av.open(str(tmp_path / "a.srt")) as source, av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream_from_template(source.streams.subtitles[0])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(NoStreams, match="neither video nor audio"):
        open_clip(tmp_path / "a.mkv")


def test_streams_of_no_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NoStreams, match="empty or cannot be decoded"):
        open_clip(write_wave(tmp_path / "a.wav", np.zeros((1, 0)), 16_000, sample_bytes=2))


def test_an_empty_stream_beside_a_good_one_counts_as_absent(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", Pictures([]), Sound(tone(2, 48_000), codec="flac"))
    clip = open_clip(path)
    assert clip.video is None and clip.audio is not None
    assert len(clip.warnings) == 1 and "video stream 0" in clip.warnings[0]


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """Two picture and two sound streams, told apart by size and rate."""
    return write_media(
        tmp_path / "several.mkv",
        Pictures(even_times(30), default=True),
        Pictures(even_times(30), width=80, height=48, default=False),
        Sound(tone(1, 48_000), codec="flac", language="eng", default=False),
        Sound(tone(1, 16_000), codec="flac", rate_hz=16_000, language="fra", default=True),
    )


def test_the_default_streams_are_used_and_named(several: Path) -> None:
    clip = open_clip(several)
    assert clip.video is not None and clip.audio is not None
    assert (clip.video.index, clip.audio.index, clip.audio.language) == (0, 3, "fra")
    assert [stream.index for stream in clip.video_streams] == [0, 1]
    assert [stream.index for stream in clip.audio_streams] == [2, 3]
    assert any("2 (flac, eng), 3 (flac, fra); stream 3 is used" in warning for warning in clip.warnings)


def test_other_streams_can_be_chosen(several: Path) -> None:
    clip = open_clip(several, video_stream=1, audio_stream=2)
    assert clip.video is not None and clip.audio is not None
    assert (clip.video.width, clip.audio.sample_rate_hz) == (80, 48_000)
    (picture,) = decode_frames(clip, [0.5])
    assert picture is not None and picture.pixels.shape == (48, 80, 3) and number_of(picture.pixels) == 15
    assert sum(len(block.samples) for block in decode_sound(clip, 48_000)) == 48_000


def test_a_picture_stream_that_is_not_there_is_refused_with_those_that_are(several: Path) -> None:
    for index in (2, 9, -1):
        with pytest.raises(UsageError, match=rf"no video stream {index}: .* 0 \(h264\), 1 \(h264\)"):
            open_clip(several, video_stream=index)


def test_a_sound_stream_that_is_not_there_is_refused_with_those_that_are(several: Path) -> None:
    for index in (0, 9, -1):
        with pytest.raises(UsageError, match=rf"no audio stream {index}: .* 2 \(flac, eng\), 3 \(flac, fra\)"):
            open_clip(several, audio_stream=index)


def test_a_claim_of_years_is_refused(tmp_path: Path) -> None:
    film = write_media(tmp_path / "a.mkv", Pictures(even_times(30)))
    with pytest.raises(TooLarge, match=r"claims to last 94672800 s \(1095\.8 days\), more than the limit of 86400 s"):
        open_clip(claim_duration(film, tmp_path / "years.mkv", seconds=3 * 365.25 * 86400))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(file_bytes=1000), "bytes"),
        (Limits(duration_seconds=1.5), "claims to last"),
        (Limits(streams=1), "2 streams"),
        (Limits(frame_pixels=160 * 96 - 1), "160x96"),
        (Limits(channels=0), "1 channels"),
        (Limits(sample_rate_hz=44_100), "48000 Hz"),
    ],
)
def test_each_limit_is_kept_and_named(film: Path, limits: Limits, words: str) -> None:
    with pytest.raises(TooLarge, match=words):
        open_clip(film, limits=limits)


def test_many_streams_are_refused(tmp_path: Path) -> None:
    silence = Sound(np.zeros((1, 100)), rate_hz=8_000, codec="pcm_s16le")
    path = write_media(tmp_path / "a.mkv", *[silence] * 65)
    with pytest.raises(TooLarge, match="65 streams"):
        open_clip(path)


@pytest.mark.parametrize("name", ["huge.avi", "huge.mkv"])
def test_a_picture_beyond_the_limit_is_refused_before_it_takes_memory(tmp_path: Path, name: str) -> None:
    made = Pictures(even_times(1), 1600, 1600, codec="mjpeg", pixel_format="yuvj420p")
    path = write_media(tmp_path / name, made)
    patched = bytearray(path.read_bytes())
    # Start-of-frame marker: length, precision, height, width.
    at = patched.index(b"\xff\xc0\x00\x11\x08") + 5
    patched[at : at + 4] = (16_000).to_bytes(2, "big") * 2
    path.write_bytes(patched)
    before = _peak_bytes()
    with pytest.raises(MediaError):
        open_clip(path)
    # 16000 x 16000 in 4:2:0 are 384 MB.
    assert _peak_bytes() - before < 100e6


def _peak_bytes() -> int:
    resource = pytest.importorskip("resource")
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def test_higher_limits_hold_for_decoding_too(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", Pictures(even_times(1), 7200, 7200, codec="mjpeg", pixel_format="yuvj420p"))
    with pytest.raises(TooLarge, match="7200x7200"):
        open_clip(path)
    clip = open_clip(path, limits=Limits(frame_pixels=60_000_000))
    (picture,) = decode_frames(clip, [0.0])
    assert picture is not None and picture.pixels.shape == (7200, 7200, 3)


def test_a_clip_whose_file_is_gone_is_refused(film: Path) -> None:
    clip = open_clip(film)
    film.unlink()
    with pytest.raises(MissingFile):
        list(decode_frames(clip, [0.0]))
    with pytest.raises(MissingFile):
        list(decode_sound(clip, 16_000))
    with pytest.raises(MissingFile):
        frame_times(clip)


def test_a_file_that_is_replaced_is_refused_whoever_reads_it_next(film: Path) -> None:
    clip = open_clip(film)
    write_media(film.with_name("other.mp4"), Pictures(even_times(30)), Sound(tone(1, 48_000))).replace(film)
    for read in (
        lambda: list(decode_frames(clip, [0.0])),
        lambda: list(decode_sound(clip, 16_000)),
        lambda: frame_times(clip),
        lambda: clip.sha256,
    ):
        with pytest.raises(FileChanged, match=r"film\.mp4' was replaced or changed") as refusal:
            read()
        assert "\n" not in str(refusal.value)


def test_a_file_that_is_written_to_while_it_is_read_is_refused(film: Path) -> None:
    clip = open_clip(film)
    pictures, sound = decode_frames(clip, even_times(60)), decode_sound(clip, 16_000)
    next(pictures), next(sound)
    with film.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"\0")
    for rest in (pictures, sound):
        with pytest.raises(FileChanged):
            list(rest)


def test_opening_reads_little_of_a_large_file(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((1, 100)), 48_000, sample_bytes=2)
    data = bytearray(path.read_bytes())
    # A header that announces 200 MB, and as many zeros, which take no room on disk.
    data[4:8], data[40:44] = struct.pack("<I", 36 + 200_000_000), struct.pack("<I", 200_000_000)
    path.write_bytes(data)
    os.truncate(path, 44 + 200_000_000)
    before = _bytes_read()
    clip = open_clip(path)
    assert clip.duration_seconds == pytest.approx(200_000_000 / 96_000)
    assert _bytes_read() - before < 20_000_000
    assert len(clip.sha256) == 64
    assert _bytes_read() - before > 200_000_000


def _bytes_read() -> int:
    counters = Path("/proc/self/io")
    if not counters.exists():
        pytest.skip("no /proc to read the number of bytes from")
    return int(counters.read_text().split()[1])


def test_a_clip_pickles_with_its_digest_and_its_file(film: Path) -> None:
    clip = open_clip(film)
    for copy in (pickle.loads(pickle.dumps(clip)), replace(clip, warnings=())):
        assert copy.identity == clip.identity and copy.sha256 == clip.sha256
    film.write_bytes(film.read_bytes() + b"\0")
    assert pickle.loads(pickle.dumps(clip)).sha256 == clip.sha256
    assert replace(clip, identity=None, known_sha256="ab").sha256 == "ab"


def test_a_picture_an_hour_is_a_film_of_at_most_a_day(tmp_path: Path) -> None:
    hourly = [3600.0 * hour for hour in range(30)]
    day = write_media(tmp_path / "day.mkv", Pictures(hourly[:20], rate_hz=Fraction(1), time_base=Fraction(1)))
    clip = open_clip(day)
    assert clip.duration_seconds >= 19 * 3600
    (picture,) = decode_frames(clip, [3600 * 7.5])
    assert picture is not None and number_of(picture.pixels) == 7
    with pytest.raises(TooLarge, match="claims to last"):
        open_clip(write_media(tmp_path / "more.mkv", Pictures(hourly, rate_hz=Fraction(1), time_base=Fraction(1))))


def test_nothing_is_printed(film: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(film.read_bytes())
    data[500:4000:7] = bytes(len(range(500, 4000, 7)))
    film.write_bytes(data)
    clip = open_clip(film)
    list(decode_frames(clip, frame_times(clip)))
    list(decode_sound(clip, 16_000))
    assert capfd.readouterr() == ("", "")


def test_all_reference_clips_open(shared: Path) -> None:
    opened = {path.name: open_clip(path) for path in sorted((shared / "media").glob("*.[mw][pa][4v]"))}
    assert len(opened) == 5
    silent = {name for name, clip in opened.items() if clip.audio is None}
    assert silent == {"lion_monkey_silent_portrait.mp4", "parakeet_ladder_silent_portrait.mp4"}
    assert {name for name, clip in opened.items() if clip.video is None} == {"sound_a.wav", "sound_b.wav"}
    assert opened["dog_and_speech.mp4"].duration_seconds == pytest.approx(10.03, abs=0.01)
