from pathlib import Path

import pytest

from av2a.cli.inputs import check_exists
from av2a.errors import MissingFile


def test_a_missing_video_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(MissingFile, match=r"no such file: '.*holidy\.mp4': did you mean '.*holiday\.mp4'\?"):
        check_exists(tmp_path / "holidy.mp4")


def test_a_missing_folder_has_no_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no such file: .*: check the name"):
        check_exists(tmp_path / "none" / "clip.mp4")


def test_a_dangling_link_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(MissingFile):
        check_exists(tmp_path / "link.mp4")


def test_a_url_is_answered_as_one() -> None:
    with pytest.raises(MissingFile, match="is a URL: download it first"):
        check_exists(Path("https://example.org/clip.mp4"))
