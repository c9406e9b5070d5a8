import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from av2a.backbones.light import files
from av2a.installation import library_command
from tests.cli.calling import Call, environment, shell


def test_a_working_installation_is_found_working(av2a: Call) -> None:
    outcome = av2a("doctor")
    assert outcome.status == 0
    for name in ("av2a", "Python", "PyAV", "numpy", "matplotlib", "torch", "transformers", "backbone mini", "disk"):
        assert f" {name} " in outcome.out, name
    assert outcome.err == "all that is needed works\n"


def test_json_holds_every_check(av2a: Call) -> None:
    answer = json.loads(av2a("doctor", "--json").out)
    assert answer["ok"] is True
    assert {check["state"] for check in answer["checks"]} <= {"works", "absent"}
    assert next(check["detail"] for check in answer["checks"] if check["name"] == "PyAV").count("FFmpeg") == 1


def test_a_clashing_torchvision_is_found_and_its_cure_is_said(tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    outcome = shell("doctor", first="sys.modules['torch'] = None", env=environment(PYTHONPATH=str(tmp_path)))
    assert outcome.status == 1
    assert "✗ torchvision clashes with torch (RuntimeError: operator torchvision::nms does not exist)" in " ".join(
        outcome.out.split()
    )
    assert "pip uninstall torchvision" in outcome.out


def test_a_missing_needed_library_is_a_failure_with_its_cure() -> None:
    outcome = shell("doctor", "--json", first="sys.modules['PIL'] = sys.modules['torch'] = None")
    assert outcome.status == 1
    broken = [check for check in json.loads(outcome.out)["checks"] if check["state"] == "broken"]
    assert {"name": "Pillow", "state": "broken", "detail": "not installed", "cure": library_command("pillow")} in broken


def test_the_weights_folder_is_the_one_that_was_set(
    av2a: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AV2A_WEIGHTS", str(tmp_path))
    assert str(tmp_path) in av2a("doctor").out


HOMELESS = "import pwd; pwd.getpwuid = lambda number: {}[number]"
"""A user number without an entry, as containers have them."""
NO_HOME = "this user has no home folder: name a folder for weights with HF_HOME"


def homeless(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in environment(**more).items() if not name.startswith(("XDG_", "HF_", "HOME"))}
    return (
        {name: value for name, value in kept.items() if name != "AV2A_BACKBONE"}
        | more
        | {"MPLCONFIGDIR": str(tmp_path)}
    )


def test_doctor_answers_a_user_without_a_home_folder(tmp_path: Path) -> None:
    outcome = shell("doctor", "--json", first=HOMELESS, env=homeless(tmp_path))
    assert outcome.status == 1, outcome.err
    broken = [check for check in json.loads(outcome.out)["checks"] if check["state"] == "broken"]
    assert [(check["name"], check["detail"]) for check in broken] == [("weights cache", NO_HOME)]
    assert shell("doctor", first=HOMELESS, env=homeless(tmp_path, HF_HOME=str(tmp_path))).status == 0


@pytest.mark.parametrize(
    "words",
    [("backbones",), ("weights", "list", "all"), ("weights", "verify", "clip-clap"), ("detect", "{video}", "-l", "x")],
)
def test_a_user_without_a_home_folder_is_told_which_variable_names_one(
    video: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    call = [word.format(video=video) for word in words]
    outcome = shell(*call, first=HOMELESS, env=homeless(tmp_path))
    assert (outcome.status, outcome.err) == (2, f"av2a: error[E_USAGE]: {NO_HOME}\n")
    named = shell(*call, first=HOMELESS, env=homeless(tmp_path, HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1"))
    assert named.status == (3 if words[0] == "detect" or words[1:2] == ("verify",) else 0), named.err


@pytest.mark.parametrize("place", ["a file/hub", "a file", "{closed}/hub"])
def test_a_weights_cache_that_cannot_be_made_has_a_cross_with_the_reason(
    av2a: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / place.replace("{closed}", "/proc")))
    outcome = av2a("doctor", "--json")
    assert outcome.status == 1
    [broken] = [check for check in json.loads(outcome.out)["checks"] if check["state"] == "broken"]
    assert broken["name"] == "weights cache"
    assert " cannot be used (" in broken["detail"]
    assert "HF_HOME" in broken["cure"]


@pytest.mark.parametrize(
    ("content", "mark", "said"),
    [
        (b"whole", "✓", "its weights are on this machine, and whole"),
        (b"bytes", "✗", "is not YAMNet as it was published"),
        (b"", "–", "net.tflite not on this machine; av2a weights fetch light"),
    ],
)
def test_the_files_of_light_are_looked_for_and_read(
    av2a: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, mark: str, said: str
) -> None:
    published = replace(files.YAMNET, name="net.tflite", size_bytes=5, sha256=hashlib.sha256(b"whole").hexdigest())
    monkeypatch.setattr(files, "PUBLISHED", (published,))
    monkeypatch.setenv("AV2A_WEIGHTS", str(tmp_path))
    (tmp_path / "net.tflite").write_bytes(content)
    outcome = av2a("doctor")
    assert f"{mark} backbone light " in outcome.out
    assert said in " ".join(outcome.out.split())
    assert outcome.status == (1 if mark == "✗" else 0)
