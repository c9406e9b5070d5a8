"""All tables of the paper on a few clips of the built-in world, and on the same clips under the paper's names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from av2a.datasets import Dataset, Task, truth_masks
from av2a.metrics.parsing import ParsingMetrics
from av2a.research.bench import Bench, Splits, as_localization
from av2a.research.comparisons import AS_RELEASED, STATIC, TRUE_AUDIO
from av2a.research.published import (
    AV2A,
    FULL,
    LATE_FUSION,
    NAIVE,
    PUBLISHED,
    SCORE_FUSION,
    WITHOUT_DYNAMIC,
    WITHOUT_SELECTION,
)
from av2a.research.results import left_out_lines
from av2a.research.search import LEAST
from av2a.research.sheets import SYMBOLS, Part, Sheet, sheets
from av2a.research.tables import NOT_TUNED, STATIC_LATE, TABLE_1_ELSEWHERE, TUNED_HERE, efficiency, parts_of
from av2a.settings import TABLE_1, Settings, ValidationRule
from av2a.types import Modality
from tests.cli.calling import shell
from tests.small_splits import CLIPS


@pytest.fixture(scope="session")
def parts(bench: Bench) -> list[Part]:
    return parts_of(bench)


def part(parts: list[Part], number: int, method: str = "mini") -> Part:
    """What one reading says in a table; Table 2 has all of them."""
    [found] = [each for each in parts if each.number == number and each.lines[0].method == method]
    return found


def named(dataset: Dataset | None, name: str, task: Task) -> Dataset:
    assert dataset is not None
    clips = tuple(replace(clip, first_annotation=clip.annotations) for clip in dataset.clips)
    return replace(dataset, name=name, task=task, clips=clips)


@pytest.fixture(scope="session")
def as_llp(bench: Bench) -> Bench:
    """The same clips and encoders under the names that the paper's tables have."""
    own = bench.splits
    test, validation = (named(each, "llp", Task.PARSING) for each in (own.test, own.validation))
    backbone = replace(bench.backbone, info=replace(bench.backbone.info, name="languagebind"))
    return Bench(Splits(test, validation), backbone, bench.store, bench.plan, bench.progress)


def test_every_table_but_that_of_trained_parsers_is_filled(parts: list[Part]) -> None:
    assert sorted(each.number for each in parts if each.lines) == [1, 1, 2, 4, 4, 5, 5, 6, 6, 7, 8, 8]


def test_every_line_of_a_parsing_table_has_both_readings_of_audio(parts: list[Part]) -> None:
    for number in (2, 5, 8):
        for line in part(parts, number).lines:
            true, released = line.runs
            assert (true.reading, released.reading) == (TRUE_AUDIO, AS_RELEASED)
            assert set(true.values) == set(ParsingMetrics._fields)
            for untouched in ("segment_visual", "event_visual", "segment_audio_visual", "event_audio_visual"):
                assert true.values[untouched] == released.values[untouched]
            assert true.values["segment_audio"] != released.values["segment_audio"]


def test_table_1_is_what_was_tuned(parts: list[Part], bench: Bench) -> None:
    [line] = part(parts, 1).lines
    found = bench.released.tuned(AV2A, {})
    assert len(found) == bench.plan.seeds
    for name in TABLE_1:
        assert line.runs[0].values[name].value == pytest.approx(np.mean([getattr(each, name) for each in found]))


def test_table_2_has_the_baselines_and_the_method_in_both_readings(parts: list[Part]) -> None:
    assert [(line.method, line.name) for line in part(parts, 2).lines] == [
        ("mini", NAIVE),
        ("mini", STATIC_LATE),
        ("mini", AV2A),
        ("mini", TABLE_1_ELSEWHERE),
        ("mini, practical", NAIVE),
        ("mini, practical", AV2A),
        ("mini, practical", NOT_TUNED),
    ]
    said = part(parts, 2).findings
    for method, name in (("mini", AV2A), ("mini, practical", AV2A), ("mini, practical", NOT_TUNED)):
        assert len([finding for finding in said if finding.startswith(f"{method}, {name}: ")]) == 1


def test_tuning_that_ends_where_a_stage_does_least_is_said(bench: Bench, parts: list[Part]) -> None:
    # The search starts where the stages do least, and in so few trials nothing better is found for some of them.
    found = [each.search.best_trial.values for each in bench.released.tunings(AV2A, {})]
    idle = [name for name, end in LEAST.items() if all(each[name] == bench.plan.space[name][end] for each in found)]
    said = " ".join(part(parts, 1).findings)
    assert ("where their stages do least" in said) == bool(idle)
    assert all(SYMBOLS[name] in said for name in idle)


def test_tuned_the_method_is_not_below_static_thresholds_where_both_were_tuned(bench: Bench) -> None:
    # It can come very near to them, and starts there.
    best = {
        name: max(each.search.best_trial.value for each in bench.released.tunings(name, {})) for name in (NAIVE, AV2A)
    }
    assert best[AV2A] > best[NAIVE] - 1.0


