"""LLP and AVE as ``av2a evaluate`` takes them: their names, annotation lines and settings, on generated clips in the videos' place."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from av2a.datasets import open_dataset
from tests.cli.calling import Call
from tests.media_makers import write_wave
from tests.small_world import world

__all__ = ["world"]  # fixtures


def stand_in(benchmark: str, annotations: Path, world: Path, folder: Path) -> list[str]:
    """Generated clips under the names of the first clips of a benchmark's test split."""
    videos = sorted(world.glob("*.mp4"))
    names = [clip.name for clip in open_dataset(benchmark, annotations=annotations).clips[: len(videos)]]
    folder.mkdir()
    for name, video in zip(names, videos, strict=True):
        shutil.copy(video, folder / f"{name}.mp4")
    return names


def test_llp_is_evaluated_as_released_with_both_readings_of_audio(
    av2a: Call, shared: Path, world: Path, tmp_path: Path
) -> None:
    annotations = shared / "annotations" / "llp"
    names = stand_in("llp", annotations, world, tmp_path / "videos")
    words = [
        "evaluate",
        "llp",
        "--annotations",
        annotations,
        "--videos",
        tmp_path / "videos",
        "--store",
        tmp_path / "s",
    ]
    outcome = av2a(*words, "--save-predictions", tmp_path / "found.tsv", "--json")
    assert outcome.status == 0
    answer = json.loads(outcome.out)
    assert (answer["videos"], answer["total"]) == (len(names), 1200)
    assert (answer["profile"], answer["settings"]["sampling"]) == ("released", "index")
    assert len(answer["per_category"]) == 25
    assert answer["numbers"]["segment_visual"] == answer["numbers_as_released"]["segment_visual"]
    assert "1196 videos left out" in outcome.err
    scored = av2a(*words[:4], "--predictions", tmp_path / "found.tsv", "--only-named", "--json")
    assert json.loads(scored.out)["numbers"] == answer["numbers"]


def test_ave_is_evaluated_in_its_four_readings(av2a: Call, shared: Path, world: Path, tmp_path: Path) -> None:
    annotations = shared / "annotations" / "ave"
    names = stand_in("ave", annotations, world, tmp_path / "videos")
    words = [
        "evaluate",
        "ave",
        "--annotations",
        annotations,
        "--videos",
        tmp_path / "videos",
        "--store",
        tmp_path / "s",
    ]
    outcome = av2a(*words, "--save-predictions", tmp_path / "found.tsv", "--json")
    assert outcome.status == 0
    answer = json.loads(outcome.out)
    assert (answer["videos"], answer["total"]) == (len(names), 402)
    assert answer["settings"]["validation_rule"] == "argmax"
    assert [(each["truth"], each["timeline"]) for each in answer["accuracy"]] == [
        ("listed", "first_candidate"),
        ("listed", "every_candidate"),
        ("first_annotation", "first_candidate"),
        ("first_annotation", "every_candidate"),
    ]
    scored = av2a(*words[:4], "--predictions", tmp_path / "found.tsv", "--only-named", "--json")
    assert json.loads(scored.out)["accuracy"] == answer["accuracy"]


def test_nobody_s_predictions_of_ave_score_the_background(av2a: Call, shared: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.tsv"
    empty.write_text("filename\tonset\toffset\tevent_label\n")
    words = ["evaluate", "ave", "--annotations", shared / "annotations" / "ave", "--predictions", empty, "--json"]
    answer = json.loads(av2a(*words).out)
    assert answer["videos"] == 402
    assert round(answer["accuracy"][0]["accuracy"], 2) == 17.79


def test_nobody_s_predictions_of_llp_score_what_the_fact_sheet_says(av2a: Call, shared: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.tsv"
    empty.write_text("filename\tonset\toffset\tevent_label\tmodality\n")
    words = ["evaluate", "llp", "--annotations", shared / "annotations" / "llp", "--predictions", empty, "--json"]
    numbers = json.loads(av2a(*words).out)["numbers"]
    names = ("segment_audio", "segment_visual", "segment_audio_visual", "segment_type", "segment_event")
    assert [round(numbers[name], 1) for name in names] == [0.5, 10.1, 14.5, 8.4, 0.0]


def test_a_training_clip_has_predictions_and_no_numbers(av2a: Call, shared: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(shared / "media" / "dog_and_speech.mp4", videos / "BjCEufrlXm4_20_30.mp4")
    annotations = shared / "annotations" / "llp"
    words = ["evaluate", "llp", "--split", "train", "--annotations", annotations, "--videos", videos, "--no-store"]
    found = tmp_path / "found.tsv"
    outcome = av2a(*words, "--set", "initial_threshold=0.5", "--save-predictions", found)
    assert outcome.status == 0
    assert outcome.out.splitlines() == ["llp, train: predictions of 1 of 10000 videos; none has a known truth"]
    assert "predictions of 1 video saved; none has a known truth" in outcome.err
    assert {line.split("\t")[0] for line in found.read_text().splitlines()[1:]} == {"BjCEufrlXm4_20_30"}
    assert "mini knows only the generated world" in outcome.err
    without = av2a(*words)
    assert without.status == 4
    assert "what happens in it is not known" in without.err


@pytest.mark.parametrize("profile", ["released", "practical"])
def test_a_clip_that_is_shorter_than_annotated_or_has_no_picture_counts_all_the_same(
    av2a: Call, shared: Path, tmp_path: Path, profile: str
) -> None:

    annotations = shared / "annotations" / "llp"
    name = open_dataset("llp", annotations=annotations).clips[0].name
    sound = 0.1 * np.random.default_rng(0).normal(size=(1, 16_000 * 7))
    (tmp_path / "videos").mkdir()
    write_wave(tmp_path / "videos" / f"{name}.wav", sound, 16_000, sample_bytes=2)
    words = ["evaluate", "llp", "--annotations", annotations, "--videos", tmp_path / "videos", "--no-store"]
    outcome = av2a(*words, "--profile", profile, "--json")
    assert outcome.status == 0
    answer = json.loads(outcome.out)
    assert answer["videos"] == 1
    assert f"1 video without a picture, in which nothing is seen ({name})" in answer["remarks"]
