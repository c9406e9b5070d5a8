"""The numbers, what they are of, and that whatever goes wrong is counted."""

from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from av2a.backbones.base import Backbone
from av2a.datasets import Annotation, Dataset, GroundTruth, LabelledClip, Task, open_dataset
from av2a.detector import vocabulary_of
from av2a.errors import InvalidLabels
from av2a.features import Store
from av2a.metrics.parsing import parsing_metrics
from av2a.research import prediction_table
from av2a.research.evaluate import Evaluation, Timeline, dataset_settings, evaluate, score
from av2a.research.parameters import parameters_of
from av2a.research.predictions import STREAMS, Predictions, predict
from av2a.research.watching import LeftOut, watch
from av2a.settings import Settings, ValidationRule
from av2a.types import Candidate, Modality
from tests.silent import silent
from tests.small_world import CLIPS
from tests.tiny_backbones import languagebind, pair

__all__ = ["languagebind", "pair"]  # fixtures

CATEGORIES = ("dog", "cat")
AUDIO, VISUAL, BOTH = STREAMS


def dataset_of(*clips: LabelledClip, task: Task = Task.PARSING, seconds: float | None = 4.0) -> Dataset:
    return Dataset("mine", "all", task, CATEGORIES, CATEGORIES, clips, clip_seconds=seconds)


def event(label: str, modality: Modality, start: float, stop: float) -> Annotation:
    return Annotation(label, modality, float(start), float(stop))


def predictions_of(found: dict[str, list[tuple[str, Modality, int, int]]], segments: int = 4) -> Predictions:
    masks = {modality: np.zeros((len(found), segments, len(CATEGORIES)), dtype=bool) for modality in STREAMS}
    for video, events in enumerate(found.values()):
        for label, modality, start, stop in events:
            masks[modality][video, start:stop, CATEGORIES.index(label)] = True
    return Predictions(tuple(found), masks)


# Parsing.


def test_the_ten_numbers_are_those_of_the_metrics() -> None:
    clip = LabelledClip("a", None, (event("dog", AUDIO, 0, 2), event("cat", BOTH, 1, 4)))
    found = predictions_of({"a": [("dog", AUDIO, 0, 1), ("cat", VISUAL, 0, 4), ("cat", BOTH, 1, 4)]})
    scored = score(found, dataset_of(clip))
    heard = np.array([[[1, 1, 0, 0], [0, 1, 1, 1]]], dtype=bool)
    seen = np.array([[[0, 0, 0, 0], [0, 1, 1, 1]]], dtype=bool)
    audio, visual, both = (found.masks[modality].transpose(0, 2, 1) for modality in STREAMS)
    assert scored.numbers == parsing_metrics(heard, seen, audio, visual, both)
    assert scored.numbers_as_released == parsing_metrics(heard, seen, visual, visual, both)
    assert (scored.videos, scored.total, scored.readings) == (1, 1, None)
    assert scored.per_category is not None and scored.per_category.shape == (2, 10)


def test_as_released_changes_audio_and_what_is_made_of_it_alone() -> None:
    clip = LabelledClip("a", None, (event("dog", AUDIO, 0, 2), event("cat", BOTH, 1, 4)))
    found = predictions_of({"a": [("dog", AUDIO, 0, 2), ("cat", AUDIO, 1, 4), ("cat", VISUAL, 0, 4)]})
    scored = score(found, dataset_of(clip))
    assert scored.numbers is not None and scored.numbers_as_released is not None
    changed = {
        name for name, value in scored.numbers.as_dict().items() if value != scored.numbers_as_released.as_dict()[name]
    }
    assert changed == {
        "segment_audio", "segment_type", "segment_event", "event_audio", "event_type", "event_event",
    }  # fmt: skip


def test_truth_behind_the_last_prediction_counts_as_missed() -> None:
    clip = LabelledClip("a", None, (event("dog", AUDIO, 0, 8),))
    found = predictions_of({"a": [("dog", AUDIO, 0, 4)]})
    scored = score(found, dataset_of(clip, seconds=None))
    assert scored.numbers is not None
    assert scored.numbers.segment_audio == pytest.approx(100 * 2 / 3)


def test_a_rest_of_less_than_half_a_segment_is_no_segment_of_its_own() -> None:
    clip = LabelledClip("a", None, (event("dog", AUDIO, 0, 4.3),))
    scored = score(predictions_of({"a": [("dog", AUDIO, 0, 4)]}), dataset_of(clip, seconds=None))
    assert scored.numbers is not None and scored.numbers.segment_audio == 100


