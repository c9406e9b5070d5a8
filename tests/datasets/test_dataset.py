import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.datasets import Annotation, Dataset, GroundTruth, LabelledClip, Task, truth_masks, truth_timeline
from av2a.timeline import runs
from av2a.types import Modality

CATEGORIES = ("cat", "dog")
tenths = st.integers(0, 100).flatmap(lambda start: st.tuples(st.just(start), st.integers(start + 1, 120)))


def clip(*annotations: Annotation, first: tuple[Annotation, ...] | None = None) -> LabelledClip:
    return LabelledClip("clip", None, annotations, first_annotation=first)


def barking(onset: float, offset: float, modality: Modality = Modality.AUDIO) -> Annotation:
    return Annotation("dog", modality, float(onset), float(offset))


def heard(found: LabelledClip, segments: int, segment_seconds: float = 1.0) -> list[tuple[int, int]]:
    return runs(truth_masks(found, CATEGORIES, segments, segment_seconds)[0][:, 1])


@given(tenths)
def test_a_segment_counts_when_an_annotation_touches_it(span: tuple[int, int]) -> None:
    onset, offset = span[0] / 10, span[1] / 10
    touched = [second for second in range(12) if onset < second + 1 and second < offset]
    mask = truth_masks(clip(barking(onset, offset)), CATEGORIES, 12)[0][:, 1]
    assert np.flatnonzero(mask).tolist() == touched


@given(st.integers(0, 80), st.integers(1, 40))
def test_times_on_the_grid_are_exact_whatever_the_segment_s_length(start: int, length: int) -> None:
    found = clip(barking(start * 0.1, (start + length) * 0.1))
    assert heard(found, 120, 0.1) == [(start, start + length)]


@pytest.mark.parametrize(
    ("modality", "expected"),
    [
        (Modality.AUDIO, (True, False)),
        (Modality.VISUAL, (False, True)),
        (Modality.AUDIO_VISUAL, (True, True)),
    ],
)
def test_audio_visual_is_heard_and_seen(modality: Modality, expected: tuple[bool, bool]) -> None:
    masks = truth_masks(clip(barking(2, 4, modality)), CATEGORIES, 10)
    assert tuple(bool(mask.any()) for mask in masks) == expected


def test_events_of_one_category_are_joined_and_of_others_left_alone() -> None:
    found = clip(barking(0, 2), barking(1, 5), barking(8, 9))
    assert heard(found, 10) == [(0, 5), (8, 9)]
    assert not truth_masks(found, CATEGORIES, 10)[0][:, 0].any()


@pytest.mark.parametrize(("onset", "expected"), [(9.9, [(9, 10)]), (10.0, [(9, 10)]), (10.4, [(9, 10)]), (10.6, [])])
def test_what_lies_in_the_rest_of_a_clip_belongs_to_the_last_segment(
    onset: float, expected: list[tuple[int, int]]
) -> None:
    assert heard(clip(barking(onset, onset + 0.3)), 10) == expected


def test_a_known_silence_has_empty_masks_and_an_unknown_truth_is_refused() -> None:
    assert not any(mask.any() for mask in truth_masks(clip(), CATEGORIES, 3))
    with pytest.raises(ValueError, match="truth of clip 'a' is unknown"):
        truth_masks(LabelledClip("a", None, None), CATEGORIES, 3)


def test_a_label_that_is_no_category_is_refused() -> None:
    with pytest.raises(ValueError, match="'dog', which is none of the 1 categories"):
        truth_masks(clip(barking(0, 1)), ("cat",), 3)


@pytest.mark.parametrize(("onset", "offset"), [(2, 2), (3, 2), (-1, 2), (0, float("inf")), (float("nan"), 1)])
def test_times_that_are_no_interval_are_refused(onset: float, offset: float) -> None:
    with pytest.raises(ValueError, match="0 <= onset_seconds < offset_seconds"):
        barking(onset, offset)


def test_a_timeline_names_one_category_a_segment_the_first_where_several_are() -> None:
    found = clip(barking(1, 4), Annotation("cat", Modality.AUDIO_VISUAL, 2.0, 6.0))
    assert truth_timeline(found, CATEGORIES, 8).tolist() == [2, 1, 1, 1, 0, 0, 2, 2]


def test_a_timeline_follows_the_truth_that_is_asked_for() -> None:
    found = clip(barking(0, 1), first=(barking(1, 2),))
    assert truth_timeline(found, CATEGORIES, 2).tolist() == [1, 2]
    assert truth_timeline(found, CATEGORIES, 2, GroundTruth.FIRST_ANNOTATION).tolist() == [2, 1]
    with pytest.raises(ValueError, match="truth 'first_annotation' of clip 'clip' is unknown"):
        truth_timeline(clip(), CATEGORIES, 2, GroundTruth.FIRST_ANNOTATION)


def dataset(**changes: object) -> Dataset:
    clips = tuple(LabelledClip(name, None, ()) for name in "abc")
    fields = {"categories": CATEGORIES, "labels": CATEGORIES, "clips": clips, **changes}
    return Dataset(name="mine", split="all", task=Task.PARSING, **fields)  # type: ignore[arg-type]


def test_a_dataset_can_be_cut_to_its_first_clips() -> None:
    assert [each.name for each in dataset().first(2).clips] == ["a", "b"]
    assert dataset().at_hand == ()


def test_the_first_clips_remember_how_many_the_split_has() -> None:
    assert dataset().of_total(1) == "1 of 3 videos"
    assert dataset().first(3).of_total(1) == "1 of 3 videos"
    assert dataset().first(2).of_total(1) == "1 of the first 2 of 3 videos"
    assert dataset().first(2).first(1).of_total(0) == "0 of the first 1 of 3 videos"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split_clips": 2}, "a split of 2 clips cannot have 3"),
        ({"labels": ("dog",)}, "got 2 categories and 1 labels"),
        ({"categories": ("dog", "dog")}, "categories must have names of their own"),
        ({"clips": (LabelledClip("a", None, ()),) * 2}, "clips must have names of their own, got 1 twice"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset(**changes)
