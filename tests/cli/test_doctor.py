import json
from pathlib import Path

import pytest

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
    assert {"name": "Pillow", "state": "broken", "detail": "not installed", "cure": "pip install Pillow"} in broken


def test_the_weights_folder_is_the_one_that_was_set(
    av2a: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AV2A_WEIGHTS", str(tmp_path))
    assert str(tmp_path) in av2a("doctor").out
