"""LLP: the published files where they are at hand, and small files of the same form with every trap."""

from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest

from av2a.datasets import Task, truth_masks
from av2a.datasets.llp import CATEGORIES, read_llp, video_id
from av2a.datasets.splits import Split
from av2a.errors import DataUnavailable, InvalidAnnotations
from tests.datasets.small_files import LLP, llp_files


def test_there_are_25_categories_and_encoders_are_asked_for_the_same_strings(tmp_path: Path) -> None:
    dataset = read_llp(Split.TEST, llp_files(tmp_path))
    assert len(set(CATEGORIES)) == 25
    assert dataset.categories == dataset.labels == CATEGORIES
    assert (dataset.name, dataset.split, dataset.task, dataset.clip_seconds) == ("llp", "test", Task.PARSING, 10.0)


@pytest.mark.parametrize(
    ("clip", "identity"),
    [
        ("4YdbENYcIyE_23_33", "4YdbENYcIyE"),
        ("-a_b_c-d_e__0_10", "-a_b_c-d_e_"),
        ("AP0061o0Nvk_101.8_111.8", "AP0061o0Nvk"),
    ],
)
def test_the_id_is_what_is_left_of_start_and_end(clip: str, identity: str) -> None:
    assert video_id(clip) == identity


def test_of_training_clips_only_weak_labels_are_known(tmp_path: Path) -> None:
    [clip] = read_llp(Split.TRAIN, llp_files(tmp_path)).clips
    assert (clip.name, clip.annotations, clip.weak_labels) == ("BjCEufrlXm4_20_30", None, ("Speech", "Dog"))


def test_what_is_heard_and_seen_is_read_to_the_second(tmp_path: Path) -> None:
    clip = read_llp(Split.TEST, llp_files(tmp_path)).clips[0]
    heard, seen = truth_masks(clip, CATEGORIES, 10)
    assert np.argwhere(heard.T).tolist() == [[0, 0], [0, 1], [3, 9]]
    assert np.flatnonzero(seen[:, 3]).tolist() == list(range(10))


def test_every_row_that_is_not_used_is_counted(tmp_path: Path) -> None:
    dataset = read_llp(Split.TEST, llp_files(tmp_path))
    assert dataset.remarks == (
        "AVVP_eval_audio.csv: left out 1 row whose offset is not after the onset (line 4)",
        "AVVP_eval_audio.csv: left out 1 row repeating an earlier row (line 5)",
        "AVVP_eval_audio.csv: left out 1 row with a label that is no category (Tuba)",
        "AVVP_eval_audio.csv: left out 1 row of clips in no split (KvIjsmANkxI_10_20`)",
    )
    assert [clip.name for clip in dataset.clips] == ["a_b-c_d_e_12_0_10", "quietly_is_5_15"]
    assert dataset.clips[1].annotations == (), "a clip without rows is one in which nothing happens"


def test_the_other_splits_files_may_be_absent(tmp_path: Path) -> None:
    folder = llp_files(tmp_path)
    (folder / "AVVP_train.csv").unlink()
    assert len(read_llp(Split.VALIDATION, folder).clips) == 1


@pytest.mark.parametrize("name", ["AVVP_test_pd.csv", "AVVP_eval_audio.csv", "AVVP_eval_visual.csv"])
def test_a_missing_file_is_named_with_the_way_to_get_it(tmp_path: Path, name: str) -> None:
    folder = llp_files(tmp_path)
    (folder / name).unlink()
    with pytest.raises(DataUnavailable, match=rf"{name}.*av2a data fetch"):
        read_llp(Split.TEST, folder)


def test_a_damaged_row_is_named_with_its_line(tmp_path: Path) -> None:
    folder = llp_files(tmp_path, AVVP_eval_audio=LLP["AVVP_eval_audio"] + "a_b-c_d_e_12_0_10\tzero\t1\tDog\n")
    with pytest.raises(InvalidAnnotations, match=r"AVVP_eval_audio\.csv, line 9: onset must be"):
        read_llp(Split.TEST, folder)


