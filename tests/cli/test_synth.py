import csv
from pathlib import Path

from tests.cli.calling import Call


def test_clips_and_annotations_are_written(av2a: Call, tmp_path: Path) -> None:
    folder = tmp_path / "world"
    outcome = av2a("synth", folder, "--clips", "2", "--seed", "7", "--seconds", "2")
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err == f"results: 2 clips and their annotations in {folder}\n"
    assert sorted(path.name for path in folder.glob("*.mp4")) == ["syn000007_0_2.mp4", "syn000008_0_2.mp4"]
    for name in ("eval_audio.tsv", "eval_visual.tsv"):
        with (folder / name).open(newline="", encoding="utf-8") as file:
            assert next(csv.reader(file, delimiter="\t")) == ["filename", "onset", "offset", "event_labels"]


def test_a_folder_that_holds_something_is_left_alone(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    outcome = av2a("synth", tmp_path, "--clips", "1")
    assert outcome.status == 2
    assert outcome.err.startswith("av2a: error[E_OUTPUT]: ")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
