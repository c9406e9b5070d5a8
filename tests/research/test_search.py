import json
from dataclasses import replace
from pathlib import Path

import pytest

from av2a.errors import InvalidSetting, OutputRefused, UnknownName
from av2a.research.search import SPACE, checked_space, effective, search
from av2a.settings import TABLE_1, Fusion, Settings, ThresholdRule, ValidationRule

RELEASED = Settings.released()
AIM = {
    "audio_weight": 0.3,
    "category_threshold": 0.2,
    "initial_threshold": 0.8,
    "confidence_threshold": 0.6,
    "decay": 2.0,
}


def nearness(settings: Settings) -> float:
    """Highest, zero, at AIM."""
    return -sum(((getattr(settings, name) - aim) / (SPACE[name][1] - SPACE[name][0])) ** 2 for name, aim in AIM.items())


def values(trials: int, seed: int = 0) -> list[dict[str, float]]:
    return [dict(trial.values) for trial in search(nearness, RELEASED, trials=trials, seed=seed).trials]


class Interrupted(Exception):
    """Stands in for a kill."""


def test_a_search_finds_what_is_planted() -> None:
    found = search(nearness, RELEASED, trials=150, seed=3)
    assert found.best_trial.value > -0.02


def test_the_first_trial_is_the_base_so_the_best_is_never_worse() -> None:
    found = search(nearness, RELEASED.replace(**AIM), trials=12)
    assert found.trials[0].values == AIM
    assert found.best == RELEASED.replace(**AIM)


def test_a_base_outside_the_space_is_not_tried() -> None:
    space = {"decay": (0.5, 1.0)}
    found = search(nearness, RELEASED, space, trials=12)
    assert all(0.5 <= trial.values["decay"] <= 1.0 for trial in found.trials)
    assert found.best.initial_threshold == RELEASED.initial_threshold


def test_starts_in_the_space_are_tried_next() -> None:
    start, outside = {"decay": 1.5}, {"decay": 99.0}
    found = search(nearness, RELEASED, trials=4, starts=[outside, start])
    own = {name: getattr(RELEASED, name) for name in TABLE_1}
    assert [trial.values for trial in found.trials[:2]] == [own, {**own, "decay": 1.5}]


def test_one_seed_gives_one_search_and_another_another() -> None:
    assert values(25, seed=1) == values(25, seed=1)
    assert values(25, seed=1) != values(25, seed=2)


@pytest.mark.parametrize("killed_after", [0, 1, 9, 17])
def test_a_killed_search_resumes_as_if_nothing_had_happened(tmp_path: Path, killed_after: int) -> None:
    journal = tmp_path / "trials.log"
    tried = 0

    def dying(settings: Settings) -> float:
        nonlocal tried
        tried += 1
        if tried > killed_after:
            raise Interrupted
        return nearness(settings)

    with pytest.raises(Interrupted):
        search(dying, RELEASED, trials=25, journal=journal)
    # The line being written when the power fails.
    with journal.open("ab") as file:
        file.write(b'{"search": "x", "val')
    resumed = search(nearness, RELEASED, trials=25, journal=journal)
    assert resumed.resumed == killed_after
    assert [dict(trial.values) for trial in resumed.trials] == values(25)


def test_locks_that_a_killed_process_left_hold_nothing_up(tmp_path: Path) -> None:
    journal = tmp_path / "trials.log"
    search(nearness, RELEASED, trials=2, journal=journal)
    for lock in tmp_path.glob("*.lock"):
        lock.touch()
    assert search(nearness, RELEASED, trials=4, journal=journal).resumed == 2


def test_two_processes_do_not_mix_the_trials_of_one_search(tmp_path: Path) -> None:
    journal = tmp_path / "trials.log"

    def meanwhile(settings: Settings) -> float:
        with pytest.raises(OutputRefused, match="another process is at this very search"):
            search(nearness, RELEASED, trials=3, journal=journal)
        # Another search may go on beside it.
        search(nearness, RELEASED, trials=2, seed=7, journal=journal)
        return nearness(settings)

    beside = search(meanwhile, RELEASED, trials=3, journal=journal)
    assert [dict(trial.values) for trial in beside.trials] == values(3)


def test_a_finished_search_is_not_done_again(tmp_path: Path) -> None:
    journal, tried = tmp_path / "new" / "trials.log", []

    def counted(settings: Settings) -> float:
        tried.append(settings)
        return nearness(settings)

    first = search(counted, RELEASED, trials=12, journal=journal)
    again = search(counted, RELEASED, trials=12, journal=journal)
    # One more, to see that the journal still holds.
    assert (len(tried), again.trials, again.resumed) == (13, first.trials, 12)


def test_a_journal_of_another_measure_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = tmp_path / "trials.log"
    search(nearness, RELEASED, trials=12, journal=journal)
    changed = search(lambda settings: settings.decay, RELEASED, trials=12, journal=journal)
    assert changed.resumed == 0
    assert changed.best_trial.value == max(trial.values["decay"] for trial in changed.trials)
    assert "was measured otherwise" in caplog.text


