"""Files and folders appear whole or not at all, whoever else writes or dies."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from av2a import atomic

TWO_HOURS_AGO = time.time() - 7200


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_after_an_error_nothing_is_left_and_the_old_file_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")
    with suppress(KeyboardInterrupt), atomic.whole_file(path) as partial:
        assert partial.suffix == ".json"
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.json"]


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without hard links"])
def test_a_file_that_appeared_in_the_meantime_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "out"
    with pytest.raises(FileExistsError), atomic.whole_file(path, overwrite=False):
        path.write_text("another's")
    assert path.read_text() == "another's"
    atomic.write_bytes(tmp_path / "free", b"ours", overwrite=False)
    assert (tmp_path / "free").read_bytes() == b"ours"
    assert names(tmp_path) == ["free", "out"]


def test_writers_of_one_file_at_the_same_time_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "out"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    met: set[bytes] = set()

    def write(content: bytes) -> None:
        for _ in range(20):
            atomic.write_bytes(path, content, durable=False)
            met.add(path.read_bytes())

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met <= set(contents)
    assert names(tmp_path) == ["out"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_files_and_folders_have_the_permissions_of_new_ones_and_the_umask_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", None)
        atomic.write_bytes(tmp_path / "file", b"")
        with atomic.whole_folder(tmp_path / "folder"):
            pass
    finally:
        monkeypatch.undo()
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with suppress(KeyboardInterrupt), atomic.whole_folder(path) as partial:
        (partial / "one").touch()
        raise KeyboardInterrupt
    assert names(tmp_path) == []
    path.mkdir()
    with atomic.whole_folder(path) as partial:
        (partial / "one").touch()
        assert names(path) == []
    assert (names(tmp_path), names(path)) == (["folder"], ["one"])
    with pytest.raises(OSError, match="not empty"), atomic.whole_folder(path):
        pass
    assert (names(tmp_path), names(path)) == (["folder"], ["one"])


KILLED = """
import sys, time
from pathlib import Path
from av2a import atomic
folder = Path(sys.argv[1])
with atomic.whole_file(folder / "a.json") as file, atomic.whole_folder(folder / "b") as inside:
    file.write_text("half")
    (inside / "one").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_what_a_killed_run_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stdout.readline() == "writing\n"
        run.kill()
    left = names(tmp_path)
    assert len(left) == 2
    # Perhaps another run is still writing these.
    atomic.write_bytes(tmp_path / "c.json", b"")
    assert names(tmp_path) == [*left, "c.json"]
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        os.utime(path, (TWO_HOURS_AGO, TWO_HOURS_AGO))
    atomic.remove_left_over.cache_clear()
    atomic.write_bytes(tmp_path / "c.json", b"")
    assert names(tmp_path) == ["c.json"]


def test_old_files_of_other_names_and_what_links_point_to_are_left_alone(tmp_path: Path) -> None:
    others = [".part", "notes.part", ".av2a-0123.part", ".av2a-0123456789abcdef.parts"]
    for name in others:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (TWO_HOURS_AGO, TWO_HOURS_AGO))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    link = tmp_path / ".av2a-0123456789abcdef.part"
    link.symlink_to(tmp_path / "mine")
    os.utime(link, (TWO_HOURS_AGO, TWO_HOURS_AGO), follow_symlinks=False)
    atomic.write_bytes(tmp_path / "out", b"")
    assert names(tmp_path) == sorted([*others, "mine", "out"])
    assert names(tmp_path / "mine") == ["file"]


def test_a_process_that_ends_at_once_removes_what_it_has_not_finished(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from av2a import atomic
folder = Path(sys.argv[1])
atomic.write_bytes(folder / "done", b"")
with atomic.whole_file(folder / "file"), atomic.whole_folder(folder / "folder"), atomic.scratch_folder(folder):
    assert len(list(folder.iterdir())) == 4
    atomic.abandon()
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert names(tmp_path) == ["done"]
