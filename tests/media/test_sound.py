from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from jaxtyping import Float, Float32

from av2a.errors import InvalidSetting
from av2a.media import decode_frames, decode_sound, frame_times, open_clip
from av2a.media.reading import Losses
from av2a.media.sound import placed_from
from av2a.settings import Channels
from tests.media_makers import Pictures, Sound, clicks, even_times, number_of, tone, write_media, write_wave


def heard(
    path: Path, rate_hz: int, *, start_seconds: float = 0.0, stop_seconds: float | None = None
) -> Float32[np.ndarray, " sample"]:
    """All sound from zero on, NaN where there is none."""
    blocks = list(decode_sound(open_clip(path), rate_hz, start_seconds=start_seconds, stop_seconds=stop_seconds))
    whole = np.full(max((block.start_sample + len(block.samples) for block in blocks), default=0), np.nan, np.float32)
    for block in blocks:
        whole[block.start_sample : block.start_sample + len(block.samples)] = block.samples
    return whole


def centre_seconds(sound: Float32[np.ndarray, " sample"], rate_hz: int, near_seconds: float) -> float:
    """Where the energy of a click lies, 10 ms around ``near_seconds``."""
    reach = round(0.01 * rate_hz)
    index = np.arange(-reach, reach + 1) + round(near_seconds * rate_hz)
    power = np.nan_to_num(sound[index].astype(np.float64)) ** 2
    assert power.max() > 0.05, f"no click near {near_seconds} s"
    return float((index * power).sum() / power.sum() / rate_hz)


