"""What the encoders are asked, and how often; and what becomes of pictures and sounds that are not there."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import active_count
from threading import enumerate as threads

import numpy as np
import pytest

from av2a import media
from av2a.backbones.base import Backbone
from av2a.backbones.encoder_warnings import warn
from av2a.embeddings import Interval
from av2a.errors import InvalidSetting
from av2a.features.batching import Batch
from av2a.features.inputs import ahead, passes
from av2a.settings import Channels, Settings
from av2a.types import Clip
from tests.counting import Counted, counted
from tests.media_makers import Pictures, Sound, even_times, tone, uneven_times, write_media
from tests.parts import extracted as observed
from tests.tiny_backbones import languagebind, pair, scene

__all__ = ["languagebind", "pair", "scene"]  # fixtures

RELEASED = Settings.released()
PRACTICAL = Settings()


@pytest.fixture
def asked(pair: Backbone) -> Counted:
    return counted(pair)


def once(count: Counter[bytes]) -> bool:
    return bool(count) and set(count.values()) == {1}


SOUND = Sound(tone(4, 48_000), codec="flac")


# Once.


@pytest.mark.parametrize("settings", [RELEASED, PRACTICAL], ids=["released", "practical"])
def test_each_distinct_picture_and_sound_is_embedded_once(scene: Path, asked: Counted, settings: Settings) -> None:
    [observation] = observed(scene, asked.backbone, settings)
    intervals = [Interval(0, 10), Interval(2, 5), Interval(2, 6), Interval(8, 10)]
    first = observation.intervals(intervals)
    again = observation.intervals(intervals[::-1])[::-1]
    assert once(asked.visual.frames) and once(asked.audio.sounds)
    assert all(np.array_equal(one.visual, other.visual) for one, other in zip(first, again, strict=True))


def test_pictures_go_through_in_batches_that_the_backbone_asks_for(scene: Path, asked: Counted) -> None:
    observed(scene, replace(asked.backbone, batch_items=7), PRACTICAL)
    assert asked.visual.batches == [7, 7, 6]


@pytest.mark.parametrize("settings", [RELEASED, PRACTICAL], ids=["released", "practical"])
def test_times_that_show_one_picture_share_its_row(tmp_path: Path, asked: Counted, settings: Settings) -> None:
    path = write_media(tmp_path / "slow.mkv", Pictures(even_times(3, Fraction(2, 3)), rate_hz=Fraction(2, 3)), SOUND)
    [observation] = observed(path, asked.backbone, replace(settings, blank_contrast=None))
    assert len(asked.visual.frames) == 3 and once(asked.visual.frames)
    assert observation.segments.seen.all()


def test_at_a_variable_frame_rate_each_picture_is_embedded_once(tmp_path: Path, asked: Counted) -> None:
    times = uneven_times(4.0, np.random.default_rng(0))
    path = write_media(tmp_path / "uneven.mkv", Pictures(times, time_base=Fraction(1, 1000)), SOUND)
    [observation] = observed(path, asked.backbone, PRACTICAL)
    observation.intervals([Interval(0, 4), Interval(1, 3)])
    assert once(asked.visual.frames)


@pytest.mark.parametrize("channels", [Channels.FIRST, Channels.MEAN])
def test_an_encoder_hears_the_channels_that_the_settings_name(
    tmp_path: Path, languagebind: Backbone, channels: Channels
) -> None:
    both = np.concatenate([tone(4, 48_000, frequency_hz=440), tone(4, 48_000, frequency_hz=660)])
    path = write_media(
        tmp_path / "stereo.mkv", Pictures(even_times(8, Fraction(2))), Sound(both, codec="flac", layout="stereo")
    )
    asked = counted(languagebind)
    observed(path, asked.backbone, replace(Settings.released("languagebind"), channels=channels))
    heard = np.frombuffer(next(iter(asked.audio.sounds)), np.float32)
    strengths = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    frequencies = np.fft.rfftfreq(len(heard), 1 / 16_000)
    at_440, at_660 = (strengths[np.abs(frequencies - frequency) < 10].max() for frequency in (440, 660))
    assert at_440 > 0
    assert at_660 / at_440 == pytest.approx(1.0 if channels is Channels.MEAN else 0.0, abs=0.02)


def test_a_video_encoder_s_pictures_and_clips_come_from_one_pass(
    scene: Path, languagebind: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes_made: list[int] = []
    decode = media.decode_frames

    def decoding(clip: Clip, times: list[float], *, warn: media.Warn) -> Iterator[media.Picture | None]:
        passes_made.append(len(times))
        return decode(clip, times, warn=warn)

    monkeypatch.setattr(media, "decode_frames", decoding)
    asked = counted(languagebind)
    [observation] = observed(scene, asked.backbone, RELEASED)
    assert len(passes_made) == 1
    assert once(asked.visual.frames) and sum(asked.visual.clips.values()) == 1
    observation.intervals([Interval(0, 4), Interval(2, 6), Interval(2, 7)])
    assert len(passes_made) == 2
    assert once(asked.visual.clips) and sum(asked.visual.clips.values()) == 4


def test_no_more_clips_are_open_at_a_time_than_fit() -> None:
    stretches = [(float(start), float(start + 5)) for start in range(6)]
    found = list(passes(stretches, most_open=2))
    assert sorted(stretch for each in found for stretch in each) == stretches
    for each in found:
        for time in range(12):
            assert sum(start <= time <= stop for start, stop in each) <= 2


def test_an_interval_is_seen_and_heard_only_as_far_as_is_needed(scene: Path, languagebind: Backbone) -> None:
    asked = counted(languagebind)
    [observation] = observed(scene, asked.backbone, PRACTICAL)
    sounds = len(asked.audio.sounds)
    seen, heard = observation.intervals([Interval(0, 4, heard=False), Interval(2, 7, seen=False)])
    assert seen.seen.all() and not seen.heard.any()
    assert heard.heard.all() and not heard.seen.any()
    assert sum(asked.visual.clips.values()) == 1 and len(asked.audio.sounds) > sounds


# Sound.


def test_long_sound_is_heard_in_equal_parts_that_the_encoder_takes_whole(tmp_path: Path, asked: Counted) -> None:
    path = write_media(tmp_path / "long.wav", Sound(tone(25, 48_000), codec="pcm_s16le"))
    settings = replace(RELEASED, window_seconds=25.0)
    [observation] = observed(path, asked.backbone, settings)
    parts = [len(sound) // 4 for sound in asked.audio.sounds]
    assert parts == [400_000] * 3
    assert observation.windows[0].heard.all()


def test_a_little_more_than_the_encoder_takes_is_one_sound(tmp_path: Path, asked: Counted) -> None:
    path = write_media(tmp_path / "ten.wav", Sound(tone(10.03, 48_000), codec="pcm_s16le"))
    observed(path, asked.backbone, RELEASED)
    assert [len(sound) // 4 for sound in asked.audio.sounds] == [pytest.approx(481_440, abs=2)]


def test_slices_hear_ten_seconds_in_one_pass_and_each_segment_in_its_own_part(scene: Path, asked: Counted) -> None:
    settings = PRACTICAL.replace(segment_sound="slices")
    [sliced] = observed(scene, asked.backbone, settings)
    assert len(asked.audio.sliced) == 1 and not asked.audio.sounds
    [windowed] = observed(scene, asked.backbone, PRACTICAL)
    assert sliced.segments.heard.tolist() == windowed.segments.heard.tolist()
    assert not np.allclose(sliced.segments.audio, windowed.segments.audio, atol=1e-3)
    whole = asked.audio.embed_sounds([sound_of(scene)])[0]
    mean = sliced.segments.audio[sliced.segments.heard].mean(axis=0)
    assert float(mean @ whole / np.linalg.norm(mean)) > 0.9


def test_slices_of_long_sound_are_those_of_the_sound_whole(tmp_path: Path, asked: Counted) -> None:
    rng = np.random.default_rng(0)
    path = write_media(
        tmp_path / "long.wav", Sound(rng.normal(0, 0.1, (1, 48_000 * 130)).astype(np.float32), codec="pcm_s16le")
    )
    [observation] = observed(path, asked.backbone, PRACTICAL.replace(segment_sound="slices"))
    assert max(asked.audio.sliced) <= 63 * 48_000 and len(asked.audio.sliced) == 3
    assert observation.segments.heard.all()


def test_slices_of_silence_and_of_missing_sound_hear_nothing(tmp_path: Path, asked: Counted) -> None:
    silent = np.zeros((1, 48_000 * 6), np.float32)
    silent[0, : 48_000 * 2] = tone(2, 48_000)[0]
    path = write_media(tmp_path / "half.mkv", Pictures(even_times(270)), Sound(silent, codec="flac"))
    [observation] = observed(path, asked.backbone, PRACTICAL.replace(segment_sound="slices"))
    assert observation.segments.heard.tolist() == [True] * 2 + [False] * 7


def test_slices_of_an_encoder_without_any_are_refused(scene: Path, languagebind: Backbone) -> None:
    with pytest.raises(InvalidSetting, match="does not tell the moments of a sound apart; set segment_sound = windows"):
        observed(scene, languagebind, PRACTICAL.replace(segment_sound="slices"))


# What is not there.


@pytest.mark.parametrize("settings", [RELEASED, PRACTICAL], ids=["released", "practical"])
@pytest.mark.parametrize("name", ["pair", "languagebind"])
def test_a_missing_stream_is_masked(
    tmp_path: Path, settings: Settings, name: str, request: pytest.FixtureRequest
) -> None:
    backbone = request.getfixturevalue(name)
    mute = write_media(tmp_path / "mute.mp4", Pictures(even_times(120)))
    blind = write_media(tmp_path / "blind.wav", Sound(tone(4, 48_000), codec="pcm_s16le"))
    for path, seen in ((mute, True), (blind, False)):
        [observation] = observed(path, backbone, settings)
        [interval] = observation.intervals([Interval(1, 3)])
        assert observation.segments.seen.tolist() == [seen] * 4
        assert observation.segments.heard.tolist() == [not seen] * 4
        assert (interval.seen.tolist(), interval.heard.tolist()) == ([seen], [not seen])


def test_blank_pictures_and_silence_are_masked_and_never_embedded(tmp_path: Path, asked: Counted) -> None:
    # Picture number 0 is black all over.
    path = write_media(
        tmp_path / "blank.mkv",
        Pictures([0.0, 2.0, 3.0], rate_hz=Fraction(1)),
        Sound(np.zeros((1, 48_000 * 4), np.float32), codec="flac"),
    )
    [observation] = observed(path, asked.backbone, PRACTICAL)
    assert observation.segments.seen.tolist() == [False, False, True, True]
    assert not observation.segments.heard.any() and not asked.audio.sounds
    assert len(asked.visual.frames) == 2
    assert np.array_equal(observation.frame_embeddings[0], observation.frame_embeddings[2])


def test_what_is_missing_of_a_clip_is_filled_with_what_is_there(tmp_path: Path, languagebind: Backbone) -> None:
    path = write_media(tmp_path / "late.mkv", Pictures([2.0, 3.0], rate_hz=Fraction(1)), SOUND)
    asked = counted(languagebind)
    [observation] = observed(path, asked.backbone, replace(PRACTICAL, blank_contrast=None))
    [interval, nothing] = observation.intervals([Interval(0, 4), Interval(0, 1)])
    assert interval.seen.all() and not nothing.seen.any()
    [clip] = asked.visual.clips
    assert len(clip) == 8 * 160 * 96 * 3


# Batches and threads.


def column(items: Sequence[int]) -> np.ndarray:
    return np.array([[item] for item in items], np.float32)


def test_embeddings_reach_those_who_asked_whatever_the_batches() -> None:
    batch: Batch[int] = Batch(column, 3)
    pending = [batch.add(number) for number in range(7)]
    assert [each.is_done for each in pending] == [True] * 6 + [False]
    batch.flush()
    assert [each.embedding.tolist() for each in pending] == [[number] for number in range(7)]


def test_an_input_that_cannot_be_embedded_takes_no_other_s_embedding_with_it() -> None:
    def embed(items: Sequence[int]) -> np.ndarray:
        if 2 in items:
            raise RuntimeError("two")
        return column(items)

    batch: Batch[int] = Batch(embed, 4)
    pending = [batch.add(number) for number in range(4)]
    assert [str(each.error) if each.error else each.embedding.tolist() for each in pending] == [[0], [1], "two", [3]]


def test_a_warning_of_a_batch_goes_to_every_input_in_it_and_to_no_other() -> None:
    def embed(items: Sequence[int]) -> np.ndarray:
        if 2 in items:
            warn("half precision did not suffice")
        return column(items)

    batch: Batch[int] = Batch(embed, 2)
    pending = [batch.add(number) for number in range(6)]
    assert [len(each.warnings) for each in pending] == [0, 0, 1, 1, 0, 0]


def test_a_batch_of_large_inputs_goes_out_early() -> None:
    sizes: list[int] = []

    def embed(items: Sequence[np.ndarray]) -> np.ndarray:
        sizes.append(len(items))
        return column([0] * len(items))

    batch: Batch[np.ndarray] = Batch(embed, 100)
    large = np.broadcast_to(np.uint8(0), (90_000_000,))
    for _ in range(6):
        batch.add(large)
    assert sizes == [3, 3]


def test_what_is_made_ahead_is_bounded() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with ahead(source(), most=2) as items:
        assert next(items) == 0
        assert len(made) <= 5
    assert not [thread for thread in threads() if thread.name.startswith("av2a ahead")]


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_an_error_of_the_source_comes_after_what_it_made(error: BaseException) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise error

    taken: list[int] = []
    with pytest.raises(type(error)), ahead(source(), most=4) as items:
        taken.extend(items)
    assert taken == [1]


def test_an_interrupt_ends_the_thread_and_closes_the_source() -> None:
    closed = []

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    def interrupted() -> None:
        with ahead(source(), most=1) as items:
            next(items)
            raise KeyboardInterrupt

    before = active_count()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert closed == [True] and active_count() == before


# Helpers.


def sound_of(path: Path) -> np.ndarray:
    blocks = [block.samples for block in media.decode_sound(media.open_clip(path), 48_000)]
    return np.concatenate(blocks)[:480_000]
