"""Forward passes compiled by OpenVINO."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from av2a.backbones.base import Backbone
from av2a.backbones.device import placement
from av2a.backbones.languagebind import load as load_languagebind
from av2a.backbones.pairs import assembled
from av2a.errors import InvalidSetting
from tests.backbones import tiny_models
from tests.backbones.at_once import assert_alike_in_threads
from tests.backbones.languagebind import tiny

# Not by importing it: that sends usage statistics to its makers.
if find_spec("openvino") is None:
    pytest.skip("openvino is not installed", allow_module_level=True)


def small_pair(root: Path, device: str, precision: str = "float32") -> Backbone:

    folders = tiny_models.clip(root / "clip"), tiny_models.clap(root / "clap")
    return assembled("clip-clap", *folders, placement(device, precision), visual_name="clip", audio_name="clap")


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=(48, 64, 3)).astype(np.uint8) for _ in range(count)]


def sounds(count: int, rate_hz: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(0, 0.1, rate_hz).astype(np.float32) for _ in range(count)]


def lowest_cosine(rows: np.ndarray, others: np.ndarray) -> float:
    rows, others = rows.reshape(-1, rows.shape[-1]), others.reshape(-1, others.shape[-1])
    products = (rows * others).sum(axis=1)
    return float((products / np.linalg.norm(rows, axis=1) / np.linalg.norm(others, axis=1)).min())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_rows_are_those_of_torch_whatever_the_batch(tmp_path: Path, count: int) -> None:
    torchs, compiled = small_pair(tmp_path, "cpu"), small_pair(tmp_path, "openvino")
    for batch in (3, count):  # compiled for one batch, asked for another
        np.testing.assert_allclose(
            compiled.visual.embed_frames(pictures(batch)), torchs.visual.embed_frames(pictures(batch)), atol=2e-5
        )
        heard = sounds(batch, torchs.audio.sample_rate_hz)
        np.testing.assert_allclose(compiled.audio.embed_sounds(heard), torchs.audio.embed_sounds(heard), atol=2e-5)


def test_names_are_read_by_torch_and_the_device_is_recorded(tmp_path: Path) -> None:
    torchs, compiled = small_pair(tmp_path, "cpu"), small_pair(tmp_path, "openvino")
    labels = ["dog barking", "speech"]
    assert np.array_equal(compiled.visual.embed_labels(labels), torchs.visual.embed_labels(labels))
    assert compiled.info.device == "openvino"


def test_languagebind_answers_alike(tmp_path: Path) -> None:

    folders = tiny.write_backbone(tmp_path)
    torchs = load_languagebind(*folders, placement("cpu", "float32"))
    compiled = load_languagebind(*folders, placement("openvino", "float32"))
    clips: Sequence[list[np.ndarray]] = [pictures(8), pictures(8)[::-1], pictures(8)[1:] + pictures(1)]
    for count in (2, 3, 1):
        assert (
            lowest_cosine(compiled.visual.embed_clips(clips[:count]), torchs.visual.embed_clips(clips[:count]))
            > 0.99999
        )
        assert (
            lowest_cosine(compiled.visual.embed_frames(pictures(count)), torchs.visual.embed_frames(pictures(count)))
            > 0.99999
        )
        heard = sounds(count, torchs.audio.sample_rate_hz)
        assert lowest_cosine(compiled.audio.embed_sounds(heard), torchs.audio.embed_sounds(heard)) > 0.99999


def test_half_precision_stays_close(tmp_path: Path) -> None:
    torchs, compiled = small_pair(tmp_path, "cpu"), small_pair(tmp_path, "openvino", "bfloat16")
    assert lowest_cosine(compiled.visual.embed_frames(pictures(3)), torchs.visual.embed_frames(pictures(3))) > 0.999


def test_an_answer_is_not_overwritten_by_the_next(tmp_path: Path) -> None:
    compiled = small_pair(tmp_path, "openvino")
    first = compiled.visual.embed_frames(pictures(1))
    kept = first.copy()
    compiled.visual.embed_frames(pictures(2)[1:])
    assert np.array_equal(first, kept)


def test_several_threads_may_call_at_once(tmp_path: Path) -> None:
    compiled = small_pair(tmp_path, "openvino")
    assert_alike_in_threads(compiled.visual.embed_frames, pictures(8))


WATCHED = """
import sys

def refuse(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        print(event, arguments, flush=True)
        raise SystemExit("something asks the network")

sys.addaudithook(refuse)
"""
ENCODE = """
from pathlib import Path
from tests.backbones.test_openvino import pictures, small_pair
small_pair(Path(sys.argv[1]), "openvino").visual.embed_frames(pictures(1))
assert sys.modules["openvino"]
"""
DOCTOR = """
from av2a.cli import main
sys.argv[1:] = ["doctor"]
main()
"""


@pytest.mark.parametrize("script", [ENCODE, DOCTOR], ids=["encoding", "doctor"])
def test_nothing_is_sent_to_anyone_and_nothing_is_written_to_the_users_home(tmp_path: Path, script: str) -> None:
    assert metadata.version("openvino-telemetry")
    (tmp_path / "home").mkdir()
    # The statistics are left out where CI is set, and this must be seen without.
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.endswith("_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED + script, str(tmp_path / "models")],
        env={**kept, "HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "socket." not in done.stdout
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


def test_without_the_library_the_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import av2a.backbones.openvino as door

    monkeypatch.setattr(door, "find_spec", lambda name: None)
    with pytest.raises(InvalidSetting, match=r"not installed: .*install .*openvino"):
        placement("openvino")
    assert torch.device("cpu") == placement("cpu").device
