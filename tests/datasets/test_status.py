"""Which videos of a data set can be used, on small files of every kind."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from av2a.datasets import open_dataset
from av2a.datasets.status import State, Status, examined
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
def status(videos: Path, tmp_path: Path) -> Status:
    rows = "".join(f"{name}_0_10\tDog\n" for name in NAMES)
    for file, content in {
        "AVVP_test_pd.csv": "filename\tevent_labels\n" + rows,
        "AVVP_eval_audio.csv": "filename\tonset\toffset\tevent_labels\n",
        "AVVP_eval_visual.csv": "filename\tonset\toffset\tevent_labels\n",
    }.items():
        (tmp_path / file).write_text(content)
    dataset = open_dataset("llp", videos=videos, annotations=tmp_path)
    return Status(dataset, tuple(examined(dataset)))


def test_every_clip_is_present_missing_or_broken(status: Status) -> None:
    found = {each.name.removesuffix("_0_10"): each.state for each in status.findings}
    assert found == {
        "whole": State.PRESENT,
        "silent": State.PRESENT,
        "dark": State.PRESENT,
        "short": State.PRESENT,
        "cut": State.BROKEN,
        "absent": State.MISSING,
    }
    assert sum(len(status.of(state)) for state in State) == len(NAMES)


def test_what_a_clip_lacks_is_said(status: Status) -> None:
    assert [each.name for each in status.without_sound] == ["silent_0_10"]
    assert [each.name for each in status.without_picture] == ["dark_0_10"]
    [short] = status.of_other_length
    assert short.name == "short_0_10"
    assert short.seconds == pytest.approx(3, abs=0.2)


def test_a_broken_file_is_named_with_what_is_wrong_with_it(status: Status) -> None:
    [broken] = status.of(State.BROKEN)
    assert broken.path is not None and broken.path.name == "cut_0_10.mp4"
    assert "damaged or cut" in broken.error and "\n" not in broken.error


def test_in_a_user_s_folder_any_length_is_right(videos: Path) -> None:
    dataset = open_dataset(videos)
    assert Status(dataset, tuple(examined(dataset))).of_other_length == ()
