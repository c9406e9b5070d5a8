"""AVE: the published files where they are at hand, and small files of the same form."""

from pathlib import Path

import numpy as np
import pytest

from av2a.datasets import Annotation, GroundTruth, Task, truth_timeline
from av2a.datasets.ave import CATEGORIES, LABELS, read_ave
from av2a.datasets.splits import Split
from av2a.errors import DataUnavailable, InvalidAnnotations
from av2a.types import Modality
from tests.datasets.small_files import AVE, ave_files
from tests.released import released


def test_the_categories_are_those_of_the_reference_and_asked_for_in_lower_case() -> None:
    assert released("ave_accuracy")["categories"].tolist() == list(LABELS)
    assert [name.lower() for name in CATEGORIES] == list(LABELS)


def test_a_clip_carries_the_truth_of_the_list_and_that_of_its_first_annotation(tmp_path: Path) -> None:
    dataset = read_ave(Split.TEST, ave_files(tmp_path))
    assert (dataset.name, dataset.split, dataset.task, dataset.clip_seconds) == ("ave", "test", Task.LOCALIZATION, 10.0)
    assert [clip.name for clip in dataset.clips] == ["-9_5_2i4igQ", "0qvQIuQoODo"]
    clip = dataset.clips[1]
    assert clip.annotations == (Annotation("Truck", Modality.AUDIO_VISUAL, 0.0, 3.0),)
    assert clip.first_annotation == (Annotation("Bark", Modality.AUDIO_VISUAL, 2.0, 8.0),)


def test_a_clip_listed_twice_is_one_clip_with_two_events(tmp_path: Path) -> None:
    [clip] = read_ave(Split.TRAIN, ave_files(tmp_path)).clips
    assert [each.label for each in clip.annotations or ()] == ["Bark", "Truck"]


def test_the_header_of_all_annotations_may_be_missing(tmp_path: Path) -> None:
    _, _, rest = AVE["Annotations"].partition("\n")
    with_header = read_ave(Split.TEST, ave_files(tmp_path))
    assert read_ave(Split.TEST, ave_files(tmp_path, Annotations=rest)) == with_header


def test_rows_that_say_nothing_are_counted(tmp_path: Path) -> None:
    assert read_ave(Split.VALIDATION, ave_files(tmp_path)).remarks == (
        "valSet.txt: left out 1 row whose offset is not after the onset (line 2)",
        "valSet.txt: left out 1 row with a label that is no category (Tuba)",
    )


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("testSet", "Bark&0qvQIuQoODo&good&0\n", r"testSet\.txt, line 1: 'Bark&0qvQIuQoODo&good&0' is not Category&"),
        ("testSet", "Bark&0qvQIuQoODo&good&0&ten\n", r"testSet\.txt, line 1: offset must be a number of seconds"),
        (
            "testSet",
            "Bark&nowhere&good&0&10\n",
            r"testSet\.txt, line 1: clip 'nowhere' has no line in Annotations\.txt",
        ),
        ("Annotations", "Bark,0qvQIuQoODo,good,0,10\n", r"Annotations\.txt, line 1: "),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path: Path, file: str, content: str, message: str) -> None:
    with pytest.raises(InvalidAnnotations, match=message):
        read_ave(Split.TEST, ave_files(tmp_path, **{file: content}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (ave_files(tmp_path) / "Annotations.txt").unlink()
    with pytest.raises(DataUnavailable, match=r"Annotations\.txt"):
        read_ave(Split.TEST, tmp_path / "ave")


# The published files.


def test_the_published_categories_stand_in_this_order(shared: Path) -> None:
    assert (shared / "annotations" / "ave" / "categories.txt").read_text().splitlines() == list(CATEGORIES)


def test_both_truths_of_the_test_split_are_those_of_the_reference(shared: Path) -> None:
    dataset = read_ave(Split.TEST, shared / "annotations" / "ave")
    stored = released("ave_accuracy")
    assert [clip.name for clip in dataset.clips] == stored["video_ids"].tolist()
    assert dataset.remarks == ()
    for truth, rows in ((GroundTruth.LISTED, "official"), (GroundTruth.FIRST_ANNOTATION, "first")):
        expected = np.full((402, 10), len(CATEGORIES))
        for video, category, start, stop in stored[f"{rows}_annotation_rows"]:
            expected[video, start:stop] = category
        found = [truth_timeline(clip, CATEGORIES, 10, truth) for clip in dataset.clips]
        assert np.array_equal(found, expected)


def test_the_other_splits_hold_what_is_known_of_them(shared: Path) -> None:
    train, validation = (read_ave(split, shared / "annotations" / "ave") for split in (Split.TRAIN, Split.VALIDATION))
    assert (len(train.clips), len(validation.clips)) == (3312, 401)
    assert sum(len(clip.annotations or ()) for clip in train.clips) == 3338
    assert train.remarks == ("trainSet.txt: left out 1 row whose offset is not after the onset (line 64)",)
