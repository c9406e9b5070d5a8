"""How each parser decides, against what the published evaluations make of the same probabilities."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from av2a.methods.av2a.method import parse
from av2a.methods.trained.cmpae import CROSS_SHARE
from av2a.methods.trained.probabilities import Probabilities
from av2a.methods.trained.registry import PARSERS
from av2a.methods.trained.rules import (
    CMPAE,
    CMPAE_VISUAL_GATE,
    HAN,
    JOMOLD,
    MGN,
    Gate,
    Rule,
    decided,
    gated,
    scored_clip,
)
from av2a.methods.trained.settings import AudioVisualGate, ParserSettings, Thresholds, VisualGate
from av2a.metrics.parsing import parsing_metrics, video_metrics
from av2a.settings import Fusion
from av2a.types import Modality
from tests.methods.trained.golden import noted, stored

AUDIO, VISUAL, BOTH = Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL
SUFFIX = {AUDIO: "audio", VISUAL: "visual", BOTH: "av"}
EVALUATIONS = ("han", "mgn", "jomold", "cmpae_classwise", "cmpae_uniform")


def settings(name: str = "jomold", **values: Any) -> ParserSettings:
    """As the parser's authors evaluate it, but for ``values``."""
    return PARSERS[name].settings.replace(**{"thresholds": "static", "fusion": "late", **values})


def recorded(evaluation: str) -> tuple[Probabilities, Rule, ParserSettings]:
    """What was handed to a published evaluation, and how it decides."""
    name, _, visual_gate = evaluation.partition("_")
    given = stored("eval_inputs")
    if name == "cmpae":
        mixed = {
            key: CROSS_SHARE * given[f"cmpae_ca_{key}"] + (1 - CROSS_SHARE) * given[f"cmpae_noca_{key}"]
            for key in ("a_prob", "v_prob", "frame_prob")
        }
        given = {**given, **{key: value.astype(np.float32) for key, value in mixed.items()}}
    answers = Probabilities(
        audio=given["frame_prob"][:, :, 0],
        visual=given["frame_prob"][:, :, 1],
        whole_audio=given["a_prob"],
        whole_visual=given["v_prob"],
        whole=given["global_prob"],
        frame_embeddings=np.zeros((100, 10, 1), dtype=np.float32),
    )
    chosen = settings(name, visual_gate="uniform" if visual_gate == "uniform" else "by-category")
    return answers, PARSERS[name].rule, chosen


def by_category(masks: Mapping[Modality, np.ndarray]) -> dict[Modality, np.ndarray]:
    """As metrics take them: (video, category, second)."""
    return {modality: mask.transpose(0, 2, 1) for modality, mask in masks.items()}


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_every_second_is_decided_as_in_the_published_evaluation(evaluation: str) -> None:
    found = by_category(decided(*recorded(evaluation)))
    for modality, suffix in SUFFIX.items():
        assert np.array_equal(found[modality], stored("eval_outputs")[f"{evaluation}_pred_{suffix}"].astype(bool))


@pytest.mark.parametrize("labels", ["2024", "2020"])
@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_the_ten_numbers_are_those_of_the_published_evaluation(evaluation: str, labels: str) -> None:
    found = by_category(decided(*recorded(evaluation)))
    heard, seen = (stored("eval_outputs")[f"gt_{stream}_{labels}"].astype(bool) for stream in ("audio", "visual"))
    masks = (heard, seen, found[AUDIO], found[VISUAL], found[BOTH])
    expected = noted("eval_metrics")[evaluation][f"gt{labels}"]
    order = ("Audio", "Visual", "AudioVisual", "Type@AV", "Event@AV")
    wanted = [expected[level][each] for level in ("segment", "event") for each in order]
    assert list(parsing_metrics(*masks)) == pytest.approx(wanted, rel=0, abs=1e-9)
    each = video_metrics(*masks)
    # A, V, Event@AV and AV of each video, as recorded.
    for level, columns in (("seg", (0, 1, 4, 2)), ("event", (5, 6, 9, 7))):
        recorded_f1 = stored("eval_outputs")[f"{evaluation}_gt{labels}_{level}_f1"]
        assert each[:, columns] == pytest.approx(100 * recorded_f1, rel=0, abs=1e-9)


def test_the_published_thresholds_of_cmpae_are_those_recorded() -> None:
    assert stored("eval_inputs")["cmpae_visual_class_thresholds"].tolist() == list(CMPAE_VISUAL_GATE)


