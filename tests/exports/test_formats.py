"""Choosing a format by its ending, and never leaving half a file."""

import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from av2a import exports
from av2a.errors import MissingDependency, OutputRefused, UnknownName
from av2a.installation import install_command
from av2a.types import Detection
from tests.detections import HEARD, event, hostile, park, park_truth

ENDINGS = sorted(exports.WRITERS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_writes_every_label_without_a_warning(tmp_path: Path, ending: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exports.write(hostile(), tmp_path / f"out{ending}", truth=park_truth())
    # Ten seconds are one chapter.
    assert (tmp_path / f"out{ending}").stat().st_size > (5 if ending == ".youtube.txt" else 100)
    assert [file.name for file in tmp_path.iterdir()] == [f"out{ending}"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_answer_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"first{ending}", tmp_path / f"second{ending}"
    exports.write(park(), first, truth=park_truth())
    exports.write(park(), second, truth=park_truth())
    assert first.read_bytes() == second.read_bytes()


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path, root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from av2a import exports; from tests.detections import hostile, park_truth\n"
        "for ending in exports.WRITERS:\n"
        "    exports.write(hostile(), Path(sys.argv[1]) / f'out{ending}', truth=park_truth())\n"
    )
    # This process has another seed.
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    (tmp_path / "theirs").mkdir()
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "theirs")], check=True, env=environment, cwd=tmp_path)
    for ending in ENDINGS:
        exports.write(hostile(), tmp_path / f"out{ending}", truth=park_truth())
        theirs = (tmp_path / "theirs" / f"out{ending}").read_bytes()
        assert (tmp_path / f"out{ending}").read_bytes() == theirs, ending


def test_an_ending_in_capitals_is_known(tmp_path: Path) -> None:
    exports.write(park(), tmp_path / "OUT.JSON")
    assert (tmp_path / "OUT.JSON").read_text().startswith("{")


@pytest.mark.parametrize("name", ["out.jsn", "out", "out.tar.gz", ".json"])
def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        UnknownName, match=r"unknown output ending .*known: \.activitynet\.json, \.chapters\.vtt, .*, \.vtt, \.xml"
    ):
        exports.check_output(tmp_path / name)


def test_a_file_that_is_there_is_kept_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(OutputRefused, match=r"already there: .*--overwrite"):
        exports.write(park(), path)
    assert path.read_text() == "mine"
    exports.write(park(), path, overwrite=True)
    assert path.read_text().startswith("filename,")


def test_a_folder_is_refused_even_for_overwriting(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputRefused, match="is a folder: name a file in it"):
        exports.check_output(tmp_path / "out.csv", overwrite=True)


def test_a_missing_folder_is_made_when_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "out.csv"
    exports.check_output(path)
    assert list(tmp_path.iterdir()) == []
    exports.write(park(), path)
    assert path.read_text().startswith("filename,")


def test_a_file_that_appeared_during_the_work_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        @staticmethod
        def write(detection: Detection, path: Path, truth: Sequence[object] = ()) -> None:
            (tmp_path / "out.slow").write_text("another's")
            path.write_bytes(b"ours")

    monkeypatch.setitem(sys.modules, "slow", Slow)
    monkeypatch.setitem(exports.WRITERS, ".slow", "slow")
    with pytest.raises(OutputRefused, match="already there"):
        exports.write(park(), tmp_path / "out.slow")
    assert (tmp_path / "out.slow").read_text() == "another's"
    assert [file.name for file in tmp_path.iterdir()] == ["out.slow"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputRefused, match="is not a folder: choose another place"):
        exports.check_output(tmp_path / "file" / "out.csv")


def test_a_name_too_long_for_the_file_system_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="cannot write") as refusal:
        exports.check_output(tmp_path / ("x" * 5000 + ".csv"))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "out.csv")
    with pytest.raises(OutputRefused, match="is not a regular file"):
        exports.check_output(tmp_path / "out.csv", overwrite=True)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="this system has no /proc")
def test_a_folder_that_takes_no_files_is_refused_before_any_work() -> None:
    # Permission bits of a folder say nothing to the superuser; /proc refuses even that one.
    with pytest.raises(OutputRefused, match=r"cannot write '/proc/av2a.csv' \(.*\): choose another place"):
        exports.check_output(Path("/proc/av2a.csv"))


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    exports.check_output(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


class _DiskFull:
    """A format of a user's own, on a disk that is full after the first bytes."""

    @staticmethod
    def write(detection: Detection, path: Path, truth: Sequence[object] = ()) -> None:
        path.write_bytes(b"half a fi")
        raise OSError(28, "No space left on device")


class _Interrupted:
    """A format whose writing the user interrupts."""

    @staticmethod
    def write(detection: Detection, path: Path, truth: Sequence[object] = ()) -> None:
        path.write_bytes(b"half a fi")
        raise KeyboardInterrupt


def test_a_full_disk_leaves_neither_half_a_file_nor_harms_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "disk_full", _DiskFull)
    monkeypatch.setitem(exports.WRITERS, ".full", "disk_full")
    path = tmp_path / "out.full"
    path.write_text("the old one")
    with pytest.raises(OutputRefused, match="No space left on device"):
        exports.write(park(), path, overwrite=True)
    assert path.read_text() == "the old one"
    assert [file.name for file in tmp_path.iterdir()] == ["out.full"]


def test_an_interruption_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "interrupted", _Interrupted)
    monkeypatch.setitem(exports.WRITERS, ".stop", "interrupted")
    with pytest.raises(KeyboardInterrupt):
        exports.write(park(), tmp_path / "out.stop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_an_output_has_the_permissions_that_the_user_gives_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    exports.write(park(), tmp_path / "out.csv")
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_pictures_without_matplotlib_are_refused_before_any_work(tmp_path: Path, root: Path) -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path; from av2a import errors, exports\n"
        "exports.check_output(Path(sys.argv[1]) / 'out.html')\n"
        "try:\n    exports.check_output(Path(sys.argv[1]) / 'out.svg')\n"
        "except errors.MissingDependency as refusal:\n    print(refusal)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    answer = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, env=environment, capture_output=True, text=True
    )
    assert answer.stdout == f"output ending '.svg' needs 'matplotlib': {install_command('plots')}\n"


def test_writing_text_loads_no_picture_library(tmp_path: Path, root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from av2a import exports; from tests.detections import park\n"
        "exports.write(park(), Path(sys.argv[1]) / 'out.json'); exports.write(park(), Path(sys.argv[1]) / 'out.html')\n"
        "assert not {'matplotlib', 'PIL', 'torch', 'av'} & set(sys.modules), sorted(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)


def test_events_shorter_than_a_millisecond_stay_events() -> None:
    from av2a.exports import json

    short = event("click", HEARD, 1.0, 1.0002)
    plain = json.as_dict(park())["events"][0] | json._event(short)
    assert plain["end"] > plain["start"]


@pytest.mark.parametrize("ending", [".parquet", ".otio"])
def test_a_format_whose_library_is_missing_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(exports, "find_spec", lambda library: None)
    with pytest.raises(
        MissingDependency, match=f"output ending '{ending}' needs '(pyarrow|opentimelineio)': .*install"
    ):
        exports.check_output(tmp_path / f"out{ending}")
