"""Clips with their truth; those that cannot be used are left out, with the reason."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from av2a.backbones.base import Backbone
from av2a.datasets import Annotation, Dataset, LabelledClip, Task, open_dataset
from av2a.errors import InvalidSetting, OutputRefused
from av2a.features import Store
from av2a.research.watching import LeftOut, Watched, watch, watching
from av2a.settings import SegmentSound, Settings
from av2a.types import Modality
from tests.media_makers import Pictures, Sound, cut, even_times, tone, write_media
from tests.parts import Part, parts_of
from tests.silent import silent

PRACTICAL = Settings()
PICTURES = Pictures(even_times(20, 10), rate_hz=Fraction(10))
SOUND = Sound(tone(2.0, 16_000), 16_000)


def parts(watched: Watched) -> list[Part]:
    return parts_of(watched.source)


def dataset_of(*clips: LabelledClip, seconds: float | None = None) -> Dataset:
    return Dataset("mine", "all", Task.PARSING, ("dog", "cat"), ("dog", "cat"), clips, clip_seconds=seconds)


def labelled(name: str, path: Path | None, *annotations: Annotation) -> LabelledClip:
    return LabelledClip(name, path, annotations)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_media(tmp_path / "good.mp4", PICTURES, SOUND)


def test_a_clip_comes_with_its_truth_over_its_segments(good: Path, mini: Backbone) -> None:
    bark = Annotation("dog", Modality.AUDIO, 1.0, 2.0)
    purr = Annotation("cat", Modality.AUDIO_VISUAL, 0.0, 1.0)
    [watched] = watch(dataset_of(labelled("a", good, bark, purr)), mini, PRACTICAL).watched
    assert watched.heard.tolist() == [[False, True], [True, False]]
    assert watched.seen.tolist() == [[False, True], [False, False]]
    assert [len(each.segments) for each in parts(watched)] == [2]


def test_clips_that_cannot_be_used_are_left_out_with_the_reason_and_stop_no_other(
    good: Path, tmp_path: Path, mini: Backbone
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    dataset = dataset_of(
        labelled("missing", None),
        labelled("vanished", tmp_path / "gone.mp4"),
        labelled("text", text),
        labelled("cut", cut(good, tmp_path / "cut.mp4", share=0.5)),
        LabelledClip("unknown", good, None),
        labelled("good", good),
    )
    found = watch(dataset, mini, PRACTICAL)
    assert [each.clip.name for each in found.watched] == ["good"]
    assert found.total == 6
    assert [(each.name, each.has_failed) for each in found.left_out] == [
        ("missing", False),
        ("vanished", True),
        ("text", True),
        ("cut", True),
        ("unknown", False),
    ]
    reasons = {each.name: each.reason for each in found.left_out}
    assert reasons["missing"] == "no video available"
    assert reasons["unknown"] == "what happens in it is not known"
    assert "gone.mp4" in reasons["vanished"] and "text.mp4" in reasons["text"] and "cut.mp4" in reasons["cut"]


def test_clips_without_sound_or_picture_count(tmp_path: Path, mini: Backbone) -> None:
    mute = write_media(tmp_path / "mute.mp4", PICTURES)
    dark = write_media(tmp_path / "dark.m4a", SOUND)
    found = watch(dataset_of(labelled("mute", mute), labelled("dark", dark)), mini, PRACTICAL)
    assert [(each.has_sound, each.has_picture) for each in found.watched] == [(False, True), (True, False)]
    assert not parts(found.watched[0])[0].segments.heard.any()
    assert not parts(found.watched[1])[0].segments.seen.any()


@pytest.mark.parametrize("profile", ["practical", "released"])
def test_clips_of_a_data_set_with_a_stated_length_all_have_its_segments(
    good: Path, mini: Backbone, profile: str
) -> None:
    settings = Settings.of(profile)
    [watched] = watch(dataset_of(labelled("a", good), seconds=10.0), mini, settings).watched
    assert watched.grid.segments == 10
    assert watched.heard.shape == (10, 2)
    [observation] = parts(watched)
    assert len(observation.segments) == 10


def test_once_stored_nothing_is_encoded_whatever_the_settings_that_do_not_sample(
    world: Path, tmp_path: Path, mini: Backbone
) -> None:
    dataset = open_dataset(world)
    store = Store(tmp_path / "store")
    first = watch(dataset, mini, PRACTICAL, store)
    assert all(each.seconds is not None and each.seconds.encode > 0 for each in first.watched)
    again = watch(dataset, silent(mini), replace(PRACTICAL, initial_threshold=0.1, decay=0.5), store)
    assert [each.seconds for each in again.watched] == [None] * 4
    assert np.array_equal(again.watched[0].heard, first.watched[0].heard)


def test_each_clip_is_watched_when_it_is_its_turn(good: Path, mini: Backbone) -> None:
    told: list[int] = []
    dataset = dataset_of(labelled("a", None), labelled("b", good))
    turns = watching(dataset, mini, PRACTICAL, progress=lambda stage, done, total: told.append(done))
    assert isinstance(next(turns), LeftOut)
    assert told == []
    assert isinstance(next(turns), Watched)
    assert told == [1]
    assert list(turns) == []
    assert told == [1, 2]


def test_a_store_that_cannot_be_written_ends_the_run(good: Path, tmp_path: Path, mini: Backbone) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputRefused, match="cannot write into the store"):
        watch(dataset_of(labelled("a", good)), mini, PRACTICAL, Store(tmp_path / "file"))


def test_settings_that_the_backbone_cannot_follow_end_the_run(good: Path, mini: Backbone) -> None:
    with pytest.raises(InvalidSetting, match="does not tell the moments of a sound apart"):
        watch(dataset_of(labelled("a", good)), mini, replace(PRACTICAL, segment_sound=SegmentSound.SLICES))


def test_encoding_is_timed_apart_from_decoding(good: Path, mini: Backbone) -> None:
    [watched] = watch(dataset_of(labelled("a", good)), mini, PRACTICAL, every_interval=False).watched
    assert watched.seconds is not None
    assert watched.seconds.encode > 0 and watched.seconds.decode > 0
