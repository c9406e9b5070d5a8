"""Clips cut out of files: the right frames at the right times, audio in step, nothing encoded where it need not be."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from av2a.errors import InvalidSetting, NoStreams, OutputRefused
from av2a.media import (
    Cut,
    CutMethod,
    cut,
    cut_ending,
    decode_frames,
    decode_sound,
    frame_times,
    join,
    open_clip,
)
from av2a.media.muxing import NotCopyable, muxing
from av2a.types import Clip
from tests.media_makers import (
    Pictures,
    Sound,
    clicks,
    even_times,
    number_of,
    red_corner_of,
    uneven_times,
    write_media,
    write_wave,
)

SECONDS = 6.0
START, STOP = 2.44, 4.77
REORDERED = {"bf": "3", "x264-params": "scenecut=0:b-adapt=0"}
HEVC = {"preset": "ultrafast", "x265-params": "bframes=3:b-adapt=0:scenecut=0:pools=none:log-level=none"}
# Faster presets skip what changes in these pictures.
AV1 = {"preset": "8", "svtav1-params": "lp=1"}
QUICK_VPX = {"deadline": "realtime", "cpu-used": "8"}
RATE_HZ = 16_000

Make = Callable[[Path], Path]


def pictures(**changes: object) -> Pictures:
    """Six seconds of numbered pictures, a key frame every 60."""
    given: dict[str, object] = {"times_seconds": even_times(180), "group": 60, "options": REORDERED} | changes
    return Pictures(**given)  # type: ignore[arg-type]


def uneven(**changes: object) -> Pictures:
    """Numbered pictures at a variable rate, in whole milliseconds."""
    times = uneven_times(SECONDS, np.random.default_rng(0))
    return pictures(times_seconds=times, time_base=Fraction(1, 1000), **changes)


def sound(codec: str = "aac", rate_hz: int = 48_000, start_seconds: float = 0.0) -> Sound:
    """A click at every whole second."""
    return Sound(clicks(SECONDS - start_seconds, rate_hz), rate_hz, codec, start_seconds=start_seconds)


ODD: dict[str, tuple[str, tuple[Pictures | Sound, ...]]] = {
    "reordered frames": ("a.mp4", (pictures(), sound())),
    "open groups": ("a.mp4", (pictures(options=REORDERED | {"x264-params": "open-gop=1:scenecut=0"}), sound())),
    "variable rate": ("a.mp4", (uneven(), sound())),
    "rotated": ("a.mp4", (pictures(rotation_degrees=90), sound())),
    "late audio": ("a.mp4", (pictures(), sound(start_seconds=3.0))),
    "late video": ("a.mp4", (pictures(times_seconds=even_times(90, start_seconds=3.0)), sound())),
    "no audio": ("a.mov", (pictures(),)),
    "uncompressed audio": ("a.mov", (pictures(), sound("pcm_s16le"))),
    "matroska": ("a.mkv", (pictures(), sound())),
    "matroska, variable rate": ("a.mkv", (uneven(), sound("libopus"))),
    "transport stream": ("a.ts", (pictures(), sound())),
    "AVI": ("a.avi", (pictures(codec="mpeg4", options={}), sound("mp3", 44_100))),
    "HEVC, 10 bits": ("a.mp4", (pictures(codec="libx265", options=HEVC, pixel_format="yuv420p10le"), sound())),
    "AV1": ("a.mp4", (pictures(codec="libsvtav1", options=AV1), sound())),
    "VP9": ("a.webm", (pictures(codec="libvpx-vp9", options=QUICK_VPX | {"auto-alt-ref": "1"}), sound("libopus"))),
}
EDITLESS = {"VP8": ("a.webm", (pictures(codec="libvpx", options=QUICK_VPX), sound("libopus")))}
UNTIMED = {"AVI, reordered": ("a.avi", (pictures(), sound("mp3", 44_100)))}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Clip]:
    """The odd file of a name, made once."""
    clips: dict[str, Clip] = {}

    def made_clip(name: str) -> Clip:
        if name not in clips:
            file, tracks = (ODD | EDITLESS | UNTIMED)[name]
            # Root's thread that opens SVT-AV1 gets real-time priority, and with it all that it starts afterwards: a browser of a later
            # test then leaves nothing of the machine to others.
            with ThreadPoolExecutor(1) as thread:
                path = thread.submit(write_media, tmp_path_factory.mktemp("odd") / file, *tracks).result()
            clips[name] = open_clip(path)
        return clips[name]

    return made_clip


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="no priorities of this kind on this system")
def test_a_file_in_av1_leaves_the_priority_of_the_tests_alone(made: Callable[[str], Clip]) -> None:
    made("AV1")
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def cut_into(
    folder: Path, clip: Clip, start: float = START, stop: float = STOP, *, exact: bool = False
) -> tuple[Cut, Clip]:
    path = folder / f"cut{cut_ending(clip, exact=exact)}"
    done = cut(clip, start, stop, path, exact=exact)
    assert [each.name for each in folder.iterdir()] == [path.name]
    return done, open_clip(path)


def numbers(clip: Clip) -> list[int]:
    times = frame_times(clip)
    return [number_of(frame.pixels) for frame in decode_frames(clip, times) if frame is not None]


def expected_frames(clip: Clip, start: float, stop: float) -> tuple[list[int], list[float]]:
    """The numbers of the frames that are shown in an interval, and when in it."""
    times = frame_times(clip)
    first = max(0, int(np.searchsorted(times, start + 1e-3, side="right")) - 1)
    last = int(np.searchsorted(times, stop - 1e-3, side="left"))
    return list(range(first, last)), [
        0.0 if seconds <= start + 1e-3 else seconds - start for seconds in times[first:last]
    ]


def click_times(clip: Clip, start: float = 0.0, stop: float = SECONDS) -> list[float]:
    """When the clicks are, counted from ``start``."""
    heard = np.zeros(round((stop + 1) * RATE_HZ))
    for block in decode_sound(clip, RATE_HZ):
        heard[block.start_sample : block.start_sample + len(block.samples)] = block.samples[
            : len(heard) - block.start_sample
        ]
    half = RATE_HZ // 4
    peaks = [
        place
        for place in np.flatnonzero(heard > 0.3)
        if heard[place] == heard[max(0, place - half) : place + half].max()
    ]
    return [place / RATE_HZ - start for place in peaks if start <= place / RATE_HZ < stop]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_a_clip_has_the_frames_and_the_audio_of_its_interval(
    tmp_path: Path, made: Callable[[str], Clip], name: str, exact: bool
) -> None:
    source = made(name)
    done, clip = cut_into(tmp_path, source, exact=exact)
    assert done.method is (CutMethod.ENCODED if exact else CutMethod.COPIED)
    assert (done.starts_early_seconds, done.ends_late_seconds, done.note) == (0, 0, None)
    assert clip.start_seconds == pytest.approx(0, abs=1e-3)
    shown, times = expected_frames(source, START, STOP)
    assert frame_times(clip) == pytest.approx(times, abs=6e-4)
    assert source.video is not None and clip.video is not None
    assert clip.video.rotation_degrees == source.video.rotation_degrees
    if not source.video.rotation_degrees:
        assert numbers(clip) == shown
    assert (clip.audio is None) == (source.audio is None)
    if source.audio is not None:
        clicked = click_times(source, START, STOP)
        assert clicked and click_times(clip, 0, STOP - START) == pytest.approx(clicked, abs=1e-3)


def test_a_copy_is_made_of_the_packets_of_the_file(tmp_path: Path, made: Callable[[str], Clip]) -> None:
    source = made("reordered frames")
    _, clip = cut_into(tmp_path, source)
    with av.open(str(source.path)) as before, av.open(str(clip.path)) as after:
        own = {bytes(packet) for packet in before.demux()}
        copied = [bytes(packet) for packet in after.demux()]
    assert len(copied) > 100 and set(copied) <= own


@pytest.mark.parametrize(("start", "stop"), [(0.0, 0.05), (2.0, 2.034), (5.9, 6.0), (0.0, 6.0), (1.999, 3.999)])
@pytest.mark.parametrize("exact", [False, True])
def test_the_ends_of_any_interval_are_right(
    tmp_path: Path, made: Callable[[str], Clip], start: float, stop: float, exact: bool
) -> None:
    source = made("reordered frames")
    _, clip = cut_into(tmp_path, source, start, stop, exact=exact)
    shown, times = expected_frames(source, start, stop)
    assert numbers(clip) == shown
    assert frame_times(clip) == pytest.approx(times, abs=6e-4)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_and_mirror_are_kept(tmp_path: Path, mirrored: bool, exact: bool) -> None:
    made = pictures(times_seconds=even_times(60), rotation_degrees=90, mirrored=mirrored, red_corner=True, options={})
    source = open_clip(write_media(tmp_path / "a.mp4", made))
    (tmp_path / "out").mkdir()
    _, clip = cut_into(tmp_path / "out", source, 0.5, 1.5, exact=exact)
    (before,), (after,) = decode_frames(source, [0.5]), decode_frames(clip, [0.0])
    assert before is not None and after is not None
    assert after.pixels.shape == before.pixels.shape
    assert red_corner_of(after.pixels) == red_corner_of(before.pixels)


def test_where_there_are_no_edit_lists_a_copy_says_by_how_much_it_starts_early(
    tmp_path: Path, made: Callable[[str], Clip]
) -> None:
    source = made("VP8")
    done, clip = cut_into(tmp_path, source)
    assert (done.path.suffix, done.method) == (".mkv", CutMethod.COPIED)
    # The key frame before is number 60, at 2 s; the audio packet that covers it begins a little earlier.
    assert 0.44 <= done.starts_early_seconds < 0.47
    assert numbers(clip)[0] == 60
    early = START - done.starts_early_seconds
    assert click_times(clip, 0, STOP - early) == pytest.approx(click_times(source, early, STOP), abs=0.003)
    assert frame_times(clip)[0] == pytest.approx(2 - early, abs=0.002)


def test_what_cannot_be_copied_is_encoded_and_says_so(tmp_path: Path, made: Callable[[str], Clip]) -> None:
    source = made("AVI, reordered")
    done, clip = cut_into(tmp_path, source)
    assert done.method is CutMethod.ENCODED and done.note is not None and "AVI stores no times" in done.note
    assert numbers(clip) == expected_frames(source, START, STOP)[0]
    assert click_times(clip, 0, STOP - START) == pytest.approx(click_times(source, START, STOP), abs=1e-3)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("file", "codec", "ending"),
    [("a.m4a", "aac", ".m4a"), ("a.mp3", "mp3", ".m4a"), ("a.opus", "libopus", ".m4a"), ("a.flac", "flac", ".m4a")],
)
def test_without_a_picture_the_clip_is_audio_alone(
    tmp_path: Path, file: str, codec: str, ending: str, exact: bool
) -> None:
    source = open_clip(write_media(tmp_path / file, sound(codec)))
    (tmp_path / "out").mkdir()
    done, clip = cut_into(tmp_path / "out", source, exact=exact)
    assert (done.has_video, done.has_audio, done.path.suffix) == (False, True, ending)
    assert click_times(clip, 0, STOP - START) == pytest.approx(click_times(source, START, STOP), abs=1e-3)


@pytest.mark.parametrize("sample_bytes", [1, 2, 4])
def test_uncompressed_audio_is_cut_to_the_sample(tmp_path: Path, sample_bytes: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 44_100))
    source = open_clip(write_wave(tmp_path / "a.wav", noise, 44_100, sample_bytes=sample_bytes))
    (tmp_path / "out").mkdir()
    _, clip = cut_into(tmp_path / "out", source, 0.25, 0.751)
    (before,) = decode_sound(source, 44_100, start_seconds=0.25, stop_seconds=0.751)
    (after,) = decode_sound(clip, 44_100)
    assert after.start_sample == 0 and np.array_equal(after.samples, before.samples)


def test_where_video_has_ended_the_clip_is_audio_alone(tmp_path: Path) -> None:
    source = open_clip(write_media(tmp_path / "a.mp4", pictures(times_seconds=even_times(60)), sound()))
    (tmp_path / "out").mkdir()
    for exact in (False, True):
        done = cut(source, START, STOP, tmp_path / "out" / "a.mp4", exact=exact, overwrite=True)
        assert (done.has_video, done.has_audio) == (False, True)
        assert open_clip(done.path).video is None


def test_where_there_is_nothing_the_interval_is_refused(tmp_path: Path) -> None:
    silent = pictures(times_seconds=even_times(60))
    source = open_clip(write_media(tmp_path / "a.mp4", silent, sound(start_seconds=5.0)))
    (tmp_path / "out").mkdir()
    with pytest.raises(NoStreams, match=r"neither video nor audio from 3\.000 to 4\.000 s"):
        cut(source, 3.0, 4.0, tmp_path / "out" / "a.mp4")
    assert list((tmp_path / "out").iterdir()) == []


def test_intervals_are_joined_in_step(tmp_path: Path, made: Callable[[str], Clip]) -> None:
    source = made("variable rate")
    join(source, [(0.5, 1.5), (3.6, 5.4)], tmp_path / "reel.mp4")
    clip = open_clip(tmp_path / "reel.mp4")
    assert clip.duration_seconds == pytest.approx(2.8, abs=0.05)
    first, second = (expected_frames(source, *interval) for interval in ((0.5, 1.5), (3.6, 5.4)))
    assert numbers(clip) == first[0] + second[0]
    assert frame_times(clip) == pytest.approx(first[1] + [1 + seconds for seconds in second[1]], abs=6e-4)
    assert click_times(clip) == pytest.approx([0.5, 1.4, 2.4], abs=1e-3)


def test_a_gap_of_the_audio_stays_a_gap(tmp_path: Path) -> None:
    gap = Sound(clicks(SECONDS, 48_000), gap=(2.5, 3.5))
    source = open_clip(write_media(tmp_path / "a.mp4", pictures(), gap))
    for exact in (False, True):
        (tmp_path / str(exact)).mkdir()
        _, clip = cut_into(tmp_path / str(exact), source, 1.5, 5.5, exact=exact)
        assert click_times(clip) == pytest.approx([0.5, 2.5, 3.5], abs=2e-3)


@pytest.mark.parametrize(
    ("channels", "layout", "rate_hz"), [(2, "stereo", 44_100), (6, "5.1", 48_000), (1, "mono", 22_255)]
)
def test_channels_are_kept_when_audio_is_encoded(tmp_path: Path, channels: int, layout: str, rate_hz: int) -> None:
    samples = np.concatenate([clicks(2, rate_hz)] * channels)
    source = open_clip(write_media(tmp_path / "a.mkv", Sound(samples, rate_hz, "pcm_s16le", layout)))
    cut(source, 0.5, 1.5, tmp_path / "a.m4a", exact=True)
    clip = open_clip(tmp_path / "a.m4a")
    assert clip.audio is not None and clip.audio.channels == channels
    assert click_times(clip, 0, 1) == pytest.approx([0.5], abs=1e-3)


def test_odd_sizes_and_other_encoders_are_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from av2a.media import encoding

    odd = pictures(width=161, height=97, pixel_format="yuv444p", times_seconds=even_times(60))
    source = open_clip(write_media(tmp_path / "a.mp4", odd))
    monkeypatch.setattr(encoding, "VIDEO_ENCODERS", {"none": {}, "mpeg4": encoding.VIDEO_ENCODERS["mpeg4"]})
    cut(source, 0.5, 1.5, tmp_path / "b.mp4", exact=True)
    clip = open_clip(tmp_path / "b.mp4")
    assert clip.video is not None
    assert (clip.video.width, clip.video.height, clip.video.codec) == (160, 96, "mpeg4")
    assert numbers(clip) == list(range(15, 45))


@pytest.mark.parametrize(
    ("stored", "encoder", "kept", "loss"),
    [
        ("yuv420p10le", "libx264", "yuv420p10le", None),
        ("yuv422p12le", "libx264", "yuv420p10le", "its 12 bits a sample became 10, as libx264 encodes no more"),
        ("yuv420p10le", "mpeg4", "yuv420p", "its 10 bits a sample became 8, as mpeg4 encodes no more"),
    ],
)
def test_encoding_keeps_the_bits_of_a_sample_or_says_what_it_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str, encoder: str, kept: str, loss: str | None
) -> None:
    from av2a.media import encoding

    deep = pictures(codec="libx265", options=HEVC, pixel_format=stored, times_seconds=even_times(30))
    source = open_clip(write_media(tmp_path / "a.mp4", deep))
    monkeypatch.setattr(encoding, "VIDEO_ENCODERS", {encoder: encoding.VIDEO_ENCODERS[encoder]})
    assert cut(source, 0.2, 0.5, tmp_path / "b.mp4", exact=True).note == loss
    assert join(source, [(0.2, 0.5)], tmp_path / "c.mp4") == loss
    for file in ("b.mp4", "c.mp4"):
        with av.open(str(tmp_path / file)) as container:
            assert {frame.format.name for frame in container.decode(video=0)} == {kept}


# What is refused, and what is left behind.


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 2), (3, 2), (6.5, 7), (1, float("nan")), (1, float("inf"))])
def test_times_that_are_no_interval_are_refused(
    tmp_path: Path, made: Callable[[str], Clip], start: float, stop: float
) -> None:
    with pytest.raises(InvalidSetting, match="is no interval of"):
        cut(made("reordered frames"), float(start), float(stop), tmp_path / "a.mp4")
    with pytest.raises(InvalidSetting, match="is no interval of"):
        join(made("reordered frames"), [(float(start), float(stop))], tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_it_may_be_replaced(tmp_path: Path, made: Callable[[str], Clip]) -> None:
    (tmp_path / "a.mp4").write_text("mine")
    with pytest.raises(OutputRefused, match="already there"):
        cut(made("reordered frames"), START, STOP, tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_text() == "mine"
    cut(made("reordered frames"), START, STOP, tmp_path / "a.mp4", overwrite=True)
    assert open_clip(tmp_path / "a.mp4").video is not None


def test_another_ending_and_no_folder_are_refused(tmp_path: Path, made: Callable[[str], Clip]) -> None:
    with pytest.raises(OutputRefused, match=r"must end in \.mp4"):
        cut(made("reordered frames"), START, STOP, tmp_path / "a.avi")
    with pytest.raises(OutputRefused, match="cannot write"):
        cut(made("reordered frames"), START, STOP, tmp_path / "none" / "a.mp4")
    with pytest.raises(InvalidSetting, match="no interval to join"):
        join(made("reordered frames"), [], tmp_path / "a.mp4")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_no_part_of_a_file_is_left(
    tmp_path: Path, made: Callable[[str], Clip], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    source = made("reordered frames")

    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("av2a.media.copying.end_edits", fail)
    with pytest.raises(error):
        cut(source, START, STOP, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_and_unfit_packets_are_told_apart() -> None:
    with pytest.raises(OSError, match="No space left"), muxing():
        raise av.FFmpegError(errno.ENOSPC, "No space left on device")
    with pytest.raises(NotCopyable, match="Invalid argument"), muxing():
        raise av.ArgumentError(errno.EINVAL, "Invalid argument")


# Real files.


def _shared_clips(shared: Path) -> list[Path]:
    beds = sorted((shared / "real_bed" / "clips").glob("*.mp4"))[::11]
    return [*sorted((shared / "media").glob("*.mp4")), *beds]


def _same_sound(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two pieces of audio are the same, up to half a millisecond."""
    length = min(len(before), len(after)) - 16
    if np.abs(before).max() < 1e-3:
        return bool(np.abs(after).max() < 2e-3)
    part = before[8 : 8 + length]
    others = [after[shift : shift + length] for shift in range(17)]
    return max(float(part @ other / np.sqrt((part @ part) * (other @ other))) for other in others) > 0.9