@pytest.mark.parametrize("seconds", [4.0, 4.4, 3.6])
@pytest.mark.parametrize("common", [True, False])
def test_truth_and_predictions_are_cut_at_the_clip_s_end_and_counted(seconds: float, *, common: bool) -> None:
    within = LabelledClip("a", None, (event("dog", AUDIO, 2, 4),))
    beyond = replace(within, annotations=(event("dog", AUDIO, 2, 9), event("cat", VISUAL, 4.5, 9)))
    found = predictions_of({"a": [("dog", AUDIO, 2, 4), ("dog", VISUAL, 0, 2)]}, segments=12)
    long = predictions_of({"a": [("dog", AUDIO, 2, 11), ("dog", VISUAL, 0, 2), ("cat", VISUAL, 6, 12)]}, segments=12)

    def scored(clip: LabelledClip, predictions: Predictions) -> Evaluation:
        clip = clip if common else replace(clip, seconds=seconds)
        return score(predictions, dataset_of(clip, seconds=seconds if common else None))

    right = scored(within, found)
    assert right.remarks == ()
    for clip, predictions in ((beyond, found), (within, long), (beyond, long)):
        assert scored(clip, predictions).numbers == right.numbers
    assert scored(beyond, found).remarks == (
        "cut 1 annotation reaching beyond the clip's end (a)",
        "left out 1 annotation beginning after the clip's end (a)",
    )


def test_clips_of_different_lengths_count_alike() -> None:
    short = LabelledClip("a", None, (event("dog", AUDIO, 0, 2),))
    long = LabelledClip("b", None, (event("dog", AUDIO, 0, 9),))
    found = predictions_of({"a": [("dog", AUDIO, 0, 2)], "b": [("dog", AUDIO, 0, 9)]}, segments=9)
    scored = score(found, dataset_of(short, long, seconds=None))
    assert scored.numbers is not None and scored.numbers.segment_audio == 100


def test_videos_are_counted_those_left_out_with_their_reason() -> None:
    known, unknown = LabelledClip("a", None, ()), LabelledClip("b", None, None)
    found = predictions_of({"a": [], "b": []})
    broken = LeftOut("c", "broken", has_failed=True)
    scored = score(found, dataset_of(known, unknown, LabelledClip("c", None, ())), left_out=[broken])
    assert (scored.videos, scored.total, scored.predicted) == (1, 3, 2)
    assert [(each.name, each.reason) for each in scored.left_out] == [
        ("c", "broken"),
        ("b", "what happens in it is not known"),
    ]


def test_without_any_video_there_are_no_numbers() -> None:
    scored = score(predictions_of({}), dataset_of(LabelledClip("a", None, ())))
    assert (scored.videos, scored.numbers, scored.per_category) == (0, None, None)


def test_predictions_of_strangers_or_other_categories_are_refused() -> None:
    with pytest.raises(ValueError, match="1 video that are not in the data set, such as 'b'"):
        score(predictions_of({"b": []}), dataset_of(LabelledClip("a", None, ())))
    masks = {modality: np.zeros((1, 4, 3), dtype=bool) for modality in STREAMS}
    with pytest.raises(ValueError, match="the data set's 2 categories, got 3"):
        score(Predictions(("a",), masks), dataset_of(LabelledClip("a", None, ())))


# Localization.


def test_accuracy_is_given_in_four_readings() -> None:
    clip = LabelledClip(
        "a",
        None,
        annotations=(event("dog", BOTH, 0, 2),),
        first_annotation=(event("cat", BOTH, 2, 4),),
    )
    masks = {modality: np.zeros((1, 4, 2), dtype=bool) for modality in STREAMS}
    # The later one was given first.
    in_order = (Candidate(1, 2, 4), Candidate(0, 0, 2))
    scored = score(Predictions(("a",), masks, (in_order,)), dataset_of(clip, task=Task.LOCALIZATION))
    assert scored.numbers is None and scored.readings is not None
    assert {(each.truth, each.timeline): each.accuracy for each in scored.readings} == {
        (GroundTruth.LISTED, Timeline.FIRST_CANDIDATE): 0.0,
        (GroundTruth.LISTED, Timeline.EVERY_CANDIDATE): 50.0,
        (GroundTruth.FIRST_ANNOTATION, Timeline.FIRST_CANDIDATE): 100.0,
        (GroundTruth.FIRST_ANNOTATION, Timeline.EVERY_CANDIDATE): 50.0,
    }
    assert scored.readings[1].per_category.tolist()[0] == 100.0


def test_a_truth_that_is_not_known_gives_no_reading() -> None:
    clip = LabelledClip("a", None, (event("dog", BOTH, 0, 2),))
    scored = score(predictions_of({"a": []}), dataset_of(clip, task=Task.LOCALIZATION))
    assert scored.readings is not None
    assert {each.truth for each in scored.readings} == {GroundTruth.LISTED}
    assert [each.accuracy for each in scored.readings] == [50.0, 50.0]