def test_both_readings_of_cmpaes_visual_gate_are_told_apart_by_the_recorded_values() -> None:
    answers, rule, by_class = recorded("cmpae_classwise")
    uniform = replace(by_class, visual_gate=VisualGate.UNIFORM)
    assert not np.array_equal(gated(answers, rule, by_class)[VISUAL], gated(answers, rule, uniform)[VISUAL])


# One video of two categories, in numbers that are easy to follow.


def video(
    *,
    audio: list[float],
    visual: list[float],
    whole_audio: float = 1.0,
    whole_visual: float = 1.0,
    whole: float = 1.0,
) -> Probabilities:
    """One category over some seconds."""
    return Probabilities(
        audio=np.array(audio, dtype=np.float32)[:, None],
        visual=np.array(visual, dtype=np.float32)[:, None],
        whole_audio=np.array([whole_audio], dtype=np.float32),
        whole_visual=np.array([whole_visual], dtype=np.float32),
        whole=np.array([whole], dtype=np.float32),
        frame_embeddings=np.ones((len(audio), 3), dtype=np.float32),
    )


def floats(values: object) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def both(answers: Probabilities, chosen: ParserSettings, rule: Rule = JOMOLD) -> list[bool]:
    return decided(answers, rule, chosen)[BOTH][:, 0].tolist()


def test_a_probability_that_equals_a_threshold_reaches_it() -> None:
    answers = video(audio=[0.5, 0.49], visual=[1.0, 1.0], whole_audio=0.5)
    assert decided(answers, JOMOLD, settings())[AUDIO][:, 0].tolist() == [True, False]


def test_one_gate_shuts_both_streams_and_own_gates_one_each() -> None:
    answers = video(audio=[0.9], visual=[0.9], whole_audio=0.1, whole_visual=0.9, whole=0.9)
    shared, own = decided(answers, HAN, settings("han")), decided(answers, JOMOLD, settings())
    assert [shared[each].item() for each in (AUDIO, VISUAL, BOTH)] == [True, True, True]
    assert [own[each].item() for each in (AUDIO, VISUAL, BOTH)] == [False, True, False]
    shut = decided(replace(answers, whole=floats([0.4])), MGN, settings("mgn"))
    assert not any(mask.any() for mask in shut.values())


def test_score_level_fusion_finds_what_late_fusion_misses_and_leaves_the_other_two_alone() -> None:
    answers = video(audio=[0.2, 0.9, 0.2], visual=[0.9, 0.9, 0.5])
    late, score = settings(fusion="late"), settings(fusion="score", audio_weight=0.4)
    assert both(answers, late) == [False, True, False]
    # 0.4 · 0.2 + 0.6 · 0.9 = 0.62, and 0.4 · 0.2 + 0.6 · 0.5 = 0.38.
    assert both(answers, score) == [True, True, False]
    for modality in (AUDIO, VISUAL):
        assert np.array_equal(decided(answers, JOMOLD, late)[modality], decided(answers, JOMOLD, score)[modality])


@pytest.mark.parametrize(
    ("gate", "expected"),
    [(AudioVisualGate.BOTH, False), (AudioVisualGate.EITHER, True), (AudioVisualGate.FUSED, True)],
)
def test_the_audio_visual_gate_is_a_choice_where_each_stream_has_its_own(gate: AudioVisualGate, expected: bool) -> None:
    answers = video(audio=[0.9], visual=[0.9], whole_audio=0.4, whole_visual=0.9)
    chosen = settings(fusion="score", audio_weight=0.5, audio_visual_gate=gate)
    assert both(answers, chosen) == [expected]
    assert decided(answers, HAN, replace(settings("han", fusion="score"), audio_visual_gate=gate))[BOTH].all()


def test_the_fused_gate_of_cmpae_weighs_its_thresholds_like_its_probabilities() -> None:
    # 0.5 · 0.50 + 0.5 · 0.60 = 0.55, below 0.5 · 0.45 + 0.5 · 0.70 = 0.575 of the first category.
    answers = video(audio=[0.9], visual=[0.9], whole_audio=0.50, whole_visual=0.60)
    answers = Probabilities(**{name: np.repeat(value, 25, axis=-1) for name, value in vars(answers).items()})
    chosen = settings("cmpae", fusion="score", audio_weight=0.5, audio_visual_gate="fused")
    passed = gated(answers, CMPAE, chosen)[BOTH]
    assert not passed[0] and passed[1]


def test_the_static_threshold_of_a_second_can_be_another_than_the_parsers() -> None:
    answers = video(audio=[0.3], visual=[0.3])
    answers = Probabilities(**{name: np.repeat(value, 25, axis=-1) for name, value in vars(answers).items()})
    assert decided(answers, CMPAE, settings("cmpae"))[BOTH].all()
    assert not decided(answers, CMPAE, settings("cmpae", segment_threshold=0.5))[BOTH].any()


