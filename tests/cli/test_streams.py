"""Standard streams that are closed, full or abandoned, and signals: the exit status and what is left."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.calling import environment
from tests.media_makers import write_wave

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def sh(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of shell in a folder; ``av2a`` in it is the command."""
    command = line.replace("av2a", f"{sys.executable} -m av2a")
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three short files of sound."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, size=(1, 16_000))
    for name in "abc":
        write_wave(tmp_path / f"{name}.wav", noise, 8_000, sample_bytes=1)
    return tmp_path


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "out").iterdir())


ALL = "av2a detect a.wav b.wav c.wav -l 'dog, cat' -o 'out/{name}.json'"


@pytest.mark.parametrize("ending", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/null 2>&1"])
def test_a_closed_stream_ends_nothing(folder: Path, ending: str) -> None:
    run = sh(f"{ALL} {ending}", folder)
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr + run.stdout
    assert written(folder) == ["a.json", "b.json", "c.json"]
    if ending == "2>&-":
        assert run.stdout.startswith("a.wav")
        assert "av2a: " not in run.stdout
        assert "results: " not in run.stdout


@needs_full_device
def test_a_full_stdout_is_named_once_and_the_files_are_written(folder: Path) -> None:
    run = sh(f"{ALL} -q >/dev/full", folder)
    assert run.returncode == 1
    [line] = run.stderr.splitlines()
    assert line.startswith("av2a: error[E_OUTPUT]: cannot write to stdout (No space left on device): ")
    assert written(folder) == ["a.json", "b.json", "c.json"]


@needs_full_device
@pytest.mark.parametrize(
    "words", ["detect a.wav -l dog", "detect a.wav b.wav -l dog --json", "--help", "--version", "doctor --json"]
)
def test_a_full_stdout_is_no_fault_of_the_video(folder: Path, words: str) -> None:
    run = sh(f"av2a {words} >/dev/full", folder)
    assert run.returncode == 1
    errors = [line for line in run.stderr.splitlines() if "error[" in line]
    assert [line.partition(" (")[0] for line in errors] == ["av2a: error[E_OUTPUT]: cannot write to stdout"]
    assert "Traceback" not in run.stderr


@needs_full_device
@pytest.mark.parametrize("ending", ["2>/dev/full", "2>/dev/full | cat"])
def test_a_full_stderr_changes_neither_answer_nor_status(folder: Path, ending: str) -> None:
    full = sh(f"set -o pipefail; {ALL} --json {ending}", folder)
    assert full.returncode == 0
    assert written(folder) == ["a.json", "b.json", "c.json"]
    assert len(full.stdout.splitlines()) == 3


@needs_full_device
def test_a_failure_keeps_its_status_when_stderr_is_full(folder: Path) -> None:
    assert sh("av2a detect gone.wav -l dog 2>/dev/full", folder).returncode == 2


def test_a_batch_that_writes_files_goes_on_when_its_reader_leaves(folder: Path) -> None:
    run = sh(f"set -o pipefail; {ALL} -q | head -1", folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(run.stdout.splitlines()) == 1
    assert written(folder) == ["a.json", "b.json", "c.json"]


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("detect a.wav -l dog --save-scores a.npz --no-store", "a.npz"),
        ("detect a.wav b.wav -l dog -o all.tsv --no-store", "all.tsv"),
        ("batch a.wav b.wav -l dog -o done --json --no-store", "done/videos.parquet"),
    ],
)
def test_files_are_written_whatever_becomes_of_stdout(folder: Path, words: str, file: str) -> None:
    if Path("/dev/full").exists():
        full = sh(f"av2a {words} -q >/dev/full", folder)
        assert full.returncode == 1
        assert [line.partition(" (")[0] for line in full.stderr.splitlines()] == [
            "av2a: error[E_OUTPUT]: cannot write to stdout"
        ]
        assert (folder / file).exists()
        (folder / file).unlink()
        words += " --restart" if words.startswith("batch") else ""
    gone = sh(f"set -o pipefail; av2a {words} -q | true", folder)
    assert (gone.returncode, gone.stderr) == (0, "")
    assert (folder / file).exists()


def test_a_batch_that_only_prints_ends_when_its_reader_leaves(folder: Path) -> None:
    run = sh("set -o pipefail; av2a detect a.wav b.wav c.wav -l dog -q --json | true", folder)
    assert (run.returncode, run.stderr) == (1, "")


def test_without_a_terminal_a_long_run_reports_progress_now_and_then(folder: Path) -> None:
    first = "import sys, av2a.cli.terminal as terminal; terminal.SECONDS_BETWEEN_LINES = 0.0"
    call = f"{first}; from av2a.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", call, "detect", "a.wav", "-l", "dog"]
    often = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    assert "a.wav: sound 1 of 2" in often.stderr
    assert "a.wav: sound" not in sh("av2a detect a.wav -l dog", folder).stderr
    quiet = subprocess.run([*command, "-q"], cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    assert quiet.stderr == ""


@pytest.mark.parametrize(
    ("number", "status", "words"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_cleanly_and_leaves_no_part_of_a_file(
    tmp_path: Path, number: signal.Signals, status: int, words: str
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, size=(1, 8_000 * 600))
    long = write_wave(tmp_path / "long.wav", noise, 8_000, sample_bytes=1)
    output = tmp_path / "out" / "a.json"
    command = [sys.executable, "-m", "av2a", "detect", str(long), "-l", "dog", "-v", "-o", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as run:
        assert run.stderr is not None
        assert "picture" in run.stderr.readline()
        # The backbone is loaded: the work begins.
        assert "backbone mini" in run.stderr.readline()
        time.sleep(0.3)
        run.send_signal(number)
        out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (status, "")
    assert err == f"av2a: {words}; results already written are whole and kept\n"
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_sigterm_ends_the_making_of_videos_with_nothing_left(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "av2a", "synth", str(tmp_path / "world"), "--clips", "200", "--processes", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as run:
        while not any(tmp_path.iterdir()):
            time.sleep(0.05)
            assert run.poll() is None
        time.sleep(1)
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (143, "av2a: terminated; results already written are whole and kept\n")
    assert list(tmp_path.iterdir()) == []
