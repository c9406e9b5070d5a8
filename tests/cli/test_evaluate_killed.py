"""Killed at any moment, ``av2a evaluate`` goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from av2a import world as generated_world
from tests.cli.calling import environment, shell

CLIPS = 24
KILLS = 10


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "clips"
    generated_world.write_dataset(folder, clips=CLIPS, seed=generated_world.SPLITS["test"].seeds[0], duration_seconds=3)
    return folder


def words(clips: Path, folder: Path) -> list[str]:
    files = ["-o", str(folder / "result.json"), "--save-predictions", str(folder / "found.tsv"), "--overwrite"]
    return ["evaluate", str(clips), "--store", str(folder / "store"), *files]


def entries(folder: Path) -> dict[str, int]:
    """Each entry of the store, and its inode, which changes when it is written again (its times also when it is read)."""
    # Partial files of the runs that were killed begin with a dot.
    found = [path for path in (folder / "store").rglob("*.safetensors") if not path.name.startswith(".")]
    return {path.name: path.stat().st_ino for path in found}


def killed(clips: Path, folder: Path, *, entries_first: int, seconds_later: float) -> int:
    """Start a run, and kill it some time after it has kept so many clips more."""
    before = len(entries(folder))
    command = [sys.executable, "-m", "av2a", *words(clips, folder)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while run.poll() is None and len(entries(folder)) < before + entries_first:
            time.sleep(0.005)
        time.sleep(seconds_later)
        os.kill(run.pid, signal.SIGKILL)
        return run.wait()


def result(folder: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return answer


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_ten_times_it_finishes_with_the_same_numbers_and_encodes_nothing_twice(
    many: Path, tmp_path: Path
) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    for folder in (undisturbed, disturbed):
        folder.mkdir()
    assert shell(*words(many, undisturbed)).status == 0
    rng = np.random.default_rng(0)
    for kill in range(KILLS):
        kept = entries(disturbed)
        # The first before anything is kept: while it starts, opens files, reads names.
        status = killed(many, disturbed, entries_first=min(kill, 1), seconds_later=float(rng.uniform(0, 0.15)))
        assert status == -signal.SIGKILL
        assert not (disturbed / "result.json").exists()
        # What was kept is as it was, so it was neither lost nor made anew.
        assert kept.items() <= entries(disturbed).items()
    kept = entries(disturbed)
    assert KILLS - 1 <= len(kept) < CLIPS
    finished = shell(*words(many, disturbed))
    assert finished.status == 0
    assert "damaged" not in finished.err
    assert kept.items() <= entries(disturbed).items()
    first, second = result(undisturbed), result(disturbed)
    assert second["timing"]["observed_videos"] == CLIPS - len(kept)
    assert first | {"timing": None} == second | {"timing": None}
    assert (disturbed / "found.tsv").read_bytes() == (undisturbed / "found.tsv").read_bytes()
    # The same clips have the same bytes, whichever run wrote them.
    for path in (undisturbed / "store").rglob("*.safetensors"):
        assert (disturbed / path.relative_to(undisturbed)).read_bytes() == path.read_bytes()
