"""A user's own folder: its videos, and a table of what happens in them."""

from pathlib import Path
from typing import Literal
from unicodedata import normalize

import numpy as np
import pytest

from av2a.datasets import Annotation, truth_masks
from av2a.datasets.folder import read_folder
from av2a.errors import DataUnavailable, InvalidAnnotations, InvalidLabels, MissingFile
from av2a.types import Modality
from av2a.world import NAMES, make_scene, write_dataset
from av2a.world import truth as scene_truth

HEADER = "filename\tonset\toffset\tevent_label\n"
MODAL = HEADER.replace("\n", "\tmodality\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Videos a, b and one in a folder of its own; reading a data set opens none of them."""
    place = tmp_path / "mine"
    (place / "more").mkdir(parents=True)
    for name in ("b.mkv", "a.mp4", "more/c.mp4", "notes.txt"):
        (place / name).touch()
    return place


def told(folder: Path, rows: str, header: str = HEADER) -> Path:
    file = folder / "annotations.tsv"
    file.write_text(header + rows, encoding="utf-8")
    return file


def test_without_a_truth_the_videos_are_there_and_nothing_is_known_of_them(folder: Path) -> None:
    dataset = read_folder(folder)
    assert [clip.name for clip in dataset.clips] == ["a", "b", "more/c"]
    assert [clip.annotations for clip in dataset.clips] == [None, None, None]
    assert (dataset.name, dataset.split, dataset.categories, dataset.remarks) == ("mine", "all", (), ())
    assert dataset.clip_seconds is None


def test_events_are_heard_and_seen_where_the_table_does_not_tell_them_apart(folder: Path) -> None:
    told(folder, "a.mp4\t0.5\t2.25\tsiren\na.mp4\t3\t4\tdog\n")
    dataset = read_folder(folder)
    assert dataset.categories == dataset.labels == ("dog", "siren")
    assert dataset.clips[0].annotations == (
        Annotation("siren", Modality.AUDIO_VISUAL, 0.5, 2.25),
        Annotation("dog", Modality.AUDIO_VISUAL, 3.0, 4.0),
    )


def test_a_modality_column_tells_heard_from_seen(folder: Path) -> None:
    rows = "a\t0\t1\tdog\taudio\na\t0\t2\tdog\tvisual\na\t3\t4\tdog\taudio_visual\na\t5\t6\tdog\t\n"
    told(folder, rows, HEADER.replace("\n", "\tmodality\n"))
    heard, seen = truth_masks(read_folder(folder).clips[0], ("dog",), 7)
    assert np.flatnonzero(heard[:, 0]).tolist() == [0, 3, 5]
    assert np.flatnonzero(seen[:, 0]).tolist() == [0, 1, 3, 5]


def test_the_modality_may_be_left_out_of_a_line(folder: Path) -> None:
    told(folder, "a\t0\t1\tdog\nb\t0\t1\tdog\taudio\n", HEADER.replace("\n", "\tmodality\n"))
    found = [each.modality for clip in read_folder(folder).clips for each in clip.annotations or ()]
    assert found == [Modality.AUDIO_VISUAL, Modality.AUDIO]


@pytest.mark.parametrize("name", ["c", "c.mp4", "more/c", "more/c.mp4", "./more/c.mp4", "more\\c.mp4", " c.mp4 "])
def test_a_clip_may_be_named_with_or_without_its_ending_and_its_folder(folder: Path, name: str) -> None:
    told(folder, f"{name}\t0\t1\tdog\n")
    clips = read_folder(folder).clips
    assert len(clips) == 3
    assert [bool(clip.annotations) for clip in clips] == [False, False, True]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["caf\u00e9", "z\u00fcge/caf\u00e9"])
def test_names_are_compared_in_nfc(
    tmp_path: Path, on_disk: Literal["NFC", "NFD"], in_table: Literal["NFC", "NFD"], name: str
) -> None:
    path = tmp_path / f"{normalize(on_disk, name)}.mp4"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    label = normalize(in_table, "\u00e9clair")
    told(tmp_path, f"{normalize(in_table, name)}.mp4\t1\t3\t{label}\taudio\n", MODAL)
    dataset = read_folder(tmp_path, labels=[normalize(on_disk, "\u00e9clair")])
    [clip] = dataset.clips
    assert (clip.name, clip.path) == (name, path)
    assert clip.annotations == (Annotation("\u00e9clair", Modality.AUDIO, 1.0, 3.0),)


def test_the_composed_name_of_a_public_report_finds_its_video(tmp_path: Path, shared: Path) -> None:
    (tmp_path / normalize("NFD", "caf\u00e9.mp4")).touch()
    [clip] = read_folder(tmp_path, truth=shared / "cases" / "20_name_composed.tsv").clips
    assert clip.path is not None and clip.annotations == (Annotation("a", Modality.AUDIO, 1.0, 3.0),)


