import os
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest

from av2a.datasets.videos import Videos, several_files
from av2a.errors import MissingFile
from av2a.media import AUDIO_ENDINGS, VIDEO_ENDINGS


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in Videos.of(folder).files]


def test_media_of_any_ending_are_found_in_the_folder_and_one_level_below(tmp_path: Path) -> None:
    touched(tmp_path, "a.mp4", "b.WEBM", "deep/c.mkv", "deep/deeper/d.mp4", "notes.txt", "e.npy", "f")
    assert found(tmp_path) == ["a.mp4", "b.WEBM", "deep/c.mkv"]


def test_a_folder_lists_every_ending_that_detect_reads(tmp_path: Path) -> None:
    # Those after "mp4" were overlooked in folders.
    endings = "mp4 aif m2ts wma asf mka m4b caf vob weba f4v 3g2 mp2 w64 ac3".split()
    touched(
        tmp_path,
        *(f"{ending}.{ending}" for ending in endings),
        *(f"{ending}-upper.{ending.upper()}" for ending in endings),
    )
    assert len(found(tmp_path)) == 2 * len(endings)
    every = [f"x{ending}" for ending in (*VIDEO_ENDINGS, *AUDIO_ENDINGS)]
    assert sorted(found(touched(tmp_path / "own", *every))) == sorted(every)


def test_hidden_and_half_downloaded_files_are_none(tmp_path: Path) -> None:
    touched(tmp_path, ".a.mp4", ".hidden/b.mp4", "c.mp4.part", "d.mp4.ytdl")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert found(tmp_path) == []


def test_a_video_comes_before_the_sound_that_was_taken_out_of_it(tmp_path: Path) -> None:
    videos = Videos.of(touched(tmp_path, "x.wav", "audio/x.mp4", "x.mkv"))
    paths = videos.named("x")
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["x.mkv", "x.wav", "audio/x.mp4"]
    assert several_files({"x": paths, "y": ()}) == ("1 clip with several files, the first is used (x: x.mkv)",)


def test_the_first_name_that_has_a_file_is_taken(tmp_path: Path) -> None:
    videos = Videos.of(touched(tmp_path, "id.mp4", "id_0_10.mp4"))
    assert [path.name for path in videos.named("id_0_10", "id")] == ["id_0_10.mp4"]
    assert [path.name for path in videos.named("id_10_20", "id")] == ["id.mp4"]
    assert videos.named("other") == ()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_names_are_compared_in_nfc(tmp_path: Path, form: Literal["NFC", "NFD"], asked: Literal["NFC", "NFD"]) -> None:
    name = "caf\u00e9 \u1e69"
    path = touched(tmp_path, f"{normalize(form, name)}.mp4") / f"{normalize(form, name)}.mp4"
    assert Videos.of(tmp_path).named(normalize(asked, name)) == (path,)


def test_a_link_that_leads_in_a_circle_stops_nothing(tmp_path: Path) -> None:
    touched(tmp_path, "a.mp4")
    for name in ("loop", "loop.mp4"):
        (tmp_path / name).symlink_to(tmp_path / name)
    videos = Videos.of(tmp_path)
    assert (found(tmp_path), videos.remarks) == (["a.mp4"], ())


def test_a_subfolder_that_cannot_be_read_is_reported_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched(tmp_path, "a.mp4", "closed/b.mp4", "open/c.mp4")
    scandir = os.scandir

    def refusing(path: Path) -> "os._ScandirIterator[str]":
        if Path(path).name in ("closed", "mine"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    videos = Videos.of(tmp_path)
    assert [path.name for path in videos.files] == ["a.mp4", "c.mp4"]
    assert videos.remarks == ("1 subfolder cannot be read (closed)",)
    (tmp_path / "mine").mkdir()
    with pytest.raises(MissingFile, match="Permission denied"):
        Videos.of(tmp_path / "mine")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"no folder '.*absent' of videos"):
        Videos.of(tmp_path / "absent")
