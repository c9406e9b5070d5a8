"""``av2a detect --scores``: another model's scores in a backbone's place."""

import json
from pathlib import Path

import numpy as np
import pytest

from av2a.detector import detect
from av2a.exports.scores import read_scores, write_scores
from av2a.settings import PROFILES
from av2a.types import Modality
from av2a.world import NAMES
from tests.cli.calling import Call
from tests.small_world import world

__all__ = ["world"]  # fixtures

BARS = [
    word
    for name in ("category_threshold", "initial_threshold", "confidence_threshold")
    for word in ("--set", f"{name}=0.5")
]


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Two seconds; the second one barks."""
    write_scores(
        tmp_path / "clip.npz",
        ("dog barking", "speech"),
        np.array([[0.1, 0.1], [0.9, 0.1]]),
        np.array([[0.1, 0.2], [0.8, 0.1]]),
    )
    return tmp_path / "clip.npz"


def test_scores_from_a_file_answer_without_a_model(av2a: Call, video: Path, scores: Path) -> None:
    answer = json.loads(av2a("detect", video, "--scores", scores, "--json", *BARS).out)
    assert answer["backbone"]["name"] == "scores"
    assert {(event["label"], event["start"], event["end"]) for event in answer["events"]} == {("dog barking", 1.0, 2.0)}
    assert len(answer["events"]) == 3


def test_scores_have_defaults_of_their_own(av2a: Call, video: Path, scores: Path) -> None:
    used = json.loads(av2a("detect", video, "--scores", scores, "--json").out)["settings"]
    assert used == PROFILES["scores"].as_dict()


def test_the_names_asked_for_choose_among_the_file_s(av2a: Call, video: Path, scores: Path) -> None:
    outcome = av2a("detect", video, "--scores", scores, "-l", "speech", "--json", *BARS)
    assert json.loads(outcome.out)["labels"] == ["speech"]
    outcome = av2a("detect", video, "--scores", scores, "-l", "speach", *BARS)
    assert outcome.status == 2
    assert "did you mean 'speech'?" in outcome.err


def test_each_video_has_its_own_file(av2a: Call, video: Path, silence: Path, scores: Path) -> None:
    outcome = av2a("detect", video, silence, "--scores", scores.parent / "{name}.npz", *BARS)
    assert outcome.status == 1
    assert "no such file of scores" in outcome.err
    assert "dog barking" in outcome.out
    assert av2a("detect", video, silence, "--scores", scores, *BARS).status == 2


def test_rows_that_do_not_cover_the_video_are_refused(av2a: Call, video: Path, scores: Path) -> None:
    outcome = av2a("detect", video, "--scores", scores, "--set", "segment_seconds=0.5", *BARS)
    assert outcome.status == 4
    assert "has 2 rows, and the clip of 2 s has 4 segments of 0.5 s (rounded half up, at least 1)" in outcome.err


def test_the_scores_of_a_public_report_fit_their_clip(av2a: Call, shared: Path) -> None:
    video = shared / "cases" / "17_10.0336s.wav"
    assert av2a("detect", video, "--scores", shared / "cases" / "17_scores.npz", *BARS).status == 0
    outcome = av2a("detect", video, "--scores", shared / "cases" / "16_scores_11_rows.npz", *BARS)
    assert outcome.status == 4
    assert "16_scores_11_rows.npz has 11 rows, and the clip of 10.033 s has 10 segments" in outcome.err


def test_a_backbone_beside_scores_is_refused(av2a: Call, video: Path, scores: Path) -> None:
    outcome = av2a("detect", video, "--scores", scores, "--backbone", "clip-clap", *BARS)
    assert outcome.status == 2
    assert "leave --backbone out" in outcome.err


def test_a_dry_run_fails_where_the_run_would(av2a: Call, video: Path, scores: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.npz"
    write_scores(short, ("dog",), np.array([[0.1]]), np.array([[0.1]]))
    for file, status in ((scores, 0), (short, 4), (tmp_path / "gone.npz", 2)):
        run, dry = (av2a("detect", video, "--scores", file, *BARS, *more) for more in ((), ("--dry-run",)))
        assert (run.status, dry.status) == (status, status)
        assert ("error[" in run.err) == (status != 0)
        assert [line for line in run.err.splitlines() if "error[" in line] == dry.err.splitlines()


def test_saved_scores_are_those_of_the_answer_and_are_read_back(av2a: Call, video: Path, tmp_path: Path) -> None:
    saved = tmp_path / "new" / "clip.npz"
    words = ("detect", video, "-l", "dog barking, violin")
    outcome = av2a(*words, "--save-scores", tmp_path / "new" / "{name}.npz", "-o", tmp_path / "a.json")
    assert outcome.status == 0
    assert f"results: {tmp_path / 'a.json'}, {saved}" in outcome.err
    file = read_scores(saved)
    [detection] = [detect(video, ["dog barking", "violin"], "mini")]
    assert file.labels == detection.labels
    for modality, scores in ((Modality.AUDIO, file.scored.audio), (Modality.VISUAL, file.scored.visual)):
        [trace] = [trace for trace in detection.traces if trace.modality is modality]
        assert scores.segments == pytest.approx(trace.scores, abs=1e-6, nan_ok=True)
    again = json.loads(av2a("detect", video, "--scores", saved, "--json", *BARS).out)
    assert again["labels"] == ["dog barking", "violin"]


def test_scores_of_labels_that_were_not_selected_are_saved_too(av2a: Call, world: Path, tmp_path: Path) -> None:
    clip = sorted(world.glob("*.mp4"))[0]
    saved = tmp_path / "clip.npz"
    assert av2a("detect", clip, "-l", ", ".join(NAMES), "--save-scores", saved).status == 0
    scored = read_scores(saved)
    traces = {trace.modality: trace for trace in detect(clip, scored.labels, "mini").traces}
    heard = traces[Modality.AUDIO]
    assert heard.kept.any() and not heard.kept.all()
    assert scored.scored.audio.segments == pytest.approx(heard.scores, abs=1e-6)
    again = json.loads(av2a("detect", clip, "--scores", saved, "--profile", "practical", "--json").out)
    selected = {
        label for trace in traces.values() for label, kept in zip(scored.labels, trace.kept, strict=True) if kept
    }
    assert {event["label"] for event in again["events"]} <= selected


def test_saved_scores_are_refused_where_other_outputs_would_be(
    av2a: Call, video: Path, silence: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.npz").write_text("mine")
    for words, code in (
        ((video, "--save-scores", tmp_path / "a.npz"), "E_OUTPUT"),
        ((video, "--save-scores", tmp_path / "a.csv"), "E_UNKNOWN_NAME"),
        ((video, "-o", tmp_path / "b.npz"), "E_UNKNOWN_NAME"),
        ((video, silence, "--save-scores", tmp_path / "b.npz"), "E_OUTPUT"),
    ):
        outcome = av2a("detect", *words, "-l", "dog")
        assert (outcome.status, outcome.out) == (2, "")
        assert f"error[{code}]" in outcome.err
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".npz"] == ["a.npz"]
