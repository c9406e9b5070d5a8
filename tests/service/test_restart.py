"""Many uploads, some cancelled, and a server that is killed in the middle and started again."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.calling import environment
from tests.service.running import PATIENCE_SECONDS, Running

LABELS = ["dog barking", "violin", "rain"]
UPLOADS, CANCELLED = 20, 5


@contextmanager
def started(home: Path) -> Iterator[tuple[Running, "subprocess.Popen[bytes]"]]:
    """``av2a serve`` as a process of its own; it is killed when the block ends, if it still runs."""
    arguments = ["serve", "--port", "0", "--home", str(home), "--store", str(home / "embeddings"), "--backbone", "mini"]
    process = subprocess.Popen(
        [sys.executable, "-m", "av2a", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        base, _, token = address.partition("/#token=")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", base), address
        headers = {"X-Av2a-Token": token}
        with httpx.Client(base_url=base, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield Running(address, home, client), process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not of Windows")
def test_a_killed_server_finds_what_was_done_and_runs_again_what_was_not(tmp_path: Path, scenes: list[Path]) -> None:
    home = tmp_path / "work"
    with started(home) as (first, process):
        # Each of other content, as what was seen before is answered at once: a box that players skip, with its number.
        variants = [tmp_path / f"scene {n}.mp4" for n in range(UPLOADS)]
        for n, path in enumerate(variants):
            path.write_bytes(scenes[n % 3].read_bytes() + b"\0\0\0\x10free" + f"{n:08d}".encode())
        ids = [first.upload(path)["id"] for path in variants]
        for number in ids:
            first.call("POST", f"/api/videos/{number}/answer", {"labels": LABELS})
        for number in ids[-CANCELLED:]:
            assert first.call("POST", f"/api/videos/{number}/cancel").json() == {"cancelled": True}
        first.state_of(ids[0], "done")
        done = {number for number, video in first.videos().items() if video["state"] == "done"}
        # A part of a file and a whole one that is in no list yet, as a kill leaves them.
        for folder, name in (("cut", ".av2a-0123456789abcdef.part.mp4"), ("whole", "whole.mp4")):
            (home / "uploads" / folder).mkdir()
            shutil.copy(scenes[0], home / "uploads" / folder / name)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with started(home) as (again, process):
        for number in ids[: UPLOADS - CANCELLED]:
            again.state_of(number, "done")
        videos = again.videos()
        assert done <= {number for number, video in videos.items() if video["state"] == "done"}
        assert [videos[number]["state"] for number in ids[-CANCELLED:]] == ["cancelled"] * CANCELLED
        assert [video["name"] for video in videos.values() if video["id"] not in ids] == ["whole.mp4"]
        assert not list(home.rglob(".av2a-*")) and not (home / "uploads" / "cut").exists()
        assert len(list(home.glob("uploads/*/*"))) == UPLOADS + 1
        assert again.answer(ids[1], LABELS)["labels"] == LABELS
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - began < PATIENCE_SECONDS


@pytest.mark.skipif(sys.platform == "win32", reason="/proc is not of Windows")
def test_nothing_is_left_running_when_the_server_is_killed(tmp_path: Path, scenes: list[Path]) -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list child processes under /proc")
    with started(tmp_path) as (server, process):
        server.upload(scenes[0])
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        children = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
        assert children
        process.kill()
        process.wait()
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and any(alive(pid) for pid in children):
        time.sleep(0.05)
    assert not any(alive(pid) for pid in children)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