def level(sound: Float[np.ndarray, " sample"]) -> float:
    middle = sound[len(sound) // 4 : 3 * len(sound) // 4]
    return float(np.sqrt(2) * np.sqrt(np.mean(middle.astype(np.float64) ** 2)))


@pytest.mark.parametrize("rate_hz", [48_000, 16_000])
@pytest.mark.parametrize(
    ("name", "codec", "stored_hz"),
    [
        ("a.mp4", "aac", 48_000),
        ("a.m4a", "aac", 44_100),
        ("a.mkv", "aac", 44_100),
        ("a.webm", "libopus", 48_000),
        ("a.ogg", "libopus", 48_000),
        ("a.flac", "flac", 44_100),
        ("a.wav", "pcm_s16le", 22_050),
        ("a.wav", "pcm_s16le", 96_000),
    ],
)
def test_clicks_land_within_a_tenth_of_a_millisecond(
    tmp_path: Path, name: str, codec: str, stored_hz: int, rate_hz: int
) -> None:
    path = write_media(tmp_path / name, Sound(clicks(6, stored_hz), rate_hz=stored_hz, codec=codec, bit_rate=128_000))
    sound = heard(path, rate_hz)
    for second in (1, 3, 5):
        assert centre_seconds(sound, rate_hz, second) == pytest.approx(second, abs=1e-4)


def test_an_mp3_counts_from_its_first_audible_sample(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", Sound(clicks(6, 44_100), rate_hz=44_100, codec="libmp3lame"))
    sound = heard(path, 16_000)
    assert [centre_seconds(sound, 16_000, second) for second in (1, 5)] == pytest.approx([1, 5], abs=1e-3)
    assert open_clip(path).duration_seconds == pytest.approx(6, abs=0.06)


def test_raw_aac_lasts_as_long_as_its_packets(tmp_path: Path) -> None:
    clip = open_clip(write_media(tmp_path / "a.aac", Sound(tone(4, 48_000))))
    assert clip.duration_seconds == pytest.approx(4, abs=0.05)


def test_in_a_transport_stream_sound_and_picture_stay_together(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.ts", Pictures(even_times(120)), Sound(clicks(4, 48_000)))
    first = frame_times(open_clip(path))[0]
    assert centre_seconds(heard(path, 48_000), 48_000, first + 2) == pytest.approx(first + 2, abs=1e-4)
    (picture,) = decode_frames(open_clip(path), [first + 2.01])
    assert picture is not None and number_of(picture.pixels) == 60


def test_a_minute_does_not_drift(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.flac", Sound(clicks(61, 44_100), rate_hz=44_100, codec="flac"))
    sound = heard(path, 16_000)
    assert centre_seconds(sound, 16_000, 60) == pytest.approx(60, abs=1e-4)
    assert len(sound) == pytest.approx(61 * 16_000, abs=2)


def test_sound_that_starts_late_starts_at_its_own_sample(tmp_path: Path) -> None:
    late = Sound(clicks(3, 48_000), start_seconds=2.0)
    # The edit list counts in ticks of the movie, a millisecond unless told otherwise.
    exact = {"movie_timescale": "48000"}
    path = write_media(tmp_path / "a.mp4", Pictures(even_times(150)), late, container_options=exact)
    blocks = list(decode_sound(open_clip(path), 16_000))
    assert blocks[0].start_sample == pytest.approx(2 * 16_000, abs=0.03 * 16_000)
    assert centre_seconds(heard(path, 16_000), 16_000, 3.0) == pytest.approx(3.0, abs=1e-4)


def test_a_gap_in_the_sound_is_a_gap_between_blocks(tmp_path: Path) -> None:
    gapped = Sound(tone(6, 48_000), codec="pcm_s16le", gap=(2.0, 4.0))
    sound = heard(write_media(tmp_path / "a.mkv", gapped), 16_000)
    missing = np.flatnonzero(np.isnan(sound)) / 16_000
    assert (missing[0], missing[-1]) == pytest.approx((2.0, 4.0), abs=0.025)
    assert len(sound) == pytest.approx(6 * 16_000, abs=20)


def test_of_overlapping_sound_the_first_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start, value in ((0, 0.25), (8_000, 0.5), (12_000, -0.5)):
            samples = np.full((1, 8_000), round(value * 2**15), dtype=np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = heard(path, 16_000)
    assert len(sound) == 20_000
    assert (sound[:8_000] == 0.25).all() and (sound[8_000:16_000] == 0.5).all() and (sound[16_000:] == -0.5).all()


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le", "flac"])
def test_channels_are_averaged(tmp_path: Path, channels: int, codec: str) -> None:
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[channels]
    gains = np.linspace(0.2, 1.0, channels)[:, None]
    samples = gains * tone(2, 96_000, amplitude=0.5)
    suffix = "flac" if codec == "flac" else "wav"
    path = write_media(tmp_path / f"a.{suffix}", Sound(samples, rate_hz=96_000, codec=codec, layout=layout))
    clip = open_clip(path)
    assert clip.audio is not None and clip.audio.channels == channels
    assert level(heard(path, 48_000)) == pytest.approx(0.5 * gains.mean(), rel=2e-3)


def test_eight_planes_of_sound_are_averaged(tmp_path: Path) -> None:
    # Low enough for the channel of low frequencies to carry it too.
    samples = np.repeat(tone(3, 48_000, frequency_hz=60, amplitude=0.25), 8, axis=0)
    path = write_media(tmp_path / "a.mp4", Sound(samples, layout="7.1", bit_rate=512_000))
    assert level(heard(path, 48_000)) == pytest.approx(0.25, rel=0.02)


def test_eight_bit_telephone_sound_keeps_its_level(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", tone(2, 8_000, amplitude=0.5), 8_000, sample_bytes=1)
    sound = heard(path, 48_000)
    assert level(sound) == pytest.approx(0.5, rel=0.01)
    assert abs(float(sound.mean())) < 0.005


def test_thirty_two_bit_sound_keeps_its_level(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", tone(1, 48_000, amplitude=0.5), 48_000, sample_bytes=4)
    assert heard(path, 48_000) == pytest.approx(tone(1, 48_000, amplitude=0.5)[0], abs=1e-6)


def test_channels_that_cancel_each_other_are_still_heard(tmp_path: Path) -> None:
    wave = tone(3, 48_000, amplitude=0.5)
    path = write_media(tmp_path / "a.flac", Sound(np.concatenate([wave, -0.99 * wave]), codec="flac", layout="stereo"))
    said: list[str] = []
    blocks = list(decode_sound(open_clip(path), 48_000, warn=said.append))
    assert level(np.concatenate([block.samples for block in blocks])) == pytest.approx(0.5, rel=1e-3)
    assert len(said) == 1 and "anti-phase" in said[0]


def test_unrelated_channels_do_not_count_as_cancelling(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (8, 96_000))
    path = write_media(tmp_path / "a.wav", Sound(noise, codec="pcm_f32le", layout="7.1"))
    said: list[str] = []
    sound = np.concatenate([b.samples for b in decode_sound(open_clip(path), 48_000, warn=said.append)])
    assert sound == pytest.approx(noise.mean(axis=0), abs=1e-6)
    assert said == []


def test_digital_silence_is_sound_without_a_warning(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", np.zeros((2, 32_000)), 16_000, sample_bytes=2)
    said: list[str] = []
    blocks = list(decode_sound(open_clip(path), 16_000, warn=said.append))
    assert sum(len(block.samples) for block in blocks) == 32_000
    assert not any(block.samples.any() for block in blocks)
    assert said == []


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64le"])
def test_values_that_are_no_numbers_become_silence(tmp_path: Path, codec: str) -> None:
    samples = tone(2, 16_000)
    path = write_media(tmp_path / "a.wav", Sound(samples, rate_hz=16_000, codec=codec))
    data = bytearray(path.read_bytes())
    size = 4 if codec == "pcm_f32le" else 8
    start = data.index(b"data") + 8
    values = np.frombuffer(data[start : start + 32_000 * size], dtype=f"<f{size}").copy()
    values[5_000:5_003] = np.nan, np.inf, -np.inf
    values[6_000] = np.finfo(values.dtype).max
    data[start : start + 32_000 * size] = values.tobytes()
    path.write_bytes(data)
    said: list[str] = []
    for rate_hz in (16_000, 48_000):
        said.clear()
        sound = np.concatenate([b.samples for b in decode_sound(open_clip(path), rate_hz, warn=said.append)])
        assert np.isfinite(sound).all() and np.abs(sound).max() < 0.5
        assert len(said) == 1 and "taken for silence" in said[0]


def test_a_sound_of_fifty_milliseconds_is_heard(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", tone(0.05, 44_100), 44_100, sample_bytes=2)
    assert open_clip(path).duration_seconds == pytest.approx(0.05, abs=1e-3)
    assert len(heard(path, 16_000)) == pytest.approx(800, abs=2)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "aac"),
        ("a.mkv", "aac"),
        ("a.mp3", "libmp3lame"),
        ("a.ogg", "libopus"),
        ("a.flac", "flac"),
        ("a.wav", "pcm_s16le"),
    ],
)
def test_a_part_equals_the_same_part_of_the_whole(tmp_path: Path, name: str, codec: str) -> None:
    rng = np.random.default_rng(3)
    noise = np.concatenate([rng.normal(0, 0.1, (1, 12 * 48_000)), 0.5 * clicks(12, 48_000)])
    path = write_media(tmp_path / name, Sound(noise, codec=codec, layout="stereo", bit_rate=128_000))
    whole = heard(path, 16_000)
    part = heard(path, 16_000, start_seconds=7.25, stop_seconds=9.5)
    assert np.isnan(part[: round(7.25 * 16_000)]).all()
    assert len(part) == round(9.5 * 16_000)
    assert part[round(7.25 * 16_000) :] == pytest.approx(whole[round(7.25 * 16_000) : len(part)], abs=2e-3)


def test_a_far_part_is_not_decoded_from_the_start(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", Sound(tone(100, 16_000), rate_hz=16_000))
    losses = Losses()
    first = next(placed_from(open_clip(path), 90, losses))
    assert 88 <= first.position / first.rate_hz <= 90
    assert losses.packets < 10


def test_blocks_are_about_a_second_and_in_order(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", Sound(tone(5.5, 44_100), rate_hz=44_100))
    blocks = list(decode_sound(open_clip(path), 48_000))
    assert max(len(block.samples) for block in blocks) <= 1.05 * 48_000
    stops = [block.start_sample + len(block.samples) for block in blocks]
    assert [block.start_sample for block in blocks] == [0, *stops[:-1]]


def test_a_silent_video_gives_no_sound(tmp_path: Path) -> None:
    clip = open_clip(write_media(tmp_path / "a.mp4", Pictures(even_times(3))))
    assert clip.audio is None
    assert list(decode_sound(clip, 16_000)) == []


def test_sound_shorter_than_the_pictures_ends_where_it_ends(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", Pictures(even_times(120)), Sound(tone(2, 48_000)))
    said: list[str] = []
    blocks = list(decode_sound(open_clip(path), 16_000, warn=said.append))
    assert blocks[-1].start_sample + len(blocks[-1].samples) == pytest.approx(2 * 16_000, abs=400)
    assert said == []


@pytest.mark.parametrize(
    ("rate_hz", "start_seconds", "stop_seconds", "words"),
    [(0, 0.0, None, "sample_rate_hz"), (16_000, -1.0, None, "start_seconds"), (16_000, 2.0, 1.0, "stop_seconds")],
)
def test_times_and_rates_that_cannot_be_are_refused(
    tmp_path: Path, rate_hz: int, start_seconds: float, stop_seconds: float | None, words: str
) -> None:
    clip = open_clip(write_wave(tmp_path / "a.wav", tone(1, 8_000), 8_000, sample_bytes=2))
    with pytest.raises(InvalidSetting, match=words):
        decode_sound(clip, rate_hz, start_seconds=start_seconds, stop_seconds=stop_seconds)


def test_all_reference_sounds_last_as_long_as_declared(shared: Path) -> None:
    for name in ("sound_a.wav", "sound_b.wav", "dog_and_speech.mp4"):
        clip = open_clip(shared / "media" / name)
        said: list[str] = []
        samples = sum(len(block.samples) for block in decode_sound(clip, 48_000, warn=said.append))
        assert samples / 48_000 == pytest.approx(clip.duration_seconds, abs=0.05)
        assert said == []


def test_the_first_channel_alone_is_heard_whatever_the_others_are(tmp_path: Path) -> None:
    left = tone(3, 44_100, 440.0)
    expected = None
    for name, right in (("silent", 0 * left), ("anti-phase", -left), ("another", tone(3, 44_100, 1000.0))):
        path = write_wave(tmp_path / f"{name}.wav", np.concatenate([left, right]), 44_100, sample_bytes=2)
        warnings: list[str] = []
        blocks = [*decode_sound(open_clip(path), 16_000, channels=Channels.FIRST, warn=warnings.append)]
        sound = np.concatenate([block.samples for block in blocks])
        assert len(sound) == 48_000
        assert warnings == []
        assert expected is None or np.array_equal(sound, expected)
        expected = sound


def test_a_part_of_the_first_channel_is_that_part_of_the_whole(tmp_path: Path) -> None:
    path = write_wave(tmp_path / "a.wav", tone(5, 44_100, 440.0), 44_100, sample_bytes=2)
    clip = open_clip(path)
    whole = [*decode_sound(clip, 16_000, channels=Channels.FIRST)]
    part = [*decode_sound(clip, 16_000, start_seconds=2.5, stop_seconds=4.0, channels=Channels.FIRST)]
    expected = np.concatenate([block.samples for block in whole])[40_000:64_000]
    assert np.abs(np.concatenate([block.samples for block in part]) - expected).max() < 1e-6