# AV²A on top.


def test_a_parsers_scores_are_parsed_like_any_others_also_above_one() -> None:
    answers = video(audio=[1.2, 1.1, 0.1], visual=[0.1, 1.15, 1.2])
    parsing = parse(scored_clip(answers, MGN, PARSERS["mgn"].settings), PARSERS["mgn"].settings)
    spans = {modality: [(each.start, each.stop) for each in parsing.streams[modality].found] for modality in Modality}
    assert spans[AUDIO] == [(0, 2)]
    assert spans[VISUAL] == [(1, 3)]
    # 0.3 · 1.2 + 0.7 · 0.1 = 0.43 and 0.3 · 0.1 + 0.7 · 1.2 = 0.87, against 0.55 at first.
    assert spans[BOTH] == [(1, 3)]


def test_what_the_gate_shuts_out_is_in_no_stream_and_moves_no_threshold() -> None:
    open_alone = video(audio=[0.9] * 6, visual=[0.9] * 6)
    beside = Probabilities(**{name: np.repeat(value, 2, axis=-1) for name, value in vars(open_alone).items()})
    shut = replace(beside, whole_audio=floats([1.0, 0.0]), whole_visual=floats([1.0, 0.0]))
    chosen = PARSERS["jomold"].settings
    alone = parse(scored_clip(open_alone, JOMOLD, chosen), chosen)
    other = parse(scored_clip(shut, JOMOLD, chosen), chosen)
    for modality in Modality:
        thresholds = other.streams[modality].trace.thresholds
        assert np.array_equal(thresholds[:, 0], alone.streams[modality].trace.thresholds[:, 0])
        assert np.isnan(thresholds[:, 1]).all()
        assert {each.label for each in other.streams[modality].found} == {0}


def test_nothing_passes_a_gate_and_nothing_is_found() -> None:
    answers = video(audio=[0.9], visual=[0.9], whole_audio=0.0, whole_visual=0.0)
    parsing = parse(scored_clip(answers, JOMOLD, PARSERS["jomold"].settings), PARSERS["jomold"].settings)
    assert all(not stream.found for stream in parsing.streams.values())


def test_events_of_one_second_are_kept_and_holes_stay_open() -> None:
    answers = video(audio=[0.9, 0.1, 0.9, 0.9], visual=[0.1] * 4)
    chosen = PARSERS["jomold"].settings
    found = parse(scored_clip(answers, JOMOLD, chosen), chosen).streams[AUDIO].found
    assert [(each.start, each.stop) for each in found] == [(0, 1), (2, 4)]
    longer = chosen.replace(minimum_duration_seconds=2.0)
    found = parse(scored_clip(answers, JOMOLD, longer), longer).streams[AUDIO].found
    assert [(each.start, each.stop) for each in found] == [(2, 4)]


def test_the_cosine_in_the_audio_stream_is_a_choice() -> None:
    answers = video(audio=[0.9] * 4, visual=[0.9] * 4)
    vectors = floats([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1]])
    answers = replace(answers, frame_embeddings=vectors)
    thresholds = []
    for cosine in (False, True):
        chosen = PARSERS["jomold"].settings.replace(cosine_for_audio=cosine)
        parsing = parse(scored_clip(answers, JOMOLD, chosen), chosen)
        thresholds.append(parsing.streams[AUDIO].trace.thresholds[:, 0])
    # Alike in the first second only: a cosine below one lowers the thresholds less.
    assert thresholds[0][0] == thresholds[1][0] and (thresholds[0][1:] < thresholds[1][1:]).all()


def test_each_parser_has_the_papers_values_and_its_own_gate() -> None:
    values = {
        name: (kind.settings.audio_weight, kind.settings.initial_threshold, kind.settings.decay)
        for name, kind in PARSERS.items()
    }
    assert values == {
        "han": (0.5, 0.5, 0.5),
        "mgn": (0.3, 0.55, 0.5),
        "jomold": (0.4, 0.5, 0.5),
        "cmpae": (0.45, 0.5, 0.5),
    }
    assert {name: kind.rule.gate for name, kind in PARSERS.items()} == {
        "han": Gate.SHARED,
        "mgn": Gate.SHARED,
        "jomold": Gate.OWN,
        "cmpae": Gate.OWN,
    }
    for kind in PARSERS.values():
        assert kind.settings.thresholds is Thresholds.DYNAMIC
        assert kind.settings.fusion is Fusion.SCORE
        assert not kind.settings.validate