def test_the_lines_of_tables_5_and_6_begin_with_what_table_2_measured(parts: list[Part]) -> None:
    [method] = [line for line in part(parts, 2).lines if (line.method, line.name) == ("mini", AV2A)]
    [full] = [line for line in part(parts, 5).lines if line.name == FULL]
    assert full.runs == method.runs
    [fused] = [line for line in part(parts, 6).lines if line.name == SCORE_FUSION]
    for column in PUBLISHED[6].columns:
        assert fused.runs[0].values[column] == method.runs[0].values[column]


def test_each_ablation_says_its_direction_as_it_is_found(parts: list[Part]) -> None:
    ablation = part(parts, 5)
    values = {line.name: line.runs[0].values for line in ablation.lines}
    for name in (WITHOUT_DYNAMIC, WITHOUT_SELECTION):
        [said] = [finding for finding in ablation.findings if finding.startswith(f"mini, {name}: ")]
        change = values[name]["segment_type"].value - values[FULL]["segment_type"].value
        assert f"Type@AV {change:+.1f} / " in said


def test_late_fusion_is_what_is_both_heard_and_seen(bench: Bench, parts: list[Part]) -> None:
    settings = bench.released.tuned(AV2A, {})[0].replace(fusion="late")
    found = bench.released.test.predictions(settings).masks
    assert np.array_equal(found[Modality.AUDIO_VISUAL], found[Modality.AUDIO] & found[Modality.VISUAL])
    assert [line.name for line in part(parts, 6).lines] == [LATE_FUSION, SCORE_FUSION]


def test_table_4_is_of_the_clips_that_could_be_aves(parts: list[Part], bench: Bench) -> None:
    localization = as_localization(bench.dataset)
    assert 0 < len(localization.clips) <= CLIPS
    assert f"the {len(localization.clips)} videos in which exactly one category" in part(parts, 4).findings[0]
    for clip in localization.clips:
        assert len({each.label for each in clip.annotations or ()}) == 1
        [original] = [each for each in bench.dataset.clips if each.name == clip.name]
        heard, seen = truth_masks(original, bench.dataset.categories, 10)
        both, _ = truth_masks(clip, bench.dataset.categories, 10)
        assert np.array_equal(both, heard & seen)


def test_what_was_measured_is_kept_and_not_measured_again(bench: Bench, parts: list[Part]) -> None:
    assert bench.store is not None
    again = Bench(bench.splits, bench.backbone, bench.store, bench.plan, bench.progress)
    assert all(each.search.resumed == bench.plan.trials for each in again.released.tunings(AV2A, {}))
    assert parts_of(again) == parts


# Under the paper's names.


def llp_sheets(as_llp: Bench) -> dict[int | None, Sheet]:
    return {sheet.number: sheet for sheet in sheets(parts_of(as_llp), at_hand={"llp"}, numbers=range(1, 9))}


def test_on_the_papers_data_lines_stand_beside_the_published_ones(as_llp: Bench) -> None:
    every = llp_sheets(as_llp)
    [line] = [line for line in every[2].lines if (line.method, line.name) == ("languagebind", AV2A)]
    assert line.published is PUBLISHED[2].row("languagebind", AV2A)
    assert set(line.differences(line.runs[0])) == set(ParsingMetrics._fields)
    # Its settings are those of Table 1, so there is one run and no spread; ours come beside it.
    assert line.runs[0].values["segment_type"].spread is None
    assert TUNED_HERE in [line.name for line in every[2].lines]
    assert all(line.published for line in every[5].lines if line.method == "languagebind")
    assert [line.not_run for line in every[2].lines if line.method == "clip-clap"] == [
        "not run: needs backbone clip-clap"
    ] * 2
    assert {line.not_run for line in every[4].lines if line.method == "languagebind"} == {"not run: needs AVE videos"}


def test_without_validation_videos_the_values_of_table_1_are_measured_all_the_same(as_llp: Bench) -> None:
    bare = Bench(Splits(as_llp.dataset), as_llp.backbone, as_llp.store, as_llp.plan, as_llp.progress)
    found = part(parts_of(bare), 2, "languagebind")
    assert [(line.method, line.name) for line in found.lines] == [
        ("languagebind", AV2A),
        ("languagebind, practical", NOT_TUNED),
    ]
    assert any("static thresholds not run: needs videos of the validation split" in each for each in found.findings)


def test_without_validation_videos_what_would_have_been_tuned_says_so(bench: Bench) -> None:
    bare = Bench(Splits(bench.dataset), bench.backbone, bench.store, bench.plan, bench.progress)
    of_released: dict[int, list[str]] = {}
    for each in parts_of(bare):
        of_released.setdefault(each.number, []).extend(each.findings)
    assert any("mini: static thresholds and with AV²A, tuned, not run" in said for said in of_released[2])
    for number in (4, 5, 6, 8):
        assert "mini: with AV²A not run: needs videos of the validation split to tune on" in of_released[number]


