"""What is kept is what was observed, to the last bit, and once it is kept nobody is asked again."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from av2a import atomic, media
from av2a.backbones.base import Backbone
from av2a.backbones.registry import load_backbone
from av2a.embeddings import Embeddings, Interval
from av2a.features import FeatureSource, Store
from av2a.features.extract import sampling_of
from av2a.settings import (
    IntervalFeatures,
    Sampling,
    SegmentSound,
    Selection,
    Settings,
    SoundScope,
    ThresholdRule,
)
from av2a.timeline import Grid
from av2a.types import Clip
from tests.counting import counted
from tests.media_makers import Pictures, Sound, even_times, tone, write_media
from tests.parts import Part, extracted, parts_of
from tests.silent import silent
from tests.tiny_backbones import languagebind, pair, scene

__all__ = ["languagebind", "pair", "scene"]  # fixtures

RELEASED, PAPER = (Settings.of(name) for name in ("released", "paper"))
PRACTICAL = replace(Settings.practical(), interval_features=IntervalFeatures.EMBEDDED)
"""With intervals that are embedded by themselves."""
EVERY = [Interval(*ends) for ends in combinations(range(11), 2)]


@pytest.fixture(scope="session")
def mini() -> Backbone:
    return load_backbone("mini")


@pytest.fixture
def clip(scene: Path) -> Clip:
    return media.open_clip(scene)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", warn=pytest.fail)


def fresh_parts(clip: Clip, backbone: Backbone, settings: Settings) -> list[Part]:
    return extracted(clip, backbone, settings)


def stored(
    clip: Clip, backbone: Backbone, settings: Settings, store: Store | None = None, *, grid: Grid | None = None
) -> FeatureSource:
    source = FeatureSource(clip, backbone, settings, store, grid=grid)
    assert len(source.features) > 0
    return source


def assert_same(one: Embeddings, other: Embeddings) -> None:
    for name in ("visual", "audio", "seen", "heard"):
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype and np.array_equal(first, second), name


def assert_same_parts(some: Sequence[Part], others: Sequence[Part], intervals: Sequence[Interval]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert one.first_segment == other.first_segment
        assert np.array_equal(one.window_of, other.window_of)
        assert np.array_equal(one.frame_embeddings, other.frame_embeddings)
        pairs = [(one.segments, other.segments)]
        pairs += zip(one.windows, other.windows, strict=True)
        pairs += zip(one.intervals(intervals), other.intervals(intervals), strict=True)
        for first, second in pairs:
            assert_same(first, second)


@pytest.mark.parametrize("settings", [PRACTICAL, RELEASED, PAPER], ids=lambda settings: settings.profile)
@pytest.mark.parametrize("name", ["mini", "pair", "languagebind"])
def test_what_is_read_back_is_what_was_observed_to_the_last_bit(
    clip: Clip, store: Store, settings: Settings, name: str, request: pytest.FixtureRequest
) -> None:
    backbone: Backbone = request.getfixturevalue(name)
    # All in one call, as their batches decide about last bits.
    [fresh] = fresh_parts(clip, backbone, settings)
    fresh.intervals(EVERY)
    extracted(clip, backbone, settings, store)
    [kept] = extracted(clip, silent(backbone), settings, store)
    assert_same_parts([fresh], [kept], EVERY)


def test_an_entry_is_found_although_its_writer_was_killed_right_after_it(
    clip: Clip, mini: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = atomic.write_bytes

    def killed_afterwards(path: Path, content: bytes) -> None:
        write(path, content)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_bytes", killed_afterwards)
        with pytest.raises(KeyboardInterrupt):
            stored(clip, mini, RELEASED, Store(tmp_path / "store"))
    assert FeatureSource(clip, mini, RELEASED, Store(tmp_path / "store")).was_stored


def test_an_interval_of_one_stream_is_as_the_observer_gives_it(clip: Clip, store: Store, mini: Backbone) -> None:
    wanted = [Interval(2, 5, seen, heard) for seen, heard in product([True, False], repeat=2)]
    assert_same_parts(fresh_parts(clip, mini, PRACTICAL), extracted(clip, mini, PRACTICAL, store), [*wanted, *EVERY])


def without_sound(folder: Path) -> Path:
    return write_media(folder / "mute.mkv", Pictures(even_times(40, 10), rate_hz=Fraction(10)))


def without_picture(folder: Path) -> Path:
    return write_media(folder / "dark.mka", Sound(tone(4.0, 48_000), codec="flac"))


def with_a_blank_beginning(folder: Path) -> Path:
    """Five of fifteen pictures show nothing, and the sound begins late."""
    pictures = Pictures(even_times(40, 10), rate_hz=Fraction(10), options={"qp": "0"})
    return write_media(folder / "late.mkv", pictures, Sound(tone(1.5, 48_000), codec="flac", start_seconds=2.2))


@pytest.mark.parametrize(
    "make", [without_sound, without_picture, with_a_blank_beginning], ids=lambda make: make.__name__
)
@pytest.mark.parametrize("settings", [PRACTICAL, RELEASED], ids=lambda settings: settings.profile)
@pytest.mark.parametrize("name", ["mini", "languagebind"])
def test_what_is_not_there_is_kept_as_not_there(
    tmp_path: Path,
    store: Store,
    make: Callable[[Path], Path],
    settings: Settings,
    name: str,
    request: pytest.FixtureRequest,
) -> None:
    backbone: Backbone = request.getfixturevalue(name)
    clip = media.open_clip(make(tmp_path))
    every = [Interval(*ends) for ends in combinations(range(5), 2)]
    [fresh] = fresh_parts(clip, backbone, settings)
    fresh.intervals(every)
    kept = extracted(clip, backbone, settings, store)
    assert_same_parts([fresh], kept, every)


def test_once_kept_the_video_is_not_needed_any_more(scene: Path, tmp_path: Path, store: Store, mini: Backbone) -> None:
    path = tmp_path / "copy.mp4"
    path.write_bytes(scene.read_bytes())
    clip = media.open_clip(path)
    assert not stored(clip, mini, PRACTICAL, store).was_stored
    path.unlink()
    again = stored(clip, silent(mini), PRACTICAL, store)
    assert again.was_stored
    assert len(parts_of(again)[0].intervals(EVERY)) == 55


def test_a_clip_is_known_by_its_content_not_by_its_name(
    scene: Path, tmp_path: Path, store: Store, mini: Backbone
) -> None:
    path = tmp_path / "other name.mp4"
    path.write_bytes(scene.read_bytes())
    stored(media.open_clip(scene), mini, PRACTICAL, store)
    assert stored(media.open_clip(path), silent(mini), PRACTICAL, store).was_stored


def test_pictures_that_intervals_share_are_kept_once(clip: Clip, store: Store, mini: Backbone) -> None:
    counting = counted(mini)
    stored(clip, counting.backbone, PRACTICAL, store)
    # Two pictures a second, and the mean of each two for the cosine; 55 intervals add nothing.
    assert len(counting.visual.frames) == 20
    [file] = store.folder.rglob("*.safetensors")
    rows = 30 * 64 + 65 * 64
    assert rows * 4 < file.stat().st_size < rows * 4 + 30_000


def test_without_a_store_everything_is_asked_once_all_the_same(clip: Clip, mini: Backbone) -> None:
    counting = counted(mini)
    [observation] = extracted(clip, counting.backbone, PRACTICAL, every_interval=True)
    len(observation.segments)
    asked = counting.audio.sounds.total()
    assert len(observation.intervals(EVERY)) == 55
    assert counting.audio.sounds.total() == asked


# Long clips, and runs that embed only what they ask for.


@pytest.fixture
def long_clip(tmp_path: Path) -> Clip:
    pictures = Pictures(even_times(200, 10), rate_hz=Fraction(10))
    noise = 0.1 * np.random.default_rng(0).normal(size=(1, 20 * 16_000))
    return media.open_clip(write_media(tmp_path / "long.mkv", pictures, Sound(noise, 16_000, codec="flac")))


@pytest.mark.parametrize("settings", [PRACTICAL, RELEASED], ids=lambda settings: settings.profile)
def test_of_long_clips_an_interval_is_embedded_when_it_is_asked_for_and_kept_from_then_on(
    long_clip: Clip, store: Store, mini: Backbone, settings: Settings
) -> None:
    counting = counted(mini)
    first = parts_of(stored(long_clip, counting.backbone, settings, store))
    before = counting.audio.sounds.total()
    wanted = [Interval(0, 10), Interval(2, 4, seen=False)]
    answers = [observation.intervals(wanted) for observation in first]
    # By index each window is short enough to have every interval embedded at once.
    assert (counting.audio.sounds.total() > before) == (settings is PRACTICAL)
    assert max(counting.visual.frames.values()) == max(counting.audio.sounds.values()) == 1
    again = stored(long_clip, silent(mini), settings, store)
    assert again.was_stored
    for observation, answer in zip(parts_of(again), answers, strict=True):
        for one, other in zip(observation.intervals(wanted), answer, strict=True):
            assert_same(one, other)


def test_an_interval_that_a_later_run_asks_for_leaves_the_others_as_they_are(
    long_clip: Clip, store: Store, mini: Backbone
) -> None:
    [first] = extracted(long_clip, mini, PRACTICAL, store)
    [answer] = first.intervals([Interval(0, 10)])
    [second] = extracted(long_clip, mini, PRACTICAL, store)
    second.intervals([Interval(3, 18)])
    [third] = extracted(long_clip, silent(mini), PRACTICAL, store)
    assert_same(third.intervals([Interval(0, 10)])[0], answer)
    assert_same(third.intervals([Interval(3, 18)])[0], second.intervals([Interval(3, 18)])[0])
    assert_same(third.segments, first.segments)
    with pytest.raises(AssertionError, match="were encoded"):
        third.intervals([Interval(5, 9)])


def test_features_go_to_another_process(clip: Clip, store: Store, mini: Backbone) -> None:
    features = stored(clip, mini, PRACTICAL, store).features
    sent = pickle.dumps(features)
    assert len(sent) < 100_000
    received = pickle.loads(sent)
    for one, other in zip(received.intervals(EVERY), features.intervals(EVERY), strict=True):
        assert_same(one, other)
    assert_same(received.segments(0), features.segments(0))


def test_practical_embeds_no_interval(clip: Clip, store: Store, mini: Backbone) -> None:
    counting = counted(mini)
    stored(clip, counting.backbone, Settings.practical(), store)
    assert counting.audio.sounds.total() == 10


# The key.


ASKED_OTHERWISE: list[dict[str, object]] = [
    {"sampling": Sampling.INDEX},
    {"frames_per_segment": 3},
    {"sound": SoundScope.CLIP},
    {"segment_sound": SegmentSound.SLICES},
    {"selection": Selection.WHOLE},
    {"segment_seconds": 0.5},
    {"window_seconds": 5.0},
    {"silence_dbfs": None},
    {"blank_contrast": 2.0},
]


@pytest.mark.parametrize("change", ASKED_OTHERWISE, ids=lambda change: next(iter(change)))
def test_settings_that_ask_for_something_else_have_entries_of_their_own(change: dict[str, object]) -> None:
    assert sampling_of(replace(PRACTICAL, **change)) != sampling_of(PRACTICAL)  # type: ignore[arg-type]


FREE: list[dict[str, object]] = [
    {"profile": "other"},
    {"audio_weight": 0.1},
    {"initial_threshold": 0.1},
    {"decay": 0.1},
    {"threshold_rule": ThresholdRule.STATIC},
    {"background": ()},
    {"select_categories": False},
    {"validate": False},
    {"merge_gap_seconds": 2.0},
    {"unit_labels": False},
]


@pytest.mark.parametrize("change", FREE, ids=lambda change: next(iter(change)))
def test_other_settings_share_one(change: dict[str, object]) -> None:
    assert sampling_of(replace(PRACTICAL, **change)) == sampling_of(PRACTICAL)  # type: ignore[arg-type]


def test_settings_that_mean_nothing_beside_others_make_no_entry_of_their_own() -> None:
    assert sampling_of(replace(RELEASED, frames_per_segment=4)) == sampling_of(RELEASED)
    assert sampling_of(replace(RELEASED, segment_sound=SegmentSound.SLICES)) == sampling_of(RELEASED)


@pytest.mark.parametrize("change", ["name", "digest", "precision", "visual", "audio"])
def test_another_model_or_precision_has_entries_of_its_own(
    clip: Clip, store: Store, mini: Backbone, change: str
) -> None:
    other = replace(mini, info=replace(mini.info, **{change: "other"}))
    stored(clip, mini, PRACTICAL, store)
    assert not stored(clip, other, PRACTICAL, store).was_stored


def test_where_models_ran_is_no_part_of_the_key(clip: Clip, store: Store, mini: Backbone) -> None:
    stored(clip, replace(mini, info=replace(mini.info, device="cuda")), PRACTICAL, store)
    assert stored(clip, silent(mini), PRACTICAL, store).was_stored


def test_a_clip_that_is_cut_into_other_segments_has_an_entry_of_its_own(
    clip: Clip, store: Store, mini: Backbone
) -> None:
    stored(clip, mini, PRACTICAL, store)
    assert not stored(clip, mini, PRACTICAL, store, grid=Grid(9.0)).was_stored
    [observation] = extracted(clip, silent(mini), PRACTICAL, store, grid=Grid(9.0))
    assert len(observation.segments) == 9


def test_what_was_amiss_with_a_clip_is_told_again(tmp_path: Path, store: Store, mini: Backbone) -> None:
    whole = write_media(
        tmp_path / "whole.mkv",
        Pictures(even_times(40, 10), rate_hz=Fraction(10)),
        Sound(tone(4.0, 48_000), codec="flac"),
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    clip = media.open_clip(cut)
    first = stored(clip, mini, PRACTICAL, store).features
    assert first.warnings
    assert stored(clip, silent(mini), PRACTICAL, store).features.warnings == first.warnings
