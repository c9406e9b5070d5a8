"""A long run on a terminal: what it shows while it works, and what an interrupt leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.media_makers import write_wave

pty = pytest.importorskip("pty")


def shown_until(terminal: int, words: bytes) -> bytes:
    """What a process writes to its terminal up to some words."""
    shown = b""
    while words not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the process has ended
            break
    return shown


@pytest.mark.slow
def test_a_long_run_shows_what_is_left_and_an_interrupt_leaves_no_partial_output(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-3000, 3000, size=(1, 16_000 * 60)).astype(np.float64) / 32_768
    video = write_wave(tmp_path / "long.wav", np.tile(sound, 40), 16_000, sample_bytes=2)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "av2a", "detect", str(video), "-l", "dog barking", "--backbone", "mini"]
    run = subprocess.Popen(
        [*command, "-o", str(tmp_path / "answer.json")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = shown_until(ours, b"/2400")
    run.send_signal(signal.SIGINT)
    rest = shown_until(ours, b"nothing ends with this")
    out, _ = run.communicate(timeout=60)
    os.close(ours)
    assert run.returncode == 130, (shown + rest).decode(errors="replace")
    assert out == b""
    assert b"sound" in shown
    assert b":" in shown.split(b"/2400")[-1] + rest  # time left, or "-:--" before it is known
    assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]