def test_untuned_lines_are_never_called_as_tuned_ones(parts: list[Part]) -> None:
    assert [line.name for line in part(parts, 8, "mini, practical").lines] == [NOT_TUNED]
    assert [line.name for line in part(parts, 4, "mini, practical").lines] == [NAIVE, NOT_TUNED]
    for number in (5, 6):
        assert part(parts, number, "mini, practical, not tuned").lines


def of_ave(bench: Bench, validation: Dataset | None = None, tuning: Dataset | None = None) -> Bench:
    test = named(as_localization(bench.dataset), "ave", Task.LOCALIZATION)
    return Bench(Splits(test, validation, None, tuning), bench.backbone, bench.store, bench.plan, bench.progress)


def test_of_ave_without_anything_to_tune_on_table_4_says_what_is_missing(bench: Bench) -> None:
    [found] = parts_of(of_ave(bench))
    assert found.lines == ()
    assert found.findings == (
        f"mini on ave: {NAIVE} and {AV2A} not run: needs AVE or LLP validation videos to tune on",
    )


def test_ave_is_tuned_on_llps_validation_videos_where_they_are_there(bench: Bench) -> None:
    llp = named(bench.splits.validation, "llp", Task.PARSING)
    found = of_ave(bench, tuning=llp)
    here = found.released.tunings(NAIVE, STATIC)
    # The same search as for parsing, not even made again.
    there = bench.released.tunings(NAIVE, STATIC)
    assert [each.search.best_trial.values for each in here] == [each.search.best_trial.values for each in there]
    assert {each.validation_rule for each in found.released.tuned(NAIVE, STATIC)} == {ValidationRule.ARGMAX}
    [table] = parts_of(found)
    assert f"mini on ave: tuned on {CLIPS} validation videos of llp, as in the paper" in table.findings


def test_videos_that_cannot_be_used_are_kept_with_their_reason(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    first, *others = bench.dataset.clips
    test = replace(bench.dataset, clips=(replace(first, path=broken), *others))
    damaged = Bench(Splits(test), bench.backbone, bench.store, bench.plan, bench.progress)
    assert len(damaged.released.test.watched) == CLIPS - 1
    [[left_out]] = damaged.left_out.values()
    assert left_out.name == first.name and left_out.has_failed
    [line] = left_out_lines([("synthetic test", left_out)])
    assert line.startswith(f"synthetic test: 1 video left out ({first.name}): ") and "damaged" in line


def test_ave_is_measured_in_four_readings_the_released_one_first(bench: Bench) -> None:
    test, validation = (as_localization(each) for each in (bench.dataset, bench.splits.validation) if each is not None)
    splits = Splits(*(named(each, "ave", Task.LOCALIZATION) for each in (test, validation)))
    backbone = replace(bench.backbone, info=replace(bench.backbone.info, name="clip-clap"))
    of_ave = Bench(splits, backbone, None, replace(bench.plan, trials=4), bench.progress)
    assert of_ave.released.base == Settings.released("clip-clap").replace(validation_rule="argmax")
    [found] = parts_of(of_ave)
    assert (found.number, [line.name for line in found.lines]) == (4, [NAIVE, AV2A])
    assert [run.reading for run in found.lines[0].runs] == [
        "first candidate, first annotation as truth",
        "first candidate, truth as listed",
        "every candidate, first annotation as truth",
        "every candidate, truth as listed",
    ]


def test_efficiency_splits_the_time_and_counts_parameters(bench: Bench) -> None:
    sheet = efficiency([bench])
    released, practical, *published = sheet.lines
    for line in (released, practical):
        values = {name: each.value for name, each in line.runs[0].values.items()}
        assert values["total"] == pytest.approx(values["decode"] + values["encode"] + values["method"])
        assert min(values["decode"], values["encode"], values["method"]) > 0
        assert values["parameters_millions"] > 0.1 and values["trained_millions"] == 0
    assert all(line.not_run for line in published)
    assert sheet.title.startswith("Efficiency (section 4.2)")


@pytest.mark.parametrize(
    ("parser", "said"),
    [("xx=here.pt", "unknown parser 'xx'"), ("mgn=nosuch.pt", "--parser mgn=nosuch.pt: there is no such file")],
)
def test_a_parser_that_cannot_be_is_refused_before_its_data_set_is_opened(
    tmp_path: Path, parser: str, said: str
) -> None:
    annotations = f"llp={tmp_path / 'none'}"
    asked = ("--dataset", "llp", "--annotations", annotations, "--parser", parser, "--features", tmp_path)
    refused = shell("tables", *asked)
    assert refused.status == 2 and said in refused.err
