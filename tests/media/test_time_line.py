"""Files whose time stamps or headers are not exact, as recorders write them: the time line is built from what is there."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float32

from av2a.media import decode_frames, decode_sound, frame_times, open_clip
from av2a.types import Clip
from tests.media_makers import (
    Pictures,
    Sound,
    changed_ogg,
    claim_duration,
    claim_flash_duration,
    claim_mp4_duration,
    clicks,
    even_times,
    number_of,
    restamped,
    tone,
    write_media,
)

RATE_HZ = 16_000
AUDIO_FRAME_SECONDS = 1024 / RATE_HZ


def listened(clip: Clip, **part: Any) -> tuple[Float32[np.ndarray, " sample"], list[str]]:
    """All audio from zero on, NaN where there is none, and the warnings."""
    warnings = list(clip.warnings)
    blocks = list(decode_sound(clip, RATE_HZ, warn=warnings.append, **part))
    whole = np.full(max((block.start_sample + len(block.samples) for block in blocks), default=0), np.nan, np.float32)
    for block in blocks:
        whole[block.start_sample : block.start_sample + len(block.samples)] = block.samples
    return whole, warnings


def clicks_of(sound: Float32[np.ndarray, " sample"]) -> list[float]:
    """When clicks are heard, in seconds."""
    loud = np.flatnonzero(np.nan_to_num(np.abs(sound)) > 0.3)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > 0.1 * RATE_HZ) + 1)
    return [float(part.mean() / RATE_HZ) for part in parts if len(part)]


def missing_seconds(sound: Float32[np.ndarray, " sample"]) -> float:
    return float(np.isnan(sound).sum() / RATE_HZ)


def clicking(path: Path, seconds: float, codec: str = "aac") -> Path:
    return write_media(path, Sound(clicks(seconds, RATE_HZ), rate_hz=RATE_HZ, codec=codec, bit_rate=64_000))


def jittering(amplitude_seconds: float, seed: int = 0) -> Callable[[int, float], float]:
    errors = np.random.default_rng(seed).uniform(-amplitude_seconds, amplitude_seconds, 10_000)
    return lambda number, seconds: max(0.0, seconds + float(errors[number]))


@pytest.mark.parametrize("amplitude_seconds", [0.003, 0.015, 0.02, 0.045, 0.09])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "flv", "ts"])
def test_nothing_is_lost_where_time_stamps_jitter(tmp_path: Path, suffix: str, amplitude_seconds: float) -> None:
    whole = clicking(tmp_path / f"whole.{suffix}", 20)
    clip = open_clip(restamped(whole, tmp_path / f"a.{suffix}", jittering(amplitude_seconds)))
    sound, warnings = listened(clip)
    began = int(np.argmax(~np.isnan(sound)))
    assert began <= (amplitude_seconds + 0.01) * RATE_HZ
    assert not np.isnan(sound[began:]).any() and warnings == []
    assert len(sound) - began == pytest.approx(
        len(listened(open_clip(whole))[0]), abs=2 * AUDIO_FRAME_SECONDS * RATE_HZ
    )
    heard = np.array(clicks_of(sound))
    assert len(heard) == 20 and np.diff(heard) == pytest.approx(np.ones(19), abs=0.001)


@pytest.mark.parametrize("speed", [0.995, 1.0005, 1.01])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_clock_that_drifts_is_followed(tmp_path: Path, suffix: str, speed: float) -> None:
    whole = clicking(tmp_path / f"whole.{suffix}", 40)
    sound, warnings = listened(
        open_clip(restamped(whole, tmp_path / f"a.{suffix}", lambda _, seconds: speed * seconds))
    )
    heard = clicks_of(sound)
    assert len(heard) >= 38
    assert all(min(abs(each - speed * second) for second in range(1, 42)) < 0.12 for each in heard)
    assert missing_seconds(sound) < 40 * abs(speed - 1) + 0.1
    assert not any("spliced" in warning for warning in warnings) or speed < 1


@pytest.mark.parametrize("frames", [2, 4, 8, 50])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "flv", "ts"])
@pytest.mark.parametrize("jitter_seconds", [0.0, 0.02])
def test_a_hole_stays_a_hole_and_shifts_nothing(
    tmp_path: Path, suffix: str, frames: int, jitter_seconds: float
) -> None:
    whole = clicking(tmp_path / f"whole.{suffix}", 16)
    first = round(5.2 / AUDIO_FRAME_SECONDS)
    jitter = jittering(jitter_seconds)

    def stamp(number: int, seconds: float) -> float | None:
        return None if first <= number < first + frames else jitter(number, seconds)

    sound, warnings = listened(open_clip(restamped(whole, tmp_path / f"a.{suffix}", stamp)))
    hole_seconds = frames * AUDIO_FRAME_SECONDS
    late = [each for each in clicks_of(sound) if 9.5 < each < 15.5]
    offset = clicks_of(sound)[0] - 1
    assert np.array(late) - offset == pytest.approx(np.arange(10, 10 + len(late)), abs=0.001 + 1.5 * jitter_seconds)
    assert len(late) >= 5
    began = int(np.argmax(~np.isnan(sound)))
    assert missing_seconds(sound[began:]) == pytest.approx(hole_seconds, abs=0.065 + jitter_seconds)
    assert len(warnings) == 1 and "the audio has a hole of" in warnings[0]


def test_a_few_wrong_time_stamps_change_nothing(tmp_path: Path) -> None:
    whole = clicking(tmp_path / "whole.mkv", 12)
    plain, _ = listened(open_clip(whole))
    sound, warnings = listened(
        open_clip(restamped(whole, tmp_path / "a.mkv", lambda number, seconds: seconds + 0.2 * (number % 40 == 20)))
    )
    assert np.array_equal(sound, plain) and warnings == []


def test_small_steps_that_last_are_absorbed(tmp_path: Path) -> None:
    """As Vorbis makes them: its blocks change size, and the time stamps step by 10 ms against the samples."""
    whole = clicking(tmp_path / "whole.mkv", 12)
    plain, _ = listened(open_clip(whole))
    stepped = restamped(whole, tmp_path / "a.mkv", lambda number, seconds: seconds + 0.0102 * (number // 9 % 2))
    sound, warnings = listened(open_clip(stepped))
    assert np.array_equal(sound, plain) and warnings == []


def test_the_vorbis_file_of_bursts_is_whole(shared: Path) -> None:
    sound, warnings = listened(open_clip(shared / "cases" / "07_vorbis_bursts.ogg"))
    assert len(sound) == 10 * RATE_HZ and missing_seconds(sound) == 0 and warnings == []


def test_the_file_whose_time_stamps_jitter_is_whole(shared: Path) -> None:
    clip = open_clip(shared / "cases" / "08_audio_time_stamps_jitter_20ms.mkv")
    sound, warnings = listened(clip)
    assert missing_seconds(sound) < 0.02 and len(sound) / RATE_HZ == pytest.approx(20.04, abs=0.03)
    assert warnings == []


def test_a_part_of_jittering_audio_lies_where_it_lies_in_the_whole(tmp_path: Path) -> None:
    whole = clicking(tmp_path / "whole.mp4", 30)
    clip = open_clip(restamped(whole, tmp_path / "a.mp4", jittering(0.02)))
    part, _ = listened(clip, start_seconds=20.5, stop_seconds=24.5)
    everything = [each for each in clicks_of(listened(clip)[0]) if 20.5 < each < 24.5]
    assert clicks_of(part) == pytest.approx(everything, abs=0.015)


CLAIMS = {
    "mkv": claim_duration,
    "webm": claim_duration,
    "mp4": claim_mp4_duration,
    "mov": claim_mp4_duration,
    "flv": claim_flash_duration,
}


def film(path: Path, pictures_seconds: int, sound_seconds: int, **options: str) -> Path:
    web = path.suffix == ".webm"
    pictures = Pictures(
        even_times(25 * pictures_seconds, 25), codec="libvpx" if web else "libx264", rate_hz=Fraction(25)
    )
    sound = Sound(tone(sound_seconds, 48_000), codec="libopus" if web else "aac")
    return write_media(path, pictures, sound, container_options=options)


@pytest.mark.parametrize("claimed_seconds", [0.5, 2.0, 5.7])
@pytest.mark.parametrize("suffix", CLAIMS)
def test_the_length_is_what_is_there_and_not_what_the_header_says(
    tmp_path: Path, suffix: str, claimed_seconds: float
) -> None:
    whole = film(tmp_path / f"whole.{suffix}", 6, 6)
    clip = open_clip(CLAIMS[suffix](whole, tmp_path / f"a.{suffix}", seconds=claimed_seconds))
    assert clip.duration_seconds == pytest.approx(6, abs=0.06)
    sound, warnings = listened(clip)
    assert len(sound) / RATE_HZ == pytest.approx(6, abs=0.06)
    assert len(frame_times(clip)) == 150
    (picture,) = decode_frames(clip, [5.5], warn=warnings.append)
    assert picture is not None and number_of(picture.pixels) in (136, 137)
    assert warnings == []


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_the_files_that_declare_two_of_six_seconds_last_six(shared: Path, suffix: str) -> None:
    clip = open_clip(shared / "cases" / f"09_declares_2s_holds_6s.{suffix}")
    sound, warnings = listened(clip)
    assert clip.duration_seconds == pytest.approx(6.03, abs=0.02)
    assert len(sound) / RATE_HZ == pytest.approx(6.02, abs=0.03) and warnings == []


@pytest.mark.parametrize(("pictures_seconds", "sound_seconds"), [(10, 6), (6, 10), (10, 9)])
@pytest.mark.parametrize("suffix", ["mkv", "webm", "flv", "ts", "mp4", "mov", "avi"])
def test_streams_of_different_length_are_no_damage(
    tmp_path: Path, suffix: str, pictures_seconds: int, sound_seconds: int
) -> None:
    clip = open_clip(film(tmp_path / f"a.{suffix}", pictures_seconds, sound_seconds))
    assert clip.duration_seconds == pytest.approx(10, abs=0.1)
    sound, warnings = listened(clip)
    assert len(sound) / RATE_HZ == pytest.approx(sound_seconds, abs=0.1)
    list(decode_frames(clip, [0.5, 9.9], warn=warnings.append))
    assert warnings == []


def test_subtitles_that_last_longer_are_no_damage(tmp_path: Path) -> None:
    import av

    (tmp_path / "a.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:14,000 --> 00:00:15,000\nEnd\n\n"
    )
    film(tmp_path / "film.mkv", 6, 6)
    with (
        av.open(str(tmp_path / "a.srt")) as texts,
        av.open(str(tmp_path / "film.mkv")) as pictures,
        av.open(str(tmp_path / "a.mkv"), "w") as container,
    ):
        for source in (pictures, texts):
            streams = {stream.index: container.add_stream_from_template(stream) for stream in source.streams}
            source_packets = [packet for packet in source.demux() if packet.dts is not None]
            for packet in source_packets:
                packet.stream = streams[packet.stream.index]
            if source is pictures:
                packets = source_packets
            else:
                packets += source_packets
        for packet in packets:
            container.mux(packet)
    clip = open_clip(tmp_path / "a.mkv")
    _, warnings = listened(clip)
    list(decode_frames(clip, [0.5, 14.5], warn=warnings.append))
    assert clip.duration_seconds == pytest.approx(15, abs=0.1) and warnings == []


def test_the_whole_file_with_short_sound_gives_no_warning(shared: Path) -> None:
    clip = open_clip(shared / "cases" / "11_sound_6s_pictures_10s_whole.mkv")
    _, warnings = listened(clip)
    list(decode_frames(clip, [9.9], warn=warnings.append))
    assert warnings == []


OGG_SOUNDS = [("libopus", "mono", {}), ("flac", "mono", {}), ("vorbis", "stereo", {"strict": "experimental"})]


@pytest.mark.parametrize(("codec", "layout", "options"), OGG_SOUNDS)
@pytest.mark.parametrize("links", [2, 4])
def test_the_links_of_a_chained_file_follow_on(
    tmp_path: Path, codec: str, layout: str, options: dict[str, str], links: int
) -> None:
    content = b""
    for link in range(links):
        samples = np.repeat(clicks(3 + link, 48_000), 2 if layout == "stereo" else 1, axis=0)
        path = write_media(tmp_path / f"{link}.ogg", Sound(samples, codec=codec, layout=layout, options=options))
        content += path.read_bytes()
    (tmp_path / "chained.ogg").write_bytes(content)
    seconds = sum(3 + link for link in range(links))
    clip = open_clip(tmp_path / "chained.ogg")
    assert clip.duration_seconds == pytest.approx(seconds, abs=0.05 * links)
    sound, warnings = listened(clip)
    assert len(sound) / RATE_HZ == pytest.approx(clip.duration_seconds, abs=0.05)
    assert missing_seconds(sound) == 0 and warnings == []
    # The second link begins at 3 s; half a click at the end of the first is heard there.
    assert clicks_of(sound)[:5] == pytest.approx([1, 2, 3, 3 + 1, 3 + 2], abs=0.03)
    part, _ = listened(clip, start_seconds=3.5, stop_seconds=5.5)
    assert clicks_of(part) == pytest.approx([3 + 1, 3 + 2], abs=0.03)


@pytest.mark.parametrize("start_seconds", [4, 10, 3600])
def test_of_opus_a_late_start_is_subtracted(tmp_path: Path, start_seconds: int) -> None:
    whole = write_media(tmp_path / "whole.ogg", Sound(clicks(5, 48_000), codec="libopus"))
    clip = open_clip(changed_ogg(whole, tmp_path / "a.ogg", later_samples=start_seconds * 48_000))
    sound, warnings = listened(clip)
    assert clip.duration_seconds == pytest.approx(5, abs=0.001) and warnings == []
    assert np.array_equal(sound, listened(open_clip(whole))[0])


@pytest.mark.parametrize("pre_skip", [3840, 24_000, 65_000])
def test_of_opus_the_pre_skip_is_subtracted(tmp_path: Path, pre_skip: int) -> None:
    whole = write_media(tmp_path / "whole.ogg", Sound(tone(5, 48_000), codec="libopus"))
    clip = open_clip(changed_ogg(whole, tmp_path / "a.ogg", pre_skip=pre_skip))
    sound, warnings = listened(clip)
    assert clip.duration_seconds == pytest.approx(5.0065 - pre_skip / 48_000, abs=0.002) and warnings == []
    assert len(sound) / RATE_HZ == pytest.approx(clip.duration_seconds, abs=0.01)


@pytest.mark.parametrize("suffix", ["webm", "mkv"])
def test_the_last_frame_of_a_screen_recording_is_shown_to_the_end(tmp_path: Path, suffix: str) -> None:
    """Recorders of screens write no new frame while nothing changes, and no duration."""
    pictures = Pictures([0.0, 0.1, 0.3, 0.4, 1.0], codec="libvpx", time_base=Fraction(1, 1000))
    sound = Sound(tone(10, 48_000), codec="libopus")
    for name, options in (("live", {"live": "1"}), ("whole", {})):
        path = write_media(tmp_path / f"{name}.{suffix}", pictures, sound, container_options=options)
        clip = open_clip(path)
        assert clip.duration_seconds == pytest.approx(10, abs=0.05)
        warnings = list(clip.warnings)
        shown = list(decode_frames(clip, [0.35, 1.5, 9.9], warn=warnings.append))
        assert [None if each is None else number_of(each.pixels) for each in shown] == [2, 4, 4]
        assert warnings == []
        assert list(decode_frames(clip, [10.5])) == [None]


def test_frames_behind_damage_are_not_taken_for_a_still(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mkv", 10, 10)
    data = bytearray(whole.read_bytes())
    from av import open as opened

    with opened(str(whole)) as container:
        for packet in container.demux(video=0):
            if packet.pos and packet.pts is not None and packet.pts * packet.time_base > 3:
                data[packet.pos + 8 : packet.pos + packet.size] = bytes(max(0, packet.size - 8))
    (tmp_path / "a.mkv").write_bytes(data)
    clip = open_clip(tmp_path / "a.mkv")
    warnings: list[str] = []
    early, late = decode_frames(clip, [1.0, 9.0], warn=warnings.append)
    assert early is not None and late is None
    assert warnings
