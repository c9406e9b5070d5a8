"""``av2a export``: kept answers in the formats of other tools."""

from dataclasses import replace
from pathlib import Path

import pytest

from av2a import exports
from tests.cli.calling import Call
from tests.detections import clip, park


@pytest.fixture
def kept(tmp_path: Path) -> list[Path]:
    """Two answers."""
    names = ("park", "street")
    for name in names:
        exports.write(replace(park(), clip=clip(path=Path(f"{name}.mp4"))), tmp_path / f"{name}.json")
    return [tmp_path / f"{name}.json" for name in names]


def test_an_answer_goes_into_each_named_format(av2a: Call, kept: list[Path], tmp_path: Path) -> None:
    files = [tmp_path / f"new.{ending}" for ending in ("eaf", "otio", "xml", "edl", "parquet", "labelstudio.json")]
    outcome = av2a("export", kept[0], *(word for file in files for word in ("-o", file)))
    assert (outcome.status, outcome.out) == (0, "")
    assert f"results: {', '.join(map(str, files))}" in outcome.err
    assert [len(exports.read_events(file)) for file in files] == [len(park())] * 6


def test_several_answers_go_into_one_file_or_into_one_each(av2a: Call, kept: list[Path], tmp_path: Path) -> None:
    outcome = av2a("export", *kept, "-o", tmp_path / "all.parquet", "-o", tmp_path / "{name}.txt")
    assert outcome.status == 0
    assert {row.filename for row in exports.read_events(tmp_path / "all.parquet")} == {"park.mp4", "street.mp4"}
    assert (tmp_path / "street.txt").read_text() == (tmp_path / "park.txt").read_text() != ""


def test_a_format_may_be_named(av2a: Call, kept: list[Path], tmp_path: Path) -> None:
    assert av2a("export", kept[0], "-o", tmp_path / "tasks.json", "--format", "label-studio").status == 0
    assert len(exports.read_events(tmp_path / "tasks.json")) == len(park())


def test_what_a_format_cannot_tell_is_said(av2a: Call, kept: list[Path], tmp_path: Path) -> None:
    outcome = av2a("export", kept[0], "-o", tmp_path / "park.youtube.txt", "-o", tmp_path / "park.eaf")
    assert outcome.status == 0
    assert outcome.err.count("only a summary") == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-o", "all.eaf"], "a .eaf file has the answer for one video: put {name} into its name, or take one of .csv"),
        (["-o", "all.doc"], "unknown output ending '.doc'"),
        (["-o", "all.csv", "--format", "elann"], "unknown format 'elann': did you mean 'elan'?"),
        ([], "no file to write: name one with -o"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    av2a: Call, kept: list[Path], tmp_path: Path, arguments: list[str], problem: str
) -> None:
    outcome = av2a("export", *kept, *arguments)
    assert outcome.status == 2
    assert problem in " ".join(outcome.err.split())


def test_an_answer_that_cannot_be_read_does_not_stop_the_others(av2a: Call, kept: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    outcome = av2a("export", tmp_path / "bad.json", *kept, "-o", tmp_path / "all.tsv")
    assert outcome.status == 1
    assert "1 of 3 answers failed" in outcome.err
    assert len(exports.read_events(tmp_path / "all.tsv")) == 2 * len(park())
    assert av2a("export", tmp_path / "bad.json", "-o", tmp_path / "none.tsv").status == 4
    assert not (tmp_path / "none.tsv").exists()


def test_a_file_that_is_there_is_kept_unless_overwriting_is_asked_for(
    av2a: Call, kept: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "all.csv").write_text("mine")
    assert av2a("export", *kept, "-o", tmp_path / "all.csv").status == 2
    assert (tmp_path / "all.csv").read_text() == "mine"
    assert av2a("export", *kept, "-o", tmp_path / "all.csv", "--overwrite").status == 0
