"""``av2a evaluate`` as a user calls it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a.cli.dataset_options import DatasetSettingOptions
from av2a.datasets import Dataset, LabelledClip, Task, open_dataset
from av2a.exports.scores import write_scores
from av2a.settings import Settings, ValidationRule
from tests.cli.calling import Call
from tests.media_makers import cut
from tests.small_world import CLIPS, world

__all__ = ["world"]  # fixtures


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all calls: their clips are encoded once."""
    return tmp_path_factory.mktemp("kept") / "store"


def measured(av2a: Call, *words: str | Path) -> dict[str, Any]:
    outcome = av2a("evaluate", *words, "--json")
    assert outcome.status == 0, outcome.err
    answer: dict[str, Any] = json.loads(outcome.out)
    return answer


def test_a_folder_with_its_truth_is_measured(av2a: Call, world: Path, kept: Path) -> None:
    outcome = av2a("evaluate", world, "--store", kept)
    assert outcome.status == 0
    title, _, heading, segments, events, released, *_ = outcome.out.splitlines()
    assert title == f"clips, all: {CLIPS} of {CLIPS} videos"
    assert heading.split()[-5:] == ["audio", "visual", "both", "Type@AV", "Event@AV"]
    assert segments.startswith("segments, audio as predicted ")
    assert events.startswith("events, audio as predicted ")
    assert released.startswith("segments, audio := visual, as released ")
    assert "mini (mini-visual, mini-audio, 852,974 parameters), float32 on cpu\n" in outcome.err
    assert "profile practical: audio_weight=0.5, category_threshold=0.976" in outcome.err
    assert "\x1b" not in outcome.out + outcome.err


def test_another_run_encodes_nothing(av2a: Call, world: Path, kept: Path) -> None:
    measured(av2a, world, "--store", kept)
    again = measured(av2a, world, "--store", kept, "--set", "initial_threshold=0.5")
    assert again["timing"]["observed_videos"] == 0
    assert again["settings"]["initial_threshold"] == 0.5


def test_the_same_call_gives_the_same_answer_but_for_the_timing(av2a: Call, world: Path, kept: Path) -> None:
    first, second = (measured(av2a, world, "--store", kept) | {"timing": None} for _ in range(2))
    assert first == second


