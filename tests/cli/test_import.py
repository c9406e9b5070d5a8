"""``av2a import``: annotations of other tools as one table, and as truth, annotations and predictions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from av2a import exports
from av2a.datasets.folder import read_folder, read_truth
from av2a.exports import label_studio
from av2a.research import prediction_table
from av2a.types import Modality
from tests.cli.calling import Call
from tests.detections import clip, park

IMPORTED = (
    *(".txt", ".eaf", ".textgrid", ".rttm", ".labelstudio.json", ".cvat.tsv", ".tsv", ".csv", ".json"),
    *(".parquet", ".otio", ".unav.json"),
)
HEADER = "filename\tonset\toffset\tevent_label\tmodality\n"


def test_a_file_becomes_a_table(av2a: Call, tmp_path: Path) -> None:
    exports.write(park(), tmp_path / "park.eaf")
    outcome = av2a("import", tmp_path / "park.eaf", "-o", tmp_path / "truth.tsv")
    assert (outcome.status, outcome.out) == (0, "")
    assert "5 events of 1 clip: " in outcome.err
    table = (tmp_path / "truth.tsv").read_text()
    assert table.startswith(HEADER)
    # As the document names it.
    assert "park.mp4\t3.000\t5.000\tdog barking\taudio\n" in table
    assert av2a("import", tmp_path / "park.eaf").out == table


def test_several_files_become_one_table_and_a_clip_without_events_keeps_its_row(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "park.txt").write_text("1.0\t2,5\tdog\n3.0\t3.0\ta point\n")
    (tmp_path / "street.txt").write_text("")
    outcome = av2a("import", tmp_path / "park.txt", tmp_path / "street.txt")
    assert outcome.out == f"{HEADER}park\t1.000\t2.500\tdog\t\nstreet\t\t\t\t\n"
    assert "park.txt: left out 1 row that end before they begin" in outcome.err
    assert "1 event of 2 clips" in outcome.err


def test_the_video_can_be_named_for_files_of_one_video(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "heard.txt").write_text("1.0\t2.5\theard: dog\n")
    (tmp_path / "seen.txt").write_text("")
    outcome = av2a("import", tmp_path / "heard.txt", tmp_path / "seen.txt", "--video", "park.mp4")
    assert outcome.out == f"{HEADER}park.mp4\t1.000\t2.500\tdog\taudio\npark.mp4\t\t\t\t\n"
    assert "1 event of 1 clip" in outcome.err
    exports.write_several([park(), replace(park(), clip=clip(path=Path("street.mp4")))], tmp_path / "both.csv")
    refused = av2a("import", tmp_path / "both.csv", "--video", "park.mp4")
    assert refused.status == 2 and "'both.csv' is about 2 videos: leave out --video" in refused.err


def test_a_file_about_a_video_that_was_renamed_is_about_the_clip_of_its_own_name(tmp_path: Path) -> None:
    exports.write(park(), tmp_path / "street.eaf")
    assert {name: len(events) for name, events in read_truth(tmp_path / "street.eaf", ["a/street"]).items()} == {
        "a/street": 5
    }
    assert len(read_truth(tmp_path / "street.eaf", ["street", "park"])["park"]) == 5
    assert read_truth(tmp_path / "street.eaf", ["alley"]) == {}


@pytest.mark.parametrize("ending", IMPORTED)
def test_a_file_names_its_video_whatever_letters_that_has(tmp_path: Path, ending: str) -> None:
    exports.write(replace(park(), clip=clip(path=Path("the park, 1 & 2_%20.mp4"))), tmp_path / f"corrected{ending}")
    names = [row.filename for row in exports.read_rows(tmp_path / f"corrected{ending}")]
    found = read_truth(tmp_path / f"corrected{ending}", ["a/the park, 1 & 2_%20", "a/other"])
    assert {name: len(events) for name, events in found.items()} == (
        {} if names[0] == "corrected" else {"a/the park, 1 & 2_%20": 5}
    )


def test_label_studios_export_has_what_people_drew(av2a: Call, tmp_path: Path) -> None:
    tasks = json.loads(label_studio.dumps(park()))
    [task] = tasks
    [region, *_] = task.pop("predictions")[0]["result"]
    drawn = {**region, "value": {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["siren · heard"]}}
    task["data"]["video"] = "/data/upload/1/0123abcd-the%20park.mp4"
    task["annotations"] = [{"result": [drawn]}, {"result": [region], "was_cancelled": True}]
    (tmp_path / "project-1.json").write_text(json.dumps(tasks))
    assert av2a("import", tmp_path / "project-1.json").out == f"{HEADER}the park.mp4\t1.000\t2.000\tsiren\taudio\n"


def test_a_wrong_file_is_refused_in_one_line_with_its_line(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "park.txt").write_text("1.0\t2.0\tdog\n-1.0\t2.0\tdog\n")
    outcome = av2a("import", tmp_path / "park.txt", "-o", tmp_path / "truth.tsv")
    assert outcome.status == 2
    assert "park.txt, line 2: a time must be a number of seconds" in " ".join(outcome.err.split())
    assert not (tmp_path / "truth.tsv").exists()


@pytest.mark.parametrize("ending", IMPORTED)
def test_every_format_is_taken_as_truth_as_annotations_and_as_predictions(tmp_path: Path, ending: str) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "park.mp4").write_bytes(b"")
    file = tmp_path / f"park{ending}"
    exports.write(park(), file)
    [found] = read_truth(file, ["park"]).values()
    assert {(each.label, each.modality, each.onset_seconds, each.offset_seconds) for each in found} >= {
        ("dog barking", Modality.AUDIO, 3.0, 5.0),
        ("dog barking", Modality.VISUAL, 0.0, 7.0),
    }
    dataset = read_folder(videos, truth=file)
    [clip] = dataset.clips
    assert clip.annotations == found
    table = prediction_table.read(file, dataset)
    assert table.predictions.masks[Modality.AUDIO][0].sum() == 2 + 3 + 2


def test_a_folder_may_have_a_file_for_each_clip(tmp_path: Path) -> None:
    (tmp_path / "videos" / "a").mkdir(parents=True)
    (tmp_path / "truth" / "a").mkdir(parents=True)
    for name in ("a/park", "street"):
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(b"")
    exports.write(park(), tmp_path / "truth" / "a" / "park.TextGrid")
    (tmp_path / "truth" / "street.txt").write_text("")
    (tmp_path / "truth" / "notes.txt").write_text("of another clip")
    dataset = read_folder(tmp_path / "videos", truth=tmp_path / "truth")
    assert {clip.name: len(clip.annotations or ()) for clip in dataset.clips} == {
        "a/park": 5,
        "street": 0,
    }


def test_truth_of_another_tool_is_drawn_and_scored(av2a: Call, video: Path, tmp_path: Path) -> None:
    (tmp_path / f"{video.stem}.txt").write_text("0.0\t2.0\tboth: dog barking\n")
    outcome = av2a(
        "detect", video, "-l", "dog barking", "--truth", tmp_path / f"{video.stem}.txt", "-o", tmp_path / "clip.html"
    )
    assert outcome.status == 0
    outcome = av2a(
        "evaluate",
        video.parent,
        "--annotations",
        tmp_path / f"{video.stem}.txt",
        "--predictions",
        tmp_path / f"{video.stem}.txt",
    )
    assert outcome.status == 0, outcome.err
    assert "100" in outcome.out
