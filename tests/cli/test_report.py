"""``av2a report``: outputs from kept answers are those that the run itself would have written."""

import json
from pathlib import Path

import pytest

from av2a.world import make_scene, write_clip
from tests.cli.calling import Call

LABELS = ("-l", "dog barking, violin, rain falling")


@pytest.fixture
def kept(av2a: Call, tmp_path: Path) -> Path:
    """An answer beside its video."""
    write_clip(make_scene(3, duration_seconds=4), tmp_path / "scene.mp4")
    assert av2a("detect", tmp_path / "scene.mp4", *LABELS, "-o", tmp_path / "scene.json").status == 0
    return tmp_path / "scene.json"


def test_every_output_is_made_without_the_video(av2a: Call, kept: Path, tmp_path: Path) -> None:
    video = kept.with_suffix(".mp4")
    run = av2a(
        "detect", video, *LABELS, "-o", tmp_path / "run.csv", "-o", tmp_path / "run.vtt", "-o", tmp_path / "run.svg"
    )
    video.unlink()
    made = [
        word for ending in ("csv", "vtt", "svg", "html", "json") for word in ("-o", tmp_path / "new" / f"made.{ending}")
    ]
    outcome = av2a("report", kept, *made)
    assert (outcome.status, outcome.out) == (0, run.out)
    for ending in ("csv", "vtt", "svg"):
        assert (tmp_path / "new" / f"made.{ending}").read_bytes() == (tmp_path / f"run.{ending}").read_bytes()
    assert json.loads((tmp_path / "new" / "made.json").read_text()) == json.loads(kept.read_text())
    assert "violin" in (tmp_path / "new" / "made.html").read_text()


def test_a_page_has_the_video_that_lies_beside_the_answer(av2a: Call, kept: Path, tmp_path: Path) -> None:
    assert av2a("report", kept, "-o", tmp_path / "with.html").status == 0
    kept.with_suffix(".mp4").write_bytes(b"another file")
    assert av2a("report", kept, "-o", tmp_path / "without.html").status == 0
    assert "base64" in (tmp_path / "with.html").read_text()
    assert "data:video" not in (tmp_path / "without.html").read_text()


def test_an_answer_that_cannot_be_read_does_not_stop_the_others(av2a: Call, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    outcome = av2a("report", tmp_path / "bad.json", tmp_path / "scenee.json", kept, "-o", tmp_path / "{name}.vtt")
    assert outcome.status == 1
    assert "error[E_MEDIA_FORMAT]: not an av2a detection" in outcome.err
    assert "did you mean" in outcome.err
    assert "2 of 3 files failed" in outcome.err
    assert (tmp_path / "scene.vtt").exists()


def test_an_existing_file_is_kept(av2a: Call, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("mine")
    outcome = av2a("report", kept, "-o", tmp_path / "a.html")
    assert (outcome.status, outcome.out) == (2, "")
    assert (tmp_path / "a.html").read_text() == "mine"
    assert av2a("report", kept, "-o", kept, "--overwrite").status == 2


def test_truth_is_drawn_where_it_is_named(av2a: Call, kept: Path, tmp_path: Path) -> None:
    table = tmp_path / "truth.tsv"
    table.write_text("filename\tonset\toffset\tevent_label\nscene.mp4\t0\t2\tviolin\n")
    assert "truth" in av2a("report", kept, "--truth", table).out
    assert "truth" not in av2a("report", kept).out
