import os
import subprocess
import sys
from pathlib import Path

import pytest

from av2a.installation import install_command
from tests.cli.calling import environment, shell


def test_a_reader_that_leaves_is_no_error(video: Path) -> None:
    command = [sys.executable, "-m", "av2a", "detect", str(video), "-l", "dog", "--json", "-q"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    err = running.stderr.read()
    running.stderr.close()
    assert (running.wait(timeout=30), err) == (1, "")


BROKEN = "import av2a.detector as pipeline; pipeline.media.open_clip = None"
"""A fault of our own: something of the package is not what it should be."""


def test_a_fault_of_our_own_is_one_line_and_status_one(video: Path) -> None:
    outcome = shell("detect", video, "-l", "dog", first=BROKEN)
    assert (outcome.status, outcome.out) == (1, "")
    assert "Traceback" not in outcome.err
    assert outcome.err.splitlines()[-1].startswith("av2a: error[E_UNEXPECTED]: clip.mp4: unexpected TypeError (")
    assert "run it again with --debug" in outcome.err


def test_debug_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    outcome = shell("detect", tmp_path / "gone.mp4", "-l", "dog", "--debug")
    assert outcome.status == 2
    assert "Traceback (most recent call last)" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("av2a: error[E_NO_SUCH_FILE]: ")


def test_a_library_that_is_not_installed_is_status_three(video: Path, tmp_path: Path) -> None:
    outcome = shell("detect", video, "-l", "dog", "-o", tmp_path / "a.png", first="sys.modules['matplotlib'] = None")
    assert (outcome.status, outcome.out) == (3, "")
    needed = f"output ending '.png' needs 'matplotlib': {install_command('plots')}"
    assert outcome.err == f"av2a: error[E_DEPENDENCY]: {needed}\n"


def test_a_missing_file_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    first = "import atexit; atexit.register(lambda: print('numpy' in sys.modules, 'av' in sys.modules))"
    outcome = shell("detect", tmp_path / "gone.mp4", "-l", "dog", first=first)
    assert (outcome.status, outcome.out) == (2, "False False\n")
    assert len(outcome.err.splitlines()) == 1


def test_a_terminal_without_unicode_gets_a_plain_time_line(video: Path) -> None:
    settings = ["--set", "category_threshold=0", "--set", "initial_threshold=0", "--set", "confidence_threshold=0"]
    outcome = shell(
        "detect", video, "--event", "caf\u00e9", *settings, env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    )
    assert outcome.status == 0
    assert outcome.out.isascii()
    assert "####" in outcome.out


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
@pytest.mark.parametrize("no_color", [False, True])
def test_colour_is_for_terminals_that_want_it(video: Path, no_color: bool) -> None:
    settings = ["--set", "category_threshold=0", "--set", "initial_threshold=0", "--set", "confidence_threshold=0"]
    env = environment(TERM="xterm-256color", **({"NO_COLOR": "1"} if no_color else {}))
    main_end, terminal = os.openpty()
    command = [sys.executable, "-m", "av2a", "detect", str(video), "-l", "dog", "-q", *settings]
    with subprocess.Popen(command, stdout=terminal, stderr=subprocess.DEVNULL, env=env) as running:
        os.close(terminal)
        shown = _everything_from(main_end)
        assert running.wait(timeout=30) == 0
    assert "dog" in shown
    assert ("\x1b[36m" in shown) is not no_color


def _everything_from(descriptor: int) -> str:
    parts = []
    try:
        while part := os.read(descriptor, 4096):
            parts.append(part)
    except OSError:
        # Linux says so when the other end is closed.
        pass
    os.close(descriptor)
    return b"".join(parts).decode()
