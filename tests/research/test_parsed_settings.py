"""A parser in the search and in the paper's tables."""

from pathlib import Path
from statistics import fmean

import pytest

from av2a.errors import InvalidSetting, UsageError
from av2a.methods.trained import PARSERS, load_parser
from av2a.methods.trained.features import FeatureFolder
from av2a.methods.trained.settings import ParserSettings
from av2a.research.parsed import Parsed, only, parsed, score_parsed, space_of
from av2a.research.published import DYNAMIC, LATE_FUSION, PLAIN, SCORE_FUSION
from av2a.research.sheets import sheets
from av2a.research.tables import parsed_parts
from av2a.research.tune import Objective, tune, tuning_results
from av2a.settings import Settings
from tests.methods.trained.checkpoint_files import published, write_features
from tests.research.test_parsed import dataset

CLIPS = 6


@pytest.fixture(scope="module", params=["mgn", "jomold", "han"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    features = FeatureFolder.opened(write_features(folder / "feats", [clip.name for clip in dataset(CLIPS).clips]))
    return parsed(dataset(CLIPS), load_parser(name, published(folder, name)), features, PARSERS[name].settings)


def test_a_search_measures_what_an_evaluation_does(found: Parsed) -> None:
    evaluation, _ = score_parsed(found, found.settings)
    assert evaluation.numbers is not None
    assert Objective.ALL.measured(found, found.settings) == fmean(evaluation.numbers)
    with pytest.raises(ValueError, match="a parser is decided by ParserSettings, got Settings"):
        found.predictions(Settings())


def test_tuning_finds_nothing_worse_than_the_papers_values_and_moves_them_only(found: Parsed) -> None:
    base = found.settings
    tuning = tune(found, found.info, base, space=space_of(base), trials=6)
    assert tuning.names == found.names
    assert set(tuning.search.best_trial.values) == {"audio_weight", "initial_threshold", "decay"}
    assert tuning.search.best_trial.value >= Objective.TYPE.measured(found, base)
    assert isinstance(tuning.settings, ParserSettings)
    middle = dict.fromkeys(tuning.space, 0.5)
    assert tuning.settings.replace(**middle) == base.replace(**middle)
    assert ParserSettings.of(tuning_results(tuning).plain["settings"]) == tuning.settings


def test_with_static_thresholds_the_weight_of_sound_is_all_there_is_to_tune(found: Parsed) -> None:
    static = found.settings.replace(thresholds="static")
    tuning = tune(found, found.info, static, space=space_of(static), trials=3)
    assert set(tuning.search.best_trial.values) == {"audio_weight"}
    late = static.replace(fusion="late")
    with pytest.raises(InvalidSetting, match="nothing in the space has an effect"):
        tune(found, found.info, late, space=space_of(late), trials=3)


def test_a_parser_has_its_lines_in_tables_3_6_and_8(found: Parsed, tmp_path: Path) -> None:
    clips = dataset(CLIPS)
    features = FeatureFolder.opened(write_features(tmp_path / "feats", [clip.name for clip in clips.clips]))
    kind = found.kind
    method = kind.in_table_1 or kind.name
    parser = load_parser(kind.name, published(tmp_path, kind.name))
    parts = parsed_parts(parsed(clips, parser, features, kind.settings))
    sheet = {each.number: each for each in sheets(parts, at_hand=["llp"])}
    lines = {
        (number, line.name): line
        for number in (3, 6, 8)
        for line in sheet[number].lines
        if line.method == method and line.runs
    }
    assert set(lines) == {(3, PLAIN), (3, DYNAMIC), (6, LATE_FUSION), (6, SCORE_FUSION), (8, PLAIN)}
    static = found.settings.replace(thresholds="static")
    for place, settings in {
        (3, PLAIN): static.replace(fusion="late"),
        (3, DYNAMIC): found.settings,
        (6, LATE_FUSION): static.replace(fusion="late"),
        (6, SCORE_FUSION): static,
    }.items():
        evaluation, _ = score_parsed(found, settings)
        assert evaluation.numbers is not None
        expected = evaluation.numbers.as_dict()
        [run] = lines[place].runs
        assert {name: each.value for name, each in run.values.items()} == {name: expected[name] for name in run.values}
        # What is printed stands beside it, where the paper has the parser.
        assert (lines[place].published is not None) == (kind.in_table_1 is not None)


def test_a_list_of_names_picks_clips_in_the_data_sets_order(tmp_path: Path) -> None:
    names = [clip.name for clip in dataset(CLIPS).clips]
    assert [clip.name for clip in only(dataset(CLIPS), {names[4], names[1]}).clips] == [names[1], names[4]]
    with pytest.raises(UsageError, match="2 names are no clips of llp test, such as 'gone': correct the list"):
        only(dataset(CLIPS), {names[0], "gone", "other"})
