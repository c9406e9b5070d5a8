"""Predictions as tables: ours read back, and other people's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from av2a.datasets import Dataset, LabelledClip, Task
from av2a.errors import InvalidAnnotations, InvalidLabels, MediaError, MissingFile, OutputRefused, UnknownName
from av2a.research import prediction_table
from av2a.research.predictions import STREAMS, Predictions
from av2a.types import Candidate, Modality

CATEGORIES = ("dog", "Cat, loud", "Ärger")
HEADER = "filename\tonset\toffset\tevent_label\tmodality\n"


def dataset_of(*names: str, task: Task = Task.PARSING, seconds: float | None = 10.0) -> Dataset:
    clips = tuple(LabelledClip(name, None, ()) for name in names)
    return Dataset("mine", "all", task, CATEGORIES, CATEGORIES, clips, clip_seconds=seconds)


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """A file with these rows, their fields separated by bars."""

    def written(*rows: str) -> Path:
        path = tmp_path / "theirs.tsv"
        path.write_text(HEADER + "".join(row.replace("|", "\t") + "\n" for row in rows), encoding="utf-8")
        return path

    return written


@given(st.integers(1, 3), st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.1, 0.5]))
def test_a_table_read_back_is_what_was_written(videos: int, seed: int, segment_seconds: float, share: float) -> None:
    masks = np.random.default_rng(seed).random((3, videos, round(10 / segment_seconds), 3)) < share
    names = tuple(f"clip_{number}" for number in range(videos))
    written = Predictions(names, dict(zip(STREAMS, masks, strict=True)))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ours.tsv"
        prediction_table.write(written, CATEGORIES, file, segment_seconds=segment_seconds)
        found = prediction_table.read(file, dataset_of(*names), segment_seconds=segment_seconds)
    assert (found.remarks, found.not_named) == ((), ())
    assert found.predictions.names == names
    for place, modality in enumerate(STREAMS):
        assert np.array_equal(found.predictions.masks[modality], masks[place])
    assert [found.predictions.candidates(video) for video in range(videos)] == [
        written.candidates(video) for video in range(videos)
    ]


def test_the_order_in_which_audio_visual_events_were_given_is_kept(tmp_path: Path) -> None:
    masks = {modality: np.zeros((1, 10, 3), dtype=bool) for modality in STREAMS}
    masks[Modality.AUDIO_VISUAL][0, 0:2, 0] = masks[Modality.AUDIO_VISUAL][0, 5:9, 2] = True
    in_order = (Candidate(2, 5, 9), Candidate(0, 0, 2))
    prediction_table.write(Predictions(("a",), masks, (in_order,)), CATEGORIES, tmp_path / "a.tsv")
    assert prediction_table.read(tmp_path / "a.tsv", dataset_of("a")).predictions.candidates(0) == in_order


def test_an_event_is_in_every_segment_that_it_touches(table: Callable[..., Path]) -> None:
    file = table("a|1.2|2.0|dog|audio", "a|4.5|4.6|dog|audio", "a|9.0|12.0|dog|audio", "a||||audio_visual")
    masks = prediction_table.read(file, dataset_of("a")).predictions.masks
    assert np.flatnonzero(masks[Modality.AUDIO][0, :, 0]).tolist() == [1, 4, 9]


def test_arrays_are_as_long_as_the_last_event_where_clips_have_no_stated_length(table: Callable[..., Path]) -> None:
    masks = prediction_table.read(table("a|0|12.5|dog|audio"), dataset_of("a", seconds=None)).predictions.masks
    assert masks[Modality.AUDIO].shape == (1, 13, 3)


def test_rows_that_cannot_count_are_counted(table: Callable[..., Path]) -> None:
    file = table(
        "a|0|2|dog|audio_visual",
        "stranger|0|2|dog|audio",
        "a|0|2|Cat|audio",
        "a|5|5|dog|visual",
        "a|9|3|dog|visual",
        "a|12|15|dog|visual",
        "a|10|11|dog|audio",
    )
    found = prediction_table.read(file, dataset_of("a"))
    assert found.remarks == (
        "theirs.tsv: left out 1 row with a label that is no category (Cat)",
        "theirs.tsv: left out 2 rows whose offset is not after the onset (line 5, line 6)",
        "theirs.tsv: left out 2 rows beginning after the clip's end (line 7, line 8)",
        "theirs.tsv: left out 1 row of clips that are not in mine all (stranger)",
    )
    assert sum(found.predictions.masks[modality].sum() for modality in STREAMS) == 2


@pytest.mark.parametrize("common", [True, False])
def test_events_are_cut_at_the_clip_s_end_and_counted(table: Callable[..., Path], *, common: bool) -> None:
    dataset = dataset_of("a", seconds=10.0 if common else None)
    dataset = replace(dataset, clips=(replace(dataset.clips[0], seconds=None if common else 10.0),))
    file = table("a|7|14|dog|audio", "a|9.5|10.4|dog|visual", "a|10.2|14|Cat, loud|visual", "a|1|2|dog|audio_visual")
    found = prediction_table.read(file, dataset)
    assert found.remarks == (
        "theirs.tsv: cut 2 rows reaching beyond the clip's end (line 2, line 3)",
        "theirs.tsv: left out 1 row beginning after the clip's end (line 4)",
    )
    heard, seen = (found.predictions.masks[modality][0, :, 0] for modality in (Modality.AUDIO, Modality.VISUAL))
    assert (np.flatnonzero(heard).tolist(), np.flatnonzero(seen).tolist()) == ([7, 8, 9], [9])


def test_an_event_that_ends_within_the_last_segment_is_not_cut(table: Callable[..., Path]) -> None:
    dataset = dataset_of("a", seconds=None)
    for seconds in (9.6, 10.0336, 10.4):
        of_length = replace(dataset, clips=(replace(dataset.clips[0], seconds=seconds),))
        found = prediction_table.read(table("a|7|10|dog|audio_visual", f"a|9|{seconds}|dog|audio"), of_length)
        assert found.remarks == ()
        assert np.flatnonzero(found.predictions.masks[Modality.AUDIO][0, :, 0]).tolist() == [9]


def test_quotes_in_names_are_written_so_that_they_are_read_back(tmp_path: Path) -> None:
    labels = ('"dog"', 'say "hey"', '"open')
    names = ('"a" b', '"c"')
    masks = {modality: np.ones((2, 10, 3), dtype=bool) for modality in STREAMS}
    clips = tuple(LabelledClip(name, None, ()) for name in names)
    dataset = Dataset("mine", "all", Task.PARSING, labels, labels, clips, clip_seconds=10.0)
    prediction_table.write(Predictions(names, masks), labels, tmp_path / "a.tsv")
    found = prediction_table.read(tmp_path / "a.tsv", dataset)
    assert (found.remarks, found.predictions.names) == ((), names)
    assert all(found.predictions.masks[modality].all() for modality in STREAMS)


def test_predictions_for_no_labels_are_refused(table: Callable[..., Path]) -> None:
    nothing = replace(dataset_of("a"), categories=(), labels=())
    with pytest.raises(InvalidLabels, match="mine names no events to look for"):
        prediction_table.read(table("a|7|14|dog|audio"), nothing)


def test_a_table_of_other_clips_is_refused(table: Callable[..., Path]) -> None:
    file = table("x|0|2|dog|audio_visual", "x|3|4|dog|audio", "y||||")
    with pytest.raises(MediaError, match=r"none of the 2 clips named in .*theirs.tsv is in mine all: check --split"):
        prediction_table.read(file, dataset_of("a", "b"))
    with pytest.raises(MediaError, match="is in the first 1 clip of mine all"):
        prediction_table.read(file, dataset_of("a", "b").first(1))


def test_clips_that_are_not_named_count_as_nothing_found_unless_told_otherwise(table: Callable[..., Path]) -> None:
    file = table("b|0|2|dog|audio_visual", "c||||")
    found = prediction_table.read(file, dataset_of("a", "b", "c"))
    assert found.predictions.names == ("a", "b", "c")
    assert found.not_named == ("a",)
    [remark] = found.remarks
    assert remark.startswith("theirs.tsv: 1 clip not named, in which therefore nothing was found (a)")
    named = prediction_table.read(file, dataset_of("a", "b", "c"), only_named=True)
    assert named.predictions.names == ("b", "c")
    assert named.remarks == ()


def test_without_audio_visual_rows_what_is_both_heard_and_seen_is_taken(table: Callable[..., Path]) -> None:
    found = prediction_table.read(table("a|0|4|dog|audio", "a|2|6|dog|visual"), dataset_of("a"))
    assert np.flatnonzero(found.predictions.masks[Modality.AUDIO_VISUAL][0, :, 0]).tolist() == [2, 3]
    assert found.predictions.candidates(0) == (Candidate(0, 2, 4),)
    assert "what is both heard and seen is taken" in found.remarks[0]


def test_names_may_have_the_ending_of_their_file(table: Callable[..., Path]) -> None:
    found = prediction_table.read(table("a.b.mp4|0|4|dog|audio", "a.b||||audio_visual"), dataset_of("a.b"))
    assert found.predictions.masks[Modality.AUDIO].any()


def test_for_localization_no_modality_means_both(table: Callable[..., Path]) -> None:
    found = prediction_table.read(table("a|0|4|dog|"), dataset_of("a", task=Task.LOCALIZATION))
    assert found.predictions.candidates(0) == (Candidate(0, 0, 4),)


BAD_ROWS = [
    ("a|nan|4|dog|audio", "line 2: onset must be a number of seconds, 0 or more, got 'nan'"),
    ("a|0|inf|dog|audio", "line 2: offset must be a number of seconds, 0 or more, got 'inf'"),
    ("a|-1|4|dog|audio", "line 2: onset must be a number of seconds, 0 or more, got '-1'"),
    ("a|zero|4|dog|audio", "line 2: onset must be a number of seconds, 0 or more, got 'zero'"),
    ("a|0|1e9|dog|audio", "line 2: offset 1e\\+09 is beyond a day"),
    ("a|0|4|dog|", "line 2: modality must be audio, visual or audio_visual, got ''"),
    ("a|0|4|dog|sound", "line 2: modality must be audio, visual or audio_visual, got 'sound'"),
    ("stranger|nan|4|dog|audio", "line 2: onset must be a number of seconds, 0 or more, got 'nan'"),
    ("stranger|0|4|dog|sound", "line 2: modality must be audio, visual or audio_visual, got 'sound'"),
    ("a|0|4", "line 2: 3 fields and 5 columns"),
]


@pytest.mark.parametrize(("row", "words"), BAD_ROWS, ids=[row for row, _ in BAD_ROWS])
def test_a_row_that_cannot_be_meant_is_named(table: Callable[..., Path], row: str, words: str) -> None:
    with pytest.raises(InvalidAnnotations, match=f"theirs.tsv, {words}"):
        prediction_table.read(table(row), dataset_of("a"))


def test_a_file_that_is_not_there_or_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no table of predictions at .*gone.tsv': check --predictions"):
        prediction_table.read(tmp_path / "gone.tsv", dataset_of("a"))
    (tmp_path / "other.tsv").write_text("a,b\n")
    with pytest.raises(InvalidAnnotations, match="no column filename"):
        prediction_table.read(tmp_path / "other.tsv", dataset_of("a"))


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "a\udc80"])
def test_a_name_that_a_table_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    masks = {modality: np.zeros((1, 10, 3), dtype=bool) for modality in STREAMS}
    with pytest.raises(OutputRefused, match="rename it"):
        prediction_table.write(Predictions((name,), masks), CATEGORIES, tmp_path / "a.tsv")
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_never_written_over_unasked(tmp_path: Path) -> None:
    masks = {modality: np.zeros((1, 10, 3), dtype=bool) for modality in STREAMS}
    (tmp_path / "a.tsv").write_text("mine")
    with pytest.raises(OutputRefused, match="already there"):
        prediction_table.write(Predictions(("a",), masks), CATEGORIES, tmp_path / "a.tsv")
    with pytest.raises(UnknownName, match=r"known: \.tsv"):
        prediction_table.write(Predictions(("a",), masks), CATEGORIES, tmp_path / "a.csv")
