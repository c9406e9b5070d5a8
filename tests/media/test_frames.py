from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from av2a.errors import InvalidSetting
from av2a.media import decode_frames, frame_times, open_clip
from av2a.media.frames import END_TOLERANCE_SECONDS, Reader
from tests.media_makers import (
    Pictures,
    Sound,
    even_times,
    number_of,
    numbered,
    red_corner_of,
    tone,
    uneven_times,
    write_media,
)

NTSC = Fraction(30000, 1001)
VP9 = {"deadline": "realtime", "cpu-used": "8"}


def numbers(path: Path, times_seconds: Iterable[float]) -> list[int | None]:
    """The numbers of the pictures shown at these times."""
    pictures = decode_frames(open_clip(path), list(times_seconds))
    return [None if picture is None else number_of(picture.pixels) for picture in pictures]


def expected_numbers(shown_seconds: list[float], times_seconds: Iterable[float]) -> list[int | None]:
    """The last picture not later than each time, by the times that were written."""
    found = [int(np.searchsorted(shown_seconds, seconds + 5e-4, side="right")) - 1 for seconds in times_seconds]
    return [None if number < 0 else number for number in found]


def mid_seconds(duration_seconds: int) -> list[float]:
    return [0.5 + second for second in range(duration_seconds)]


def test_a_picture_carries_its_number() -> None:
    assert [number_of(numbered(number, 63, 37)) for number in (0, 1, 511, 682, 1023)] == [0, 1, 511, 682, 1023]


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("h264.mp4", Pictures(even_times(180))),
        ("h264.mkv", Pictures(even_times(180))),
        ("h264.avi", Pictures(even_times(180))),
        ("ntsc.mp4", Pictures(even_times(180, NTSC), rate_hz=NTSC, group=250, options={"x264-params": "open-gop=1"})),
        ("hevc.mp4", Pictures(even_times(90), codec="libx265", options={"x265-params": "log-level=none"})),
        ("vp9.webm", Pictures(even_times(90), codec="libvpx-vp9", options=VP9)),
        ("mpeg4.avi", Pictures(even_times(90), codec="mpeg4", options={"b": "2M"})),
        ("slow.mp4", Pictures(even_times(6, Fraction(1, 2)), rate_hz=Fraction(1, 2), time_base=Fraction(1, 1000))),
        ("fast.mp4", Pictures(even_times(300, 1000), rate_hz=Fraction(1000))),
        ("odd.mp4", Pictures(even_times(30), width=63, height=37, pixel_format="yuv444p", options={"crf": "5"})),
        ("deep.mp4", Pictures(even_times(30), pixel_format="yuv420p10le")),
        ("moving.gif", Pictures(even_times(20, 10), codec="gif", rate_hz=Fraction(10), pixel_format="rgb8")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_picture_is_found_at_its_own_time_and_at_those_between(
    tmp_path: Path, name: str, pictures: Pictures
) -> None:
    path = write_media(tmp_path / name, pictures)
    clip = open_clip(path)
    times = frame_times(clip)
    assert times == pytest.approx(pictures.times_seconds, abs=6e-4)
    assert numbers(path, times) == list(range(len(times)))
    between = times[:-1] + np.diff(times) * np.random.default_rng(0).uniform(0.1, 0.9, len(times) - 1)
    assert numbers(path, between) == list(range(len(times) - 1))


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_uneven_frame_rates_keep_their_times(tmp_path: Path, name: str) -> None:
    shown = uneven_times(12.0, np.random.default_rng(7))
    path = write_media(tmp_path / name, Pictures(shown, time_base=Fraction(1, 1000)))
    assert frame_times(open_clip(path)) == pytest.approx(shown, abs=6e-4)
    assert numbers(path, mid_seconds(12)) == expected_numbers(shown, mid_seconds(12))


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv"])
def test_there_is_no_picture_before_the_first_one(tmp_path: Path, name: str) -> None:
    shown = even_times(60, 30, start_seconds=1.5)
    path = write_media(tmp_path / name, Pictures(shown, time_base=Fraction(1, 600)), Sound(tone(4, 48_000)))
    asked = [0.0, 0.7, 1.49, 1.5, 2.5]
    assert numbers(path, asked) == expected_numbers(shown, asked) == [None, None, None, 0, 30]


def test_there_is_no_picture_after_the_last_one_has_been_shown(tmp_path: Path) -> None:
    path = write_media(tmp_path / "short.mp4", Pictures(even_times(30)), Sound(tone(3, 48_000)))
    asked = [0.99, 1 + END_TOLERANCE_SECONDS - 0.01, 1 + END_TOLERANCE_SECONDS + 0.01, 2.5]
    assert numbers(path, asked) == [29, 29, None, None]


def test_sound_that_starts_late_does_not_move_the_pictures(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", Pictures(even_times(120)), Sound(tone(2, 48_000), start_seconds=2.0))
    assert numbers(path, mid_seconds(4)) == [15, 45, 75, 105]


def test_transport_streams_count_from_their_own_start(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "a.ts",
        Pictures(even_times(120)),
        Sound(tone(4, 48_000)),
        container_options={"mpegts_copyts": "1", "output_ts_offset": "100"},
    )
    clip = open_clip(path)
    first = frame_times(clip)[0]
    assert 0 <= first < 0.1
    assert clip.duration_seconds == pytest.approx(4, abs=0.1)
    asked = [first + seconds for seconds in mid_seconds(4)]
    assert numbers(path, asked) == [15, 45, 75, 105]


def test_a_raw_stream_without_times_is_shown_at_its_rate(tmp_path: Path) -> None:
    path = write_media(tmp_path / "raw.h264", Pictures(even_times(90)))
    clip = open_clip(path)
    assert clip.duration_seconds == pytest.approx(3)
    assert clip.video is not None and clip.video.frame_rate_hz == 30
    assert numbers(path, frame_times(clip)) == list(range(90))


def test_one_picture_is_a_video(tmp_path: Path) -> None:
    clip = open_clip(write_media(tmp_path / "one.mp4", Pictures(even_times(1))))
    assert clip.duration_seconds == pytest.approx(1 / 30, abs=1e-3)
    assert frame_times(clip).tolist() == [0.0]
    assert numbers(clip.path, [0.0, 0.02]) == [0, 0]


@pytest.mark.parametrize(
    ("rotation", "corner", "size"),
    [
        (0, "upper left", (120, 60)),
        (90, "lower left", (60, 120)),
        (180, "lower right", (120, 60)),
        (270, "upper right", (60, 120)),
    ],
)
def test_pictures_are_upright(tmp_path: Path, rotation: int, corner: str, size: tuple[int, int]) -> None:
    made = Pictures(even_times(3), width=120, height=60, rotation_degrees=rotation, red_corner=True)
    clip = open_clip(write_media(tmp_path / "a.mp4", made))
    (picture,) = decode_frames(clip, [0.0])
    assert picture is not None and clip.video is not None
    assert red_corner_of(picture.pixels) == corner
    assert (clip.video.width, clip.video.height) == picture.pixels.shape[1::-1] == size
    assert clip.video.rotation_degrees == rotation


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_mirrored_picture_is_mirrored_back(tmp_path: Path, rotation: int) -> None:
    made = Pictures(even_times(1), width=120, height=60, rotation_degrees=rotation, mirrored=True, red_corner=True)
    (picture,) = decode_frames(open_clip(write_media(tmp_path / "a.mp4", made)), [0.0])
    corners = {0: "upper right", 90: "lower right", 180: "lower left", 270: "upper left"}
    assert picture is not None and red_corner_of(picture.pixels) == corners[rotation]


def test_a_turn_is_what_rot90_makes_of_the_rotation(tmp_path: Path) -> None:
    for rotation in (90, 180, 270):
        path = write_media(tmp_path / f"{rotation}.mp4", Pictures(even_times(1), 64, 32, rotation_degrees=rotation))
        (picture,) = decode_frames(open_clip(path), [0.0])
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
        assert picture is not None
        assert np.array_equal(picture.pixels, np.rot90(frame.to_ndarray(format="rgb24"), k=frame.rotation // 90))


def test_a_picture_that_is_asked_for_twice_is_converted_once(tmp_path: Path) -> None:
    clip = open_clip(write_media(tmp_path / "a.mp4", Pictures(even_times(30))))
    first, second, third = decode_frames(clip, [0.5, 0.5, 0.51])
    assert first is not None and first is second is third


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.ts"])
@pytest.mark.parametrize("options", [{}, {"x264-params": "open-gop=1"}], ids=["closed", "open"])
def test_times_far_apart_give_the_same_pictures_as_times_close_together(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    made = Pictures(even_times(1000, 8), width=80, height=48, rate_hz=Fraction(8), group=50, options=options)
    path = write_media(tmp_path / name, made)
    times = frame_times(open_clip(path))
    asked = [3, 4, 199, 200, 201, 420, 799, 800, 999]
    assert numbers(path, times[asked]) == asked
    assert numbers(path, times[[777]]) == [777]


def test_a_far_time_does_not_decode_everything_before_it(tmp_path: Path) -> None:
    made = Pictures(even_times(1000, 8), width=80, height=48, rate_hz=Fraction(8), group=50)
    reader = Reader(open_clip(write_media(tmp_path / "long.mp4", made)))
    picture = reader.picture_at(100.0)
    assert picture is not None and number_of(picture.pixels) == 800
    assert reader.losses.packets < 200


def test_decoding_stops_when_the_last_time_has_passed(tmp_path: Path) -> None:
    reader = Reader(open_clip(write_media(tmp_path / "a.mp4", Pictures(even_times(300)))))
    picture = reader.picture_at(1.0)
    assert picture is not None and number_of(picture.pixels) == 30
    assert reader.losses.packets < 100


def test_a_sound_file_has_no_picture_at_any_time(tmp_path: Path) -> None:
    clip = open_clip(write_media(tmp_path / "a.m4a", Sound(tone(2, 48_000))))
    assert list(decode_frames(clip, [0.0, 1.0])) == [None, None]
    assert frame_times(clip).size == 0


def test_no_times_are_no_pictures(tmp_path: Path) -> None:
    clip = open_clip(write_media(tmp_path / "a.mp4", Pictures(even_times(3))))
    assert list(decode_frames(clip, [])) == []


@pytest.mark.parametrize("times", [[1.0, 0.5], [float("nan")], [0.0, float("inf")]])
def test_times_that_fall_are_refused(tmp_path: Path, times: list[float]) -> None:
    clip = open_clip(write_media(tmp_path / "a.mp4", Pictures(even_times(3))))
    with pytest.raises(InvalidSetting, match="sort them"):
        decode_frames(clip, times)


def test_an_edit_list_leaves_out_what_it_says(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "whole.mp4", Pictures(even_times(120)))
    trimmed = tmp_path / "trimmed.mp4"
    # Copied from its start on with negative times, as `ffmpeg -ss 0.5 -c copy` does: the muxer writes an edit list.
    with av.open(str(whole)) as source, av.open(str(trimmed), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.dts is not None:
                shift = round(0.5 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                container.mux(packet)
    clip = open_clip(trimmed)
    times = frame_times(clip)
    assert numbers(trimmed, times) == list(range(15, 120))
    assert clip.duration_seconds == pytest.approx(3.5, abs=0.05)


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    clip = open_clip(
        write_media(tmp_path / "a.mp4", Pictures(even_times(240), 640, 360, options={"preset": "ultrafast"}))
    )
    before = _resident_bytes()
    for _ in decode_frames(clip, even_times(240)):
        pass
    # 240 pictures are 166 MB.
    assert _resident_bytes() - before < 80e6


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("no /proc to read the memory in use from")
    return int(statm.read_text().split()[1]) * 4096


def test_all_reference_clips_give_every_picture_at_its_time(shared: Path) -> None:
    for path in sorted((shared / "media").glob("*.mp4")):
        clip = open_clip(path)
        times = frame_times(clip)
        shown = [picture.seconds for picture in decode_frames(clip, times) if picture is not None]
        assert shown == times.tolist()