def test_labels_that_a_spreadsheet_quoted_are_read_without_quotes(folder: Path) -> None:
    told(folder, 'a.mp4\t0\t1\t"speech, male"\n')
    assert read_folder(folder).categories == ("speech, male",)


def test_a_name_with_dots_is_not_cut(folder: Path) -> None:
    (folder / "take.1.mp4").touch()
    (folder / "take.2.mp4").touch()
    told(folder, "take.1\t0\t1\tdog\ntake.2.mp4\t1\t2\tdog\n")
    found = {clip.name: clip.annotations for clip in read_folder(folder).clips}
    assert found["take.1"] == (Annotation("dog", Modality.AUDIO_VISUAL, 0.0, 1.0),)
    assert found["take.2"] == (Annotation("dog", Modality.AUDIO_VISUAL, 1.0, 2.0),)


def test_a_line_with_the_name_alone_says_that_nothing_happens(folder: Path) -> None:
    told(folder, "a.mp4\nb.mkv\t\t\t\nc\t0\t1\tdog\n")
    dataset = read_folder(folder)
    assert [clip.annotations and len(clip.annotations) for clip in dataset.clips] == [(), (), 1]
    assert dataset.remarks == ()


def test_videos_that_the_table_does_not_name_are_counted_and_their_truth_is_unknown(folder: Path) -> None:
    told(folder, "a\t0\t1\tdog\n")
    dataset = read_folder(folder)
    assert dataset.clips[1].annotations is None
    [remark] = dataset.remarks
    assert remark.startswith("2 videos without a line in the annotations, so that the truth is unknown (b, more/c)")


def test_a_clip_without_a_video_is_there_without_a_path(folder: Path) -> None:
    told(folder, "gone.mp4\t0\t1\tdog\n")
    dataset = read_folder(folder)
    assert (dataset.clips[-1].name, dataset.clips[-1].path) == ("gone", None)
    assert len(dataset.at_hand) == 3


def test_labels_that_are_given_are_the_categories_in_their_order(folder: Path) -> None:
    told(folder, "a\t0\t1\tdog\na\t2\t3\tcat\nb\t4\t4\tdog\nb\t5\t6\t\n")
    dataset = read_folder(folder, labels=("siren", "dog"))
    assert dataset.categories == ("siren", "dog")
    assert dataset.remarks[:2] == (
        "annotations.tsv: left out 2 rows with a label that is no category (cat, no label)",
        "annotations.tsv: left out 1 row whose offset is not after the onset (line 4)",
    )
    with pytest.raises(InvalidLabels, match="a label is given twice among dog, cat"):
        read_folder(folder, labels=("dog", "cat", "dog"))


def test_of_files_with_one_name_the_video_is_taken_and_the_others_are_counted(folder: Path) -> None:
    (folder / "a.wav").touch()
    dataset = read_folder(folder)
    assert [clip.path and clip.path.name for clip in dataset.clips] == ["a.mp4", "b.mkv", "c.mp4"]
    assert dataset.remarks == ("1 file left out that share a name with another (a.wav)",)


def test_the_truth_may_lie_elsewhere(folder: Path, tmp_path: Path) -> None:
    file = told(tmp_path, "a\t0\t1\tdog\n")
    assert read_folder(folder, truth=file).categories == ("dog",)
    assert read_folder(folder, truth=tmp_path).categories == ("dog",)


def test_a_truth_that_was_named_and_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    for absent in (tmp_path / "absent.tsv", folder):
        with pytest.raises(
            DataUnavailable, match="name a tab-separated file with filename, onset, offset, event_label"
        ):
            read_folder(folder, truth=absent)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="there is no folder"):
        read_folder(tmp_path / "absent")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a\t0\t1\tdog\tloud\n", r"line 2: modality must be audio, visual, audio_visual or empty for both, got 'loud'"),
        ("a\t0\t\tdog\t\n", "line 2: offset must be a number of seconds"),
        ("\t0\t1\tdog\t\n", "line 2: no clip is named"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(folder: Path, rows: str, message: str) -> None:
    told(folder, rows, HEADER.replace("\n", "\tmodality\n"))
    with pytest.raises(InvalidAnnotations, match=message):
        read_folder(folder)


def test_a_folder_of_the_generated_world_is_read_with_its_truth(tmp_path: Path) -> None:
    write_dataset(tmp_path / "world", clips=3, seed=30, duration_seconds=3)
    dataset = read_folder(tmp_path / "world")
    assert [clip.name for clip in dataset.at_hand] == [f"syn0000{seed}_0_3" for seed in (30, 31, 32)]
    for seed, clip in zip((30, 31, 32), dataset.clips, strict=True):
        scene = make_scene(seed, duration_seconds=3)
        heard, seen = scene_truth(scene)
        found = truth_masks(clip, NAMES, 3)
        assert np.array_equal(found[0], heard) and np.array_equal(found[1], seen)
        assert clip.weak_labels == tuple(each.label for each in scene.occurrences)
