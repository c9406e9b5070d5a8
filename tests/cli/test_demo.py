import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from av2a.cli.demo import scene_truth
from av2a.installation import install_command
from av2a.types import Modality
from av2a.world import demo_scene
from tests.cli.calling import Call, Outcome, shell


@dataclass(frozen=True)
class Run:
    """A finished demo."""

    folder: Path
    outcome: Outcome


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo in a folder that it has to make."""
    folder = tmp_path_factory.mktemp("demo") / "made" / "av2a-demo"
    return Run(folder, shell("demo", "-o", folder))


def test_the_demo_writes_every_format_and_shows_the_truth(run: Run) -> None:
    assert run.outcome.status == 0
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "demo.csv", "demo.html", "demo.json", "demo.mp4", "demo.png", "demo.vtt",
    ]  # fmt: skip
    assert "truth" in run.outcome.out
    assert "══" in run.outcome.out


def printed_steps(run: Run) -> list[list[str]]:
    """The commands that the demo prints, as a shell splits them."""
    return [shlex.split(line) for line in run.outcome.err.splitlines() if line.startswith("  ")]


def test_the_demo_says_what_to_do_next_and_where_the_results_are(run: Run) -> None:
    last = run.outcome.err.splitlines()[-1]
    assert last.startswith(f"results: {run.folder / 'demo.mp4'}, {run.folder / 'demo.json'}, ")


def test_the_next_step_that_is_printed_works_when_it_is_copied(run: Run, tmp_path: Path) -> None:
    same_video, own_video = printed_steps(run)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    copied = subprocess.run(same_video, env=bare, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert copied.returncode == 0, copied.stderr
    assert "dog barking" in copied.stdout
    assert own_video[0] == same_video[0]
    assert own_video[1:3] == ["detect", "my.mp4"]


def test_without_the_models_the_next_step_says_how_to_install_them(tmp_path: Path) -> None:
    outcome = shell(
        "demo",
        "-o",
        tmp_path,
        first="sys.modules['torch'] = None; import importlib.util as u; f = u.find_spec; "
        "u.find_spec = lambda name, *rest: None if name == 'torch' else f(name, *rest)",
    )
    assert outcome.status == 0
    assert install_command("models") in outcome.err


def test_the_demo_finds_what_is_there(run: Run) -> None:
    answer = json.loads((run.folder / "demo.json").read_text())
    found = {(event["label"], event["modality"]) for event in answer["events"]}
    true = {(event.label, event.modality.value) for event in scene_truth(demo_scene())}
    assert len(found & true) >= 0.6 * len(true)
    assert len(found - true) <= 0.4 * len(found)


NAMES = ["demo.csv", "demo.html", "demo.json", "demo.mp4", "demo.png", "demo.vtt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_there_is_refused_before_any_work_and_kept(av2a: Call, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    outcome = av2a("demo", "-o", tmp_path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err == (
        f"av2a: error[E_OUTPUT]: output {str(tmp_path / name)!r} is already there: choose another name, or ask for it with --overwrite\n"
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


def test_overwrite_replaces_what_is_there_with_the_same_and_nothing_else(av2a: Call, run: Run) -> None:
    folder = run.folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "mine.txt").write_text("mine")
    assert av2a("demo", "-o", folder, "-q").status == 2
    assert av2a("demo", "-o", folder, "-q", "--overwrite").status == 0
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == {**before, "mine.txt": b"mine"}


def test_without_matplotlib_the_picture_is_skipped_and_said_so(tmp_path: Path) -> None:
    outcome = shell("demo", "-o", tmp_path, first="sys.modules['matplotlib'] = None")
    assert outcome.status == 0
    assert not (tmp_path / "demo.png").exists()
    assert f"av2a: warning: no picture, as matplotlib is not installed: {install_command('plots')}" in outcome.err


def test_a_file_in_the_way_is_refused(av2a: Call, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    outcome = av2a("demo", "-o", tmp_path / "taken")
    assert outcome.status == 2
    assert outcome.err.startswith(
        f"av2a: error[E_OUTPUT]: {str(tmp_path / 'taken')!r} is not a folder: choose another place"
    )


def test_what_is_both_heard_and_seen_is_true_of_both() -> None:
    events = scene_truth(demo_scene())
    for both in (event for event in events if event.modality is Modality.AUDIO_VISUAL):
        for single in (Modality.AUDIO, Modality.VISUAL):
            assert any(
                event.label == both.label
                and event.modality is single
                and event.start_seconds <= both.start_seconds
                and both.stop_seconds <= event.stop_seconds
                for event in events
            )
