"""Which videos of a data set can be used, on small files of every kind."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from av2a.datasets import open_dataset
from av2a.datasets.status import ClipState, SplitStatus, examined
from tests.media_makers import Pictures, Sound, cut, even_times, tone, write_media

SECONDS = 10


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole, one silent, one without picture, one cut short by its owner, one broken."""
    folder = tmp_path_factory.mktemp("videos")
    pictures = Pictures(even_times(SECONDS * 5, 5), rate_hz=Fraction(5))
    sound = Sound(tone(SECONDS, 16_000), rate_hz=16_000)
    write_media(folder / "whole_0_10.mp4", pictures, sound)
    write_media(folder / "silent_0_10.mp4", pictures)
    write_media(folder / "dark_0_10.mp4", sound)
    short = Sound(np.asarray(tone(3, 16_000)), rate_hz=16_000)
    write_media(folder / "short_0_10.mp4", Pictures(even_times(15, 5), rate_hz=Fraction(5)), short)
    cut(folder / "whole_0_10.mp4", folder / "cut_0_10.mp4", share=0.5)
    return folder


NAMES = ("whole", "silent", "dark", "short", "cut", "absent")


@pytest.fixture
def status(videos: Path, tmp_path: Path) -> SplitStatus:
    rows = "".join(f"{name}_0_10\tDog\n" for name in NAMES)
    for file, content in {
        "AVVP_test_pd.csv": "filename\tevent_labels\n" + rows,
        "AVVP_eval_audio.csv": "filename\tonset\toffset\tevent_labels\n",
        "AVVP_eval_visual.csv": "filename\tonset\toffset\tevent_labels\n",
    }.items():
        (tmp_path / file).write_text(content)
    dataset = open_dataset("llp", videos=videos, annotations=tmp_path)
    return SplitStatus(dataset, tuple(examined(dataset)))


def test_every_clip_is_present_missing_or_broken(status: SplitStatus) -> None:
    found = {each.name.removesuffix("_0_10"): each.state for each in status.clips}
    assert found == {
        "whole": ClipState.PRESENT,
        "silent": ClipState.PRESENT,
        "dark": ClipState.PRESENT,
        "short": ClipState.PRESENT,
        "cut": ClipState.BROKEN,
        "absent": ClipState.MISSING,
    }
    assert sum(len(status.of(state)) for state in ClipState) == len(NAMES)


def test_what_a_clip_lacks_is_said(status: SplitStatus) -> None:
    assert [each.name for each in status.without_sound] == ["silent_0_10"]
    assert [each.name for each in status.without_picture] == ["dark_0_10"]
    [short] = status.of_other_length
    assert short.name == "short_0_10"
    assert short.seconds == pytest.approx(3, abs=0.2)


def test_a_broken_file_is_named_with_what_is_wrong_with_it(status: SplitStatus) -> None:
    [broken] = status.of(ClipState.BROKEN)
    assert broken.path is not None and broken.path.name == "cut_0_10.mp4"
    assert "damaged or cut" in broken.error and "\n" not in broken.error


def test_in_a_user_s_folder_any_length_is_right(videos: Path) -> None:
    dataset = open_dataset(videos)
    assert SplitStatus(dataset, tuple(examined(dataset))).of_other_length == ()


def test_a_file_that_a_decoder_fails_on_is_broken_and_stops_no_other(
    videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = av.open

    def failing(file: str, *arguments: Any, **options: Any) -> Any:
        if "silent_0_10" in str(getattr(file, "name", file)):
            raise RuntimeError("31 is not a valid Type")
        return opened(file, *arguments, **options)

    monkeypatch.setattr(av, "open", failing)
    found = {each.name: each for each in examined(open_dataset(videos))}
    assert len(found) == len(NAMES) - 1
    assert found["whole_0_10"].state is ClipState.PRESENT
    assert (found["silent_0_10"].state, found["silent_0_10"].error) == (ClipState.BROKEN, "31 is not a valid Type")


def test_no_file_of_a_public_report_stops_a_folder(shared: Path) -> None:
    names = {path.stem for path in (shared / "cases").glob("*.avi")}
    assert names <= {each.name for each in examined(open_dataset(shared / "cases"))}
