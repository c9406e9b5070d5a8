"""Another model's scores over a data set."""

from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest

from av2a.datasets import Annotation, Dataset, LabelledClip, Task
from av2a.errors import InvalidLabels, InvalidScores, MissingFile
from av2a.exports.scores import write_scores
from av2a.research.evaluate import score
from av2a.research.scored import predict_scored
from av2a.settings import Settings
from av2a.types import Modality

CATEGORIES = ("Dog", "Speech")
SETTINGS = Settings(initial_threshold=0.5, category_threshold=0.5, confidence_threshold=0.5, consistent=False)


def clip(name: str, *annotations: Annotation) -> LabelledClip:
    return LabelledClip(name=name, path=None, annotations=annotations)


@pytest.fixture
def clips() -> Dataset:
    return Dataset(
        name="llp",
        split="test",
        task=Task.PARSING,
        categories=CATEGORIES,
        labels=("dog", "speech"),
        clips=(
            clip(
                "a_0_10",
                Annotation("Dog", Modality.AUDIO, 2.0, 5.0),
                Annotation("Dog", Modality.VISUAL, 0.0, 10.0),
            ),
            clip("b_0_10", Annotation("Speech", Modality.AUDIO, 0.0, 3.0)),
            clip("c_0_10"),
        ),
        clip_seconds=10.0,
    )


def right(dataset: Dataset, folder: Path, labels: tuple[str, ...] = CATEGORIES) -> Path:
    """Scores as an oracle gives them, for the first two clips."""
    for each in dataset.clips[:2]:
        heard, seen = np.full((10, 2), 0.1), np.full((10, 2), 0.1)
        for annotation in each.annotations or ():
            rows = slice(int(annotation.onset_seconds), int(annotation.offset_seconds))
            scores = heard if annotation.modality is Modality.AUDIO else seen
            scores[rows, labels.index(annotation.label)] = 0.9
        write_scores(folder / f"{each.name}.npz", labels, heard, seen, overwrite=True)
    return folder


def test_an_oracle_s_scores_give_full_marks_and_the_others_are_counted(clips: Dataset, tmp_path: Path) -> None:
    found, left_out = predict_scored(right(clips, tmp_path), clips, SETTINGS)
    assert found.names == ("a_0_10", "b_0_10")
    assert [(each.name, each.has_failed) for each in left_out] == [("c_0_10", False)]
    evaluation = score(found, clips, left_out=left_out)
    assert (evaluation.videos, evaluation.total) == (2, 3)
    assert evaluation.numbers is not None
    assert evaluation.numbers.segment_audio == 100.0
    assert evaluation.numbers.event_visual == 100.0


def test_columns_are_found_by_name_whatever_their_order(clips: Dataset, tmp_path: Path) -> None:
    plain, _ = predict_scored(right(clips, tmp_path), clips, SETTINGS)
    turned, _ = predict_scored(right(clips, tmp_path, ("Speech", "Dog")), clips, SETTINGS)
    for modality, mask in plain.masks.items():
        np.testing.assert_array_equal(mask, turned.masks[modality])


def test_a_file_that_cannot_be_used_is_named_and_stops_no_other(clips: Dataset, tmp_path: Path) -> None:
    folder = right(clips, tmp_path)
    (folder / "a_0_10.npz").write_bytes(b"no scores")
    write_scores(folder / "c_0_10.npz", CATEGORIES, np.ones((9, 2)), np.ones((9, 2)))
    found, left_out = predict_scored(folder, clips, SETTINGS)
    assert found.names == ("b_0_10",)
    assert [(each.name, each.has_failed) for each in left_out] == [("a_0_10", True), ("c_0_10", True)]
    assert "c_0_10.npz has 9 rows, and the clip of 10 s has 10 segments of 1 s" in left_out[1].reason


def test_nothing_at_hand_is_refused(clips: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidScores, match="no scores of it are available"):
        predict_scored(tmp_path, clips, SETTINGS)
    with pytest.raises(MissingFile, match="no such folder of scores"):
        predict_scored(tmp_path / "none", clips, SETTINGS)


@pytest.mark.parametrize(
    ("seconds", "rows"), [(0.2, 1), (0.6, 1), (1.49, 1), (1.5, 2), (10.4, 10), (10.49, 10), (10.5, 11)]
)
def test_a_clip_needs_its_length_in_segments_rounded_half_up_and_at_least_one(
    clips: Dataset, tmp_path: Path, seconds: float, rows: int
) -> None:
    one = replace(clips, clip_seconds=None, clips=(replace(clip("a"), seconds=seconds),))
    write_scores(tmp_path / "a.npz", CATEGORIES, np.ones((rows, 2)), np.ones((rows, 2)))
    found, _ = predict_scored(tmp_path, one, SETTINGS)
    assert found.masks[Modality.AUDIO].shape == (1, rows, 2)
    write_scores(tmp_path / "a.npz", CATEGORIES, np.ones((rows + 1, 2)), np.ones((rows + 1, 2)), overwrite=True)
    with pytest.raises(InvalidScores, match=rf"{rows + 1} rows, and the clip of {seconds} s has {rows} segments"):
        predict_scored(tmp_path, one, SETTINGS)


def test_files_of_scores_are_found_whatever_the_form_of_their_names(clips: Dataset, tmp_path: Path) -> None:
    one = replace(clips, clips=(clip("z\u00fcge/caf\u00e9"),))
    (tmp_path / normalize("NFD", "z\u00fcge")).mkdir()
    path = tmp_path / normalize("NFD", "z\u00fcge/caf\u00e9.npz")
    write_scores(path, CATEGORIES, np.ones((10, 2)), np.ones((10, 2)))
    assert predict_scored(tmp_path, one, SETTINGS)[0].names == ("z\u00fcge/caf\u00e9",)


def test_scores_for_no_labels_are_refused(clips: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidLabels, match="names no events to look for"):
        predict_scored(tmp_path, replace(clips, categories=(), labels=()), SETTINGS)


def test_without_a_known_length_any_number_of_segments_will_do(clips: Dataset, tmp_path: Path) -> None:
    folder = right(clips, tmp_path)
    write_scores(folder / "c_0_10.npz", CATEGORIES, np.zeros((25, 2)), np.zeros((25, 2)))
    found, left_out = predict_scored(folder, replace(clips, clip_seconds=None), SETTINGS)
    assert left_out == ()
    assert found.masks[Modality.AUDIO].shape == (3, 25, 2)
