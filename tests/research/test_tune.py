"""Tuning on stored embeddings: nothing is decoded or encoded, and its file is read wherever settings are."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from av2a.cli.setting_options import SettingOptions
from av2a.datasets import Task
from av2a.errors import NoClips, UsageError
from av2a.research.bench import Bench
from av2a.research.evaluate import parsing_numbers
from av2a.research.replay import Replay
from av2a.research.tune import Objective, replayed, some_videos, tune, tuning_results
from av2a.research.watching import LeftOut, Watch, watch
from av2a.settings import TABLE_1
from tests.silent import silent
from tests.small_splits import CLIPS


def test_tuning_on_what_is_stored_decodes_and_encodes_nothing(replay: Replay, bench: Bench) -> None:
    # The clips have been watched once, by the fixture; from here on every encoder refuses.
    quiet = silent(bench.backbone)
    again = watch(replay.dataset, quiet, bench.released.base, bench.store)
    assert [each.seconds for each in again.watched] == [None] * CLIPS
    stored = replayed(again, replay.dataset, quiet, bench.released.base)
    found = tune(stored, quiet.info, bench.released.base, trials=14)
    assert found.search.best_trial.value > found.search.trials[0].value


def test_the_best_settings_are_worth_what_is_said(replay: Replay, bench: Bench) -> None:
    found = tune(replay, bench.backbone.info, bench.released.base, trials=14, seed=1)
    numbers = parsing_numbers(replay.predictions(found.settings), replay.dataset)
    assert found.search.best_trial.value == (numbers.segment_type + numbers.event_type) / 2


def test_the_result_is_a_file_of_settings_that_names_what_it_was_tuned_on(
    replay: Replay, bench: Bench, tmp_path: Path
) -> None:
    found = tune(replay, bench.backbone.info, bench.released.base, trials=5)
    file = tmp_path / "best.json"
    file.write_text(tuning_results(found).json())
    assert SettingOptions(settings_file=file).settings("mini") == found.settings
    said = json.loads(file.read_text())["tuned"]
    assert said["names"] == [clip.name for clip in replay.dataset.clips]
    assert (said["videos"], said["total"], said["split"]) == (CLIPS, CLIPS, "validation")
    assert (said["objective"], set(said["space"])) == ("type", set(TABLE_1))


def test_the_same_seed_gives_the_same_file_also_from_a_journal(replay: Replay, bench: Bench, tmp_path: Path) -> None:
    plain = tuning_results(tune(replay, bench.backbone.info, bench.released.base, trials=12)).plain
    tune(replay, bench.backbone.info, bench.released.base, trials=7, journals=tmp_path)
    resumed = tune(replay, bench.backbone.info, bench.released.base, trials=12, journals=tmp_path)
    assert resumed.search.resumed == 7
    assert tuning_results(resumed).plain == plain


@pytest.mark.parametrize("objective", [each for each in Objective if each is not Objective.ACCURACY])
def test_every_objective_is_a_percentage(replay: Replay, bench: Bench, objective: Objective) -> None:
    assert 0 <= objective.measured(replay, bench.released.base) <= 100


def test_an_objective_that_a_data_set_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="objective 'accuracy' does not fit parsing: use 'type'"):
        Objective.ACCURACY.check(Task.PARSING)
    with pytest.raises(UsageError, match="objective 'type' does not fit localization: use 'accuracy'"):
        Objective.TYPE.check(Task.LOCALIZATION)


def test_only_videos_at_hand_are_tuned_on(bench: Bench) -> None:
    first, *others = bench.dataset.clips
    partly = replace(bench.dataset, clips=(replace(first, path=None), *others))
    assert some_videos(partly, 2).clips == tuple(others[:2])
    with pytest.raises(NoClips, match="none of the 1 videos of synthetic test is available"):
        some_videos(replace(partly, clips=partly.clips[:1]), 2)


def test_a_data_set_of_which_no_video_can_be_used_is_refused_with_a_reason(bench: Bench) -> None:
    nothing = Watch((), (LeftOut("a", "cut short"),), 1)
    with pytest.raises(NoClips, match=r"no video of synthetic test can be used \(cut short\)"):
        replayed(nothing, bench.dataset, bench.backbone, bench.released.base)