# The method on a data set.


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"), warn=pytest.fail)


@pytest.fixture(scope="session")
def measured(world: Path, mini: Backbone, store: Store) -> tuple[Evaluation, Predictions]:
    return evaluate(open_dataset(world), mini, Settings.practical(), store)


def test_a_data_set_is_evaluated_as_its_clips_are_watched_and_predicted(
    world: Path, mini: Backbone, measured: tuple[Evaluation, Predictions]
) -> None:
    dataset, settings = open_dataset(world), Settings.practical()
    found = predict(watch(dataset, mini, settings).watched, vocabulary_of(mini, dataset.labels, settings), settings)
    by_hand = score(found, dataset)
    evaluation, predictions = measured
    assert evaluation.numbers == by_hand.numbers
    assert predictions.names == found.names
    assert (evaluation.videos, evaluation.total) == (CLIPS, CLIPS)
    assert evaluation.numbers is not None and evaluation.numbers.segment_type > 50


def test_what_was_measured_with_is_said(measured: tuple[Evaluation, Predictions], mini: Backbone) -> None:
    evaluation, _ = measured
    assert evaluation.backbone == mini.info
    assert evaluation.settings == Settings.practical()
    assert evaluation.parameters is not None and 800_000 < evaluation.parameters < 900_000
    assert evaluation.timing is not None
    assert evaluation.timing.observed == CLIPS
    assert min(evaluation.timing.decode, evaluation.timing.encode, evaluation.timing.method) > 0


def test_another_run_encodes_nothing_and_finds_the_same(
    world: Path, mini: Backbone, store: Store, measured: tuple[Evaluation, Predictions]
) -> None:
    again, _ = evaluate(open_dataset(world), silent(mini), Settings.practical(), store)
    assert again.numbers == measured[0].numbers
    assert again.timing is not None and again.timing.observed == 0 and isnan(again.timing.encode)


def test_embedding_only_what_is_asked_for_finds_the_same(
    world: Path, mini: Backbone, measured: tuple[Evaluation, Predictions]
) -> None:
    asked, _ = evaluate(open_dataset(world), mini, Settings.practical(), every_interval=False)
    assert asked.numbers == measured[0].numbers
    few, _ = evaluate(open_dataset(world), mini, Settings.released(), every_interval=False)
    every, _ = evaluate(open_dataset(world), mini, Settings.released())
    assert few.numbers == every.numbers


def test_predictions_saved_and_scored_by_themselves_give_the_same_numbers(
    world: Path, tmp_path: Path, measured: tuple[Evaluation, Predictions]
) -> None:
    evaluation, predictions = measured
    prediction_table.write(predictions, evaluation.categories, tmp_path / "ours.tsv")
    table = prediction_table.read(tmp_path / "ours.tsv", open_dataset(world))
    assert table.remarks == ()
    scored = score(table.predictions, open_dataset(world))
    assert scored.numbers == evaluation.numbers
    assert scored.numbers_as_released == evaluation.numbers_as_released


def test_a_data_set_without_names_is_refused(world: Path, mini: Backbone) -> None:
    nameless = replace(open_dataset(world), categories=(), labels=())
    with pytest.raises(InvalidLabels, match="clips names no events to look for"):
        evaluate(nameless, mini, Settings.practical())


# What it is done with.


def test_published_benchmarks_are_evaluated_as_released_with_the_backbone_s_own_table_1() -> None:
    llp = replace(dataset_of(), name="llp")
    assert dataset_settings(llp, "clip-clap") == Settings.released("clip-clap")
    assert dataset_settings(llp, "clip-clap", "paper") == Settings.paper("clip-clap")
    assert dataset_settings(dataset_of(), "clip-clap") == Settings.practical()


def test_localization_keeps_the_strongest_category_where_the_paper_s_profiles_are_used() -> None:
    ave = replace(dataset_of(task=Task.LOCALIZATION), name="ave")
    assert dataset_settings(ave, "languagebind").validation_rule is ValidationRule.ARGMAX
    assert dataset_settings(ave, "languagebind", "paper").validation_rule is ValidationRule.ARGMAX
    assert dataset_settings(ave, "languagebind", "practical").validation_rule is ValidationRule.CONFIDENCE


def test_the_parameters_of_every_backbone_are_found(pair: Backbone, languagebind: Backbone, mini: Backbone) -> None:
    assert all((parameters_of(backbone) or 0) > 1000 for backbone in (pair, languagebind))
    assert parameters_of(silent(mini)) == parameters_of(mini)