def test_a_measure_that_differs_in_its_last_bits_is_the_same(tmp_path: Path) -> None:
    journal = tmp_path / "trials.log"
    first = search(nearness, RELEASED, trials=5, journal=journal)
    again = search(lambda settings: nearness(settings) * (1 + 1e-13), RELEASED, trials=5, journal=journal)
    assert (again.resumed, again.trials) == (5, first.trials)


def test_trials_that_were_measured_otherwise_are_kept_and_found_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = tmp_path / "trials.log"
    first = search(nearness, RELEASED, trials=5, journal=journal)
    other = search(lambda settings: settings.decay, RELEASED, trials=6, journal=journal)
    caplog.clear()
    assert search(nearness, RELEASED, trials=5, journal=journal).trials == first.trials
    again = search(lambda settings: settings.decay, RELEASED, trials=6, journal=journal)
    assert (again.resumed, again.trials, caplog.text) == (6, other.trials, "")


DAMAGE = {
    "torn": b'{"op_code":5,"worker_id":"f3f9{"op_code":6,"worker_id":"f3f9","trial_id":0}\n',
    "blank": b"\n",
    "zeros": b"\0" * 512 + b"\n",
    "no text": b"\xff\xfe\x00\n",
    "no object": b"3\n",
    "no trial": b'{"search": "x", "value": 1}\n',
    "no number": b'{"search": "x", "values": {"decay": "much"}, "value": 1}\n',
    "no finite measure": b'{"search": "x", "values": {"decay": 1}, "value": NaN}\n',
    "no finite value": b'{"search": "OWN", "values": {"decay": NaN}, "value": 1}\n',
    "other values": b'{"search": "OWN", "values": {"decay": 1}, "value": 1}\n',
}


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("line", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_journal_is_set_aside_and_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: bytes, where: str
) -> None:
    journal = tmp_path / "trials.log"
    first = search(nearness, RELEASED, trials=3, journal=journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    # Of this very search, where its values matter.
    line = line.replace(b"OWN", json.loads(lines[0])["search"].encode())
    lines.insert({"first": 0, "middle": len(lines) // 2, "last": len(lines)}[where], line)
    damaged = b"".join(lines)
    journal.write_bytes(damaged)
    again = search(nearness, RELEASED, trials=3, journal=journal)
    assert (again.resumed, again.trials) == (0, first.trials)
    assert (tmp_path / "trials.log.damaged").read_bytes() == damaged
    assert f"{journal} is damaged" in caplog.text and "set aside as trials.log.damaged" in caplog.text
    assert search(nearness, RELEASED, trials=3, journal=journal).resumed == 3
    journal.write_bytes(damaged)
    search(nearness, RELEASED, trials=3, journal=journal)
    assert (tmp_path / "trials.log.damaged-2").read_bytes() == damaged


def test_the_journal_of_a_public_report_is_set_aside(tmp_path: Path, shared: Path) -> None:
    journal = tmp_path / "trials.log"
    content = (shared / "cases" / "03_tuning_journal_with_torn_line.log").read_bytes()
    journal.write_bytes(content)
    assert search(nearness, RELEASED, trials=2, journal=journal).resumed == 0
    assert (tmp_path / "trials.log.damaged").read_bytes() == content


def test_searches_of_other_data_share_a_journal_without_mixing(tmp_path: Path) -> None:
    journal = tmp_path / "trials.log"
    for split in ("validation", "test"):
        assert search(nearness, RELEASED, trials=5, journal=journal, about={"split": split}).resumed == 0


def test_what_has_no_effect_is_not_searched() -> None:
    assert effective(RELEASED) == TABLE_1
    assert "decay" not in effective(replace(RELEASED, threshold_rule=ThresholdRule.STATIC))
    assert "audio_weight" not in effective(replace(RELEASED, fusion=Fusion.LATE))
    assert "confidence_threshold" not in effective(replace(RELEASED, validation_rule=ValidationRule.ARGMAX))
    found = search(nearness, replace(RELEASED, validate=False), trials=3)
    assert set(found.trials[0].values) == set(TABLE_1) - {"confidence_threshold"}


def test_a_space_without_effect_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="nothing in the space has an effect"):
        search(nearness, replace(RELEASED, validate=False), {"confidence_threshold": (0.1, 0.9)}, trials=3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "the space is empty"),
        ({"decay": 3}, r"decay must be \[lowest, highest\], got 3"),
        ({"decay": [3, True]}, r"must be \[lowest, highest\]"),
        ({"decay": [3, 1]}, r"lowest < highest, got \[3.0, 1.0\]"),
        ({"audio_weight": [0.5, 1.5]}, r"audio_weight must lie in \[0, 1\], got 1.5"),
    ],
)
def test_a_space_that_cannot_be_meant_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        checked_space(given)


def test_a_space_of_unknown_names_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'decay'"):
        checked_space({"decoy": [0, 1]})


def test_a_space_reads_as_json_gives_it() -> None:
    assert checked_space(json.loads('{"decay": [0, 2]}')) == {"decay": (0.0, 2.0)}


def test_a_journal_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputRefused, match="cannot write the journal of trials"):
        search(nearness, RELEASED, trials=3, journal=tmp_path / "file" / "trials.log")
