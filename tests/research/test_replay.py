"""Clips parsed again and again: the decisions of ``predict``, without an encoder."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from av2a.datasets import GroundTruth
from av2a.detector import vocabulary_of
from av2a.research.bench import Bench, as_localization
from av2a.research.evaluate import Timeline, evaluate, parsing_numbers, score
from av2a.research.predictions import STREAMS, predict
from av2a.research.replay import Replay
from av2a.research.search import SPACE
from av2a.research.tune import Objective
from av2a.settings import TABLE_1, Fusion, Settings, ThresholdRule
from tests.silent import silent

SWITCHES: list[dict[str, Any]] = [
    {},
    {"threshold_rule": ThresholdRule.STATIC, "select_categories": False, "validate": False},
    {"validate": False},
    {"select_categories": False},
    {"fusion": Fusion.LATE},
]


def random_settings(base: Settings, rng: np.random.Generator) -> Settings:
    return base.replace(**{name: float(rng.uniform(*SPACE[name])) for name in TABLE_1})


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_replay_has_the_decisions_of_predict_for_any_settings(
    replay: Replay, bench: Bench, switches: dict[str, Any]
) -> None:
    rng, found_any = np.random.default_rng(0), False
    for _ in range(12):
        settings = random_settings(bench.released.base, rng).replace(**switches)
        again = replay.predictions(settings)
        alone = predict(replay.watched, vocabulary_of(bench.backbone, replay.dataset.labels, settings), settings)
        assert again.names == alone.names
        assert again.in_order == alone.in_order
        for modality in STREAMS:
            assert np.array_equal(again.masks[modality], alone.masks[modality])
            found_any |= bool(again.masks[modality].any())
    assert found_any


def test_the_practical_reading_can_be_replayed_too(bench: Bench) -> None:
    watched, settings = bench.practical.watched.watched, bench.practical.base
    again = Replay(watched, bench.dataset, bench.backbone, settings).predictions(settings)
    alone = predict(watched, vocabulary_of(bench.backbone, bench.dataset.labels, settings), settings)
    assert all(np.array_equal(again.masks[each], alone.masks[each]) and again.masks[each].any() for each in STREAMS)


def test_its_numbers_are_those_of_evaluate(replay: Replay, bench: Bench) -> None:
    predictions = replay.predictions(bench.released.base)
    evaluation, _ = evaluate(replay.dataset, bench.backbone, bench.released.base, bench.store)
    assert parsing_numbers(predictions, replay.dataset) == evaluation.numbers
    assert score(predictions, replay.dataset).numbers_as_released == evaluation.numbers_as_released


def test_its_accuracy_is_that_of_evaluate_for_the_first_candidate(bench: Bench) -> None:
    dataset = as_localization(bench.dataset)
    clips = {clip.name: clip for clip in dataset.clips}
    watched = [
        replace(each, clip=clips[each.clip.name]) for each in bench.released.test.watched if each.clip.name in clips
    ]
    replay = Replay(watched, dataset, bench.backbone, bench.released.base)
    settings = bench.released.base.replace(category_threshold=0.2)
    predictions = replay.predictions(settings)
    [reading] = [
        each for each in score(predictions, dataset).readings or () if each.timeline is Timeline.FIRST_CANDIDATE
    ]
    assert reading.truth is GroundTruth.LISTED
    assert Objective.ACCURACY.measured(replay, settings) == reading.accuracy


def test_replaying_asks_no_encoder(replay: Replay, bench: Bench) -> None:
    quiet = Replay(replay.watched, replay.dataset, silent(bench.backbone), bench.released.base)
    rng = np.random.default_rng(1)
    for _ in range(5):
        quiet.predictions(random_settings(bench.released.base, rng))