def test_a_row_without_a_clip_is_refused(tmp_path: Path) -> None:
    folder = llp_files(tmp_path, AVVP_test_pd="filename\tevent_labels\n \tDog\n")
    with pytest.raises(InvalidAnnotations, match=r"AVVP_test_pd\.csv, line 2: no clip is named"):
        read_llp(Split.TEST, folder)


def test_videos_are_found_by_the_clip_s_name_or_the_video_s(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "a_b-c_d_e_12.webm").touch()
    (videos / "quietly_is_5_15.mp4").touch()
    dataset = read_llp(Split.TEST, llp_files(tmp_path), videos)
    assert [clip.path and clip.path.name for clip in dataset.clips] == ["a_b-c_d_e_12.webm", "quietly_is_5_15.mp4"]
    assert len(dataset.at_hand) == 2


# The published files.


def test_the_published_files_hold_what_is_known_of_them(shared: Path) -> None:
    folder = shared / "annotations" / "llp"
    train, validation, test = (read_llp(split, folder) for split in Split)
    assert [len(each.clips) for each in (train, validation, test)] == [10000, 649, 1200]
    names = [clip.name for each in (train, validation, test) for clip in each.clips]
    assert len({video_id(name) for name in names}) == len(names)
    assert train.remarks == ()
    for dataset in (validation, test):
        in_no_split = [remark for remark in dataset.remarks if "no split" in remark]
        assert [len(remark.split("(")[1].split(", ")) for remark in in_no_split] == [8, 7]
    assert any("left out 4 rows whose offset is not after the onset" in remark for remark in test.remarks)
    assert any("left out 1 row whose offset is not after the onset" in remark for remark in validation.remarks)
    masks = [truth_masks(clip, CATEGORIES, 10) for clip in test.clips]
    without = [sum(not mask.any() for mask in each) for each in zip(*masks, strict=True)]
    both = sum(not (heard & seen).any() for heard, seen in masks)
    assert (*without, both) == (6, 121, 174)


def test_the_truth_of_the_test_split_is_that_of_the_reference(shared: Path) -> None:
    dataset = read_llp(Split.TEST, shared / "annotations" / "llp")
    with np.load(shared / "golden" / "reference" / "avvp_metrics.npz") as stored:
        assert [clip.name for clip in dataset.clips] == stored["video_names"].tolist()
        bits = [np.unpackbits(stored[f"gt_{stream}_bits"]).astype(bool) for stream in ("audio", "visual")]
    for number, expected in enumerate(bits):
        found = np.stack([truth_masks(clip, CATEGORIES, 10)[number].T for clip in dataset.clips])
        assert np.array_equal(found, expected.reshape(found.shape))


def test_the_older_audio_file_loses_its_broken_rows_aloud(shared: Path, tmp_path: Path) -> None:
    published = shared / "annotations" / "llp"
    for file in published.iterdir():
        copyfile(file, tmp_path / file.name)
    audio = tmp_path / "AVVP_eval_audio.csv"
    audio.write_text(audio.read_text().replace("KvIjsmANkxI_10_20\t0\t1\t", "KvIjsmANkxI_10_20`\t0\t1\t"))
    remarks = read_llp(Split.TEST, tmp_path).remarks
    assert any("KvIjsmANkxI_10_20`" in remark for remark in remarks)


def test_the_training_clip_is_its_clip(shared: Path, tmp_path: Path) -> None:
    copyfile(shared / "media" / "dog_and_speech.mp4", tmp_path / "BjCEufrlXm4_20_30.mp4")
    dataset = read_llp(Split.TRAIN, shared / "annotations" / "llp", tmp_path)
    [clip] = dataset.at_hand
    assert (clip.name, clip.weak_labels, len(dataset.clips)) == ("BjCEufrlXm4_20_30", ("Speech", "Dog"), 10000)