def test_real_files_are_cut_to_the_frame_and_in_step(tmp_path: Path, shared: Path) -> None:
    files = _shared_clips(shared)
    if not files:
        pytest.skip("the folder of reference data has no media")
    for number, file in enumerate(files):
        source = open_clip(file)
        start, stop = round(source.duration_seconds * 0.31, 2), round(source.duration_seconds * 0.45, 2)
        (tmp_path / str(number)).mkdir()
        done, clip = cut_into(tmp_path / str(number), source, start, stop)
        assert (done.method, done.starts_early_seconds) == (CutMethod.COPIED, 0), file.name
        shown, times = expected_frames(source, start, stop)
        assert frame_times(clip) == pytest.approx(times, abs=6e-4), file.name
        own = frame_times(source)
        before = decode_frames(source, [own[shown[0]], own[shown[-1]]])
        after = decode_frames(clip, [times[0], times[-1]])
        for one, other in zip(before, after, strict=True):
            assert one is not None and other is not None and np.array_equal(one.pixels, other.pixels), file.name
        if clip.audio is not None:
            seconds = min(1.0, stop - start)
            heard = [
                np.concatenate(
                    [block.samples for block in decode_sound(of, RATE_HZ, start_seconds=at, stop_seconds=at + seconds)]
                )
                for of, at in ((source, start), (clip, 0.0))
            ]
            assert _same_sound(*heard), file.name