def test_without_a_store_the_numbers_are_the_same_and_nothing_is_kept(
    av2a: Call, world: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AV2A_CACHE", str(tmp_path / "cache"))
    words = (world, "--clips", "2")
    assert measured(av2a, *words, "--no-store")["numbers"] == measured(av2a, *words, "--store", kept)["numbers"]
    assert not (tmp_path / "cache" / "embeddings").exists()


def test_the_cache_is_the_store_unless_another_is_named(
    av2a: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AV2A_CACHE", str(tmp_path))
    measured(av2a, world, "--clips", "1", "--only-asked")
    assert len(list((tmp_path / "embeddings").rglob("*.safetensors"))) == 1


def test_files_are_written_and_named_in_the_last_line(av2a: Call, world: Path, kept: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"result{ending}" for ending in (".json", ".csv", ".md")]
    words = [word for path in paths for word in ("-o", path)]
    found = tmp_path / "found.tsv"
    outcome = av2a("evaluate", world, "--store", kept, *words, "--save-predictions", found, "-q")
    assert (outcome.status, outcome.err) == (0, "")
    assert sorted(tmp_path.iterdir()) == sorted([*paths, found])
    again = av2a("evaluate", world, "--store", kept, *words, "--save-predictions", found, "--overwrite")
    assert again.err.splitlines()[-1] == f"results: {', '.join(map(str, [*paths, found]))}"


def test_saved_predictions_score_as_they_were_measured(av2a: Call, world: Path, kept: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.tsv"
    first = measured(av2a, world, "--store", kept, "--save-predictions", found)
    scored = measured(av2a, world, "--predictions", found)
    assert scored["numbers"] == first["numbers"]
    assert scored["numbers_as_released"] == first["numbers_as_released"]
    assert (scored["backbone"], scored["timing"], scored["settings"]) == (None, None, None)


def test_other_people_s_predictions_are_scored_with_all_that_is_odd_about_them_said(
    av2a: Call, world: Path, tmp_path: Path
) -> None:
    names = [clip.name for clip in open_dataset(world).clips]
    label = open_dataset(world).categories[0]
    theirs = tmp_path / "theirs.tsv"
    rows = [f"{names[0]}\t0\t10\t{label}\taudio", f"{names[0]}\t0\t1\tno such\taudio", f"nobody\t0\t1\t{label}\taudio"]
    theirs.write_text("filename\tonset\toffset\tevent_label\tmodality\n" + "".join(f"{row}\n" for row in rows))
    outcome = av2a("evaluate", world, "--predictions", theirs, "--json")
    assert outcome.status == 0
    for said in ("1 row with a label that is no category", "not in clips all (nobody)", "3 clips not named"):
        assert said in outcome.err
    assert json.loads(outcome.out)["videos"] == CLIPS
    only = measured(av2a, world, "--predictions", theirs, "--only-named")
    assert (only["videos"], len(only["left_out"])) == (1, CLIPS - 1)


def test_the_first_clips_are_told_from_all(av2a: Call, world: Path, kept: Path) -> None:
    outcome = av2a("evaluate", world, "--store", kept, "--clips", "2")
    assert outcome.out.splitlines()[0] == f"clips, all: 2 of the first 2 of {CLIPS} videos"


def test_predictions_of_other_clips_are_no_input(av2a: Call, world: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.tsv"
    theirs.write_text("filename\tonset\toffset\tevent_label\tmodality\nnobody\t0\t1\tdog\taudio\n")
    outcome = av2a("evaluate", world, "--predictions", theirs)
    assert (outcome.status, outcome.out) == (4, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("av2a: error[E_MEDIA]: not even the one clip named in ")
    assert line.endswith(" is in clips all: check --split and names")


def test_a_settings_file_as_any_result_holds_it_is_taken(av2a: Call, world: Path, kept: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    av2a("evaluate", world, "--store", kept, "--clips", "1", "--set", "decay=0.125", "-o", first)
    assert measured(av2a, world, "--store", kept, "--clips", "1", "--settings", first)["settings"]["decay"] == 0.125
    printed = tmp_path / "printed.json"
    printed.write_text(av2a("detect", "--settings", first, "--print-settings").out)
    assert measured(av2a, world, "--store", kept, "--clips", "1", "--settings", printed)["settings"]["decay"] == 0.125


def test_names_may_be_asked_of_a_folder(av2a: Call, world: Path, kept: Path) -> None:
    answer = measured(av2a, world, "--store", kept, "--clips", "1", "-l", "violin, piano", "-l", "rain falling")
    assert [each["category"] for each in answer["per_category"]] == ["violin", "piano", "rain falling"]


def test_the_built_in_world_is_rendered_where_it_is_missing(av2a: Call, tmp_path: Path, kept: Path) -> None:
    words = ("synthetic", "--clips", "1", "--videos", tmp_path, "--store", kept)
    assert measured(av2a, *words)["dataset"] == "synthetic"
    [clip] = tmp_path.rglob("*.mp4")
    before = clip.stat().st_mtime_ns
    measured(av2a, *words)
    assert clip.stat().st_mtime_ns == before


# What goes wrong.


def test_a_broken_video_is_counted_and_named_and_stops_no_other(
    av2a: Call, world: Path, kept: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(world, folder)
    broken, missing, *_ = sorted(folder.glob("*.mp4"))
    broken.write_text("text")
    missing.unlink()
    outcome = av2a("evaluate", folder, "--store", kept, "--json")
    assert outcome.status == 1
    answer = json.loads(outcome.out)
    assert (answer["videos"], answer["total"]) == (CLIPS - 2, CLIPS)
    assert {each["name"] for each in answer["left_out"]} == {broken.stem, missing.stem}
    assert f"1 video left out ({missing.stem}): no video available" in outcome.err
    assert outcome.err.splitlines()[-1] == f"av2a: 1 of {CLIPS} videos failed: {broken.stem}"


def test_a_video_that_is_cut_short_counts_and_that_is_said(av2a: Call, world: Path, kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(world, folder)
    short, *_ = sorted(folder.glob("*.mp4"))
    cut(short, short, share=0.5)
    answer = measured(av2a, folder, "--store", kept)
    assert answer["videos"] == CLIPS
    assert any(remark.startswith(f"1 video ({short.stem}): ") for remark in answer["remarks"])


def test_a_folder_without_any_usable_video_is_no_input(av2a: Call, world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(world, folder)
    for path in folder.glob("*.mp4"):
        path.write_text("text")
    outcome = av2a("evaluate", folder, "-o", tmp_path / "result.json", "-q")
    assert (outcome.status, outcome.out) == (4, "")
    assert outcome.err.startswith("av2a: error[E_MEDIA]: nothing to measure of mine, all: ")
    assert not (tmp_path / "result.json").exists()


def test_a_folder_without_truth_has_nothing_to_be_measured_by(av2a: Call, video: Path) -> None:
    outcome = av2a("evaluate", video.parent, "--no-store")
    assert outcome.status == 2
    assert "names no events to look for: give it annotations, or names with --events" in outcome.err
    named = av2a("evaluate", video.parent, "--no-store", "-l", "siren", "-q")
    assert named.status == 4
    assert "1 video left out (clip): what happens in it is not known" in named.err


def test_a_store_that_cannot_be_written_is_one_line(av2a: Call, world: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = av2a("evaluate", world, "--store", tmp_path / "file", "-q")
    assert (outcome.status, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("av2a: error[E_OUTPUT]: cannot write into the store ")


BAD_CALLS = [
    (["lpl"], "error[E_UNKNOWN_NAME]: unknown dataset 'lpl': did you mean 'llp'?"),
    (["{world}", "--split", "test"], "error[E_USAGE]: a folder of videos has no split 'test'"),
    (["{world}", "--profile", "relesed"], "error[E_UNKNOWN_NAME]: unknown profile 'relesed'"),
    (["{world}", "--set", "decay=-1"], "error[E_SETTING]: decay must be 0 or more"),
    (["{world}", "-o", "a.xml"], "error[E_UNKNOWN_NAME]: unknown output ending '.xml'"),
    (["{world}", "--save-predictions", "a.csv"], "error[E_UNKNOWN_NAME]: unknown output ending '.csv'"),
    (["{world}", "--predictions", "gone.tsv"], "error[E_NO_SUCH_FILE]: no table of predictions at 'gone.tsv'"),
    (["{world}", "--only-named"], "error[E_USAGE]: --only-named is about a file of predictions"),
    (["{world}", "--store", "x", "--no-store"], "error[E_USAGE]: --store and --no-store exclude each other"),
    (["{world}", "--clips", "0"], "error[E_USAGE]: invalid value for '--clips'"),
    (["synthetic", "--events", "dog"], "error[E_USAGE]: synthetic has its own categories"),
    (["{world}", "--backbone", "minni"], "error[E_UNKNOWN_NAME]: unknown backbone 'minni'"),
]


@pytest.mark.parametrize(("words", "line"), BAD_CALLS, ids=[line[6:60] for _, line in BAD_CALLS])
def test_a_call_that_cannot_be_meant_is_one_line_and_status_two(
    av2a: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = av2a("evaluate", *(word.replace("{world}", str(world)) for word in words))
    assert (outcome.status, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.err.startswith(f"av2a: {line}")
    assert list(tmp_path.iterdir()) == []


# What public reports brought up.


NOTHING_HAPPENS = {
    "a name alone": "{name}\n",
    "empty fields": "{name}.mp4\t\t\t\t\n",
    "no label": "{name}\t1\t2\t\taudio\n",
    "no row": "",
}


@pytest.mark.parametrize("row", NOTHING_HAPPENS.values(), ids=NOTHING_HAPPENS.keys())
def test_a_truth_in_which_nothing_happens_is_refused_alike_by_all(
    av2a: Call, world: Path, tmp_path: Path, row: str
) -> None:
    name = open_dataset(world).clips[0].name
    truth, theirs, scores = tmp_path / "truth.tsv", tmp_path / "theirs.tsv", tmp_path / "scores"
    header = "filename\tonset\toffset\tevent_label\tmodality\n"
    truth.write_text(header + row.format(name=name))
    theirs.write_text(f"{header}{name}\t1\t2\tdog barking\taudio\n")
    scores.mkdir()
    write_scores(scores / f"{name}.npz", ("dog barking",), np.ones((10, 1)), np.ones((10, 1)))
    words = [world, "--annotations", truth, "--store", tmp_path / "store"]
    said = {av2a(*command, *words).err for command in (["evaluate"], ["tune"], ["ablate"], ["compare-fusion"])} | {
        av2a("evaluate", *words, option, value).err
        for option, value in (("--predictions", theirs), ("--scores", scores))
    }
    [line] = said
    assert (
        line
        == "av2a: error[E_LABELS]: clips names no events to look for: give it annotations, or names with --events\n"
    )
    named = av2a("evaluate", *words, "--predictions", theirs, "--events", "dog barking", "--json")
    assert named.status == (0 if row else 4)


def test_the_truth_of_a_public_report_in_which_nothing_happens_is_refused(
    av2a: Call, world: Path, tmp_path: Path, shared: Path
) -> None:
    cases = shared / "cases"
    outcome = av2a(
        "evaluate",
        world,
        "--annotations",
        cases / "02_nothing_happens.tsv",
        "--predictions",
        cases / "02_predictions.tsv",
    )
    assert (outcome.status, "error[E_LABELS]" in outcome.err) == (2, True)


def test_truth_and_predictions_beyond_the_end_count_as_if_cut_there(
    av2a: Call, world: Path, kept: Path, tmp_path: Path
) -> None:
    name = open_dataset(world).clips[0].name
    header = "filename\tonset\toffset\tevent_label\tmodality\n"

    def table(file: str, *times: tuple[float, float]) -> Path:
        path = tmp_path / file
        path.write_text(header + "".join(f"{name}.mp4\t{on}\t{off}\tcow mooing\taudio\n" for on, off in times))
        return path

    whole, beyond = table("whole.tsv", (2, 4), (7, 10)), table("beyond.tsv", (2, 4), (7, 16), (11, 12))
    found, found_beyond = table("found.tsv", (7, 10)), table("found_beyond.tsv", (7, 14), (12, 14))

    def numbers(truth: Path, *words: str | Path) -> dict[str, Any]:
        answer = measured(av2a, world, "--annotations", truth, "--store", kept, *words)
        assert ("cut 1 annotation reaching beyond the clip's end" in " ".join(answer["remarks"])) is (truth == beyond)
        cut = "found_beyond.tsv: cut 1 row reaching beyond the clip's end (line 2)"
        assert (cut in answer["remarks"]) is (found_beyond in words)
        numbers: dict[str, Any] = answer["numbers"]
        return numbers

    assert numbers(whole) == numbers(beyond)
    right = numbers(whole, "--predictions", found)
    assert right["segment_audio"] == 75.0
    for truth, theirs in ((whole, found_beyond), (beyond, found), (beyond, found_beyond)):
        assert numbers(truth, "--predictions", theirs) == right


def test_rows_of_scores_are_counted_by_the_length_of_each_video(av2a: Call, world: Path, tmp_path: Path) -> None:
    for rows in (10, 11):
        for clip in open_dataset(world).clips:
            write_scores(
                tmp_path / f"{clip.name}.npz", ("dog barking",), np.ones((rows, 1)), np.ones((rows, 1)), overwrite=True
            )
        outcome = av2a("evaluate", world, "--events", "dog barking", "--scores", tmp_path, "--json")
        assert outcome.status == (0 if rows == 10 else 4)
    assert (
        "error[E_SCORES]" in outcome.err and "has 11 rows, and the clip of 10 s has 10 segments of 1 s" in outcome.err
    )


# Settings of a data set.


def dataset_settings(
    dataset: Dataset, profile: str | None, file: Path | None, assignments: list[str], *, backbone: str
) -> Settings:
    return DatasetSettingOptions(profile, file, assignments).for_dataset(dataset, backbone)


def ave_like(name: str = "ave") -> Dataset:
    return Dataset(name, "test", Task.LOCALIZATION, ("a",), ("a",), (LabelledClip("x", None, ()),))


def test_a_published_benchmark_has_the_released_profile_unless_told_otherwise(tmp_path: Path) -> None:
    own = dataset_settings(ave_like(), None, None, [], backbone="clip-clap")
    assert (own.profile, own.decay, own.validation_rule) == ("released", 1.0, ValidationRule.ARGMAX)
    told = dataset_settings(ave_like(), "practical", None, [], backbone="clip-clap")
    assert (told.profile, told.validation_rule) == ("practical", ValidationRule.CONFIDENCE)
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"profile": "paper", "decay": 0.5}))
    filed = dataset_settings(ave_like(), None, file, [], backbone="clip-clap")
    assert (filed.profile, filed.decay, filed.validation_rule) == ("paper", 0.5, ValidationRule.ARGMAX)


def test_what_a_user_says_of_validation_stands(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"validation_rule": "confidence"}))
    assert dataset_settings(ave_like(), None, file, [], backbone="mini").validation_rule is ValidationRule.CONFIDENCE
    said = dataset_settings(ave_like(), None, None, ["validation_rule=confidence"], backbone="mini")
    assert said.validation_rule is ValidationRule.CONFIDENCE


def test_another_model_s_scores_are_measured_without_a_model(av2a: Call, world: Path, tmp_path: Path) -> None:
    for clip in open_dataset(str(world)).clips:
        rows = np.full((10, 2), 0.1)
        rows[2:5, 0] = 0.9
        write_scores(tmp_path / f"{clip.name}.npz", ("dog barking", "violin"), rows, rows)
    answer = measured(
        av2a, world, "--events", "dog barking,violin", "--scores", tmp_path, "--set", "initial_threshold=0.5"
    )
    assert answer["videos"] == CLIPS
    assert (answer["backbone"], answer["scores"], answer["predictions"]) == (None, str(tmp_path), None)
    both = av2a("evaluate", world, "--scores", tmp_path, "--predictions", tmp_path / "theirs.tsv")
    assert both.status == 2
    assert "give one of the two" in both.err


def test_a_record_of_all_settings_does_not_bring_another_task_s_validation(tmp_path: Path) -> None:
    ave = Dataset("ave", "test", Task.LOCALIZATION, ("Dog",), ("dog",), ())
    whole = Settings.released().as_dict()
    (tmp_path / "tuned.json").write_text(json.dumps(whole), encoding="utf-8")
    (tmp_path / "mine.json").write_text(
        json.dumps({"profile": "released", "validation_rule": "confidence"}), encoding="utf-8"
    )

    def rule(file: str, *assignments: str) -> ValidationRule:
        return dataset_settings(ave, None, tmp_path / file, list(assignments), backbone="clip-clap").validation_rule

    assert rule("tuned.json") is ValidationRule.ARGMAX
    assert rule("tuned.json", "validation_rule=confidence") is ValidationRule.CONFIDENCE
    assert rule("mine.json") is ValidationRule.CONFIDENCE
