"""The time line as a picture."""

import io
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from av2a.figures import timeline
from av2a.figures.looks import LOOKS
from av2a.types import CAUTION, Detection, Event
from tests.detections import (
    BOTH,
    HEARD,
    SEEN,
    agreeing,
    clip,
    crowded,
    detection,
    empty,
    event,
    hostile,
    long_recording,
    park,
    park_truth,
)

matplotlib = pytest.importorskip("matplotlib")

ANSWERS = {
    "park": park(),
    "empty": empty(),
    "hostile": hostile(),
    "one label": detection([event("a", BOTH, 0, 10)], ["a"]),
    "sixty labels, three hours": crowded(60, 10_800.0),
    "more labels than are drawn": crowded(timeline.MOST_ROWS + 5, 60.0),
    "a third of a second": detection([event("a", HEARD, 0, 0.3)], ["a"], of=clip(0.3)),
    "bars that merge": long_recording(7200.0, events=500),
    "parts from other modalities": agreeing(),
    "a caution": replace(park(), warnings=(CAUTION,)),
    "a file name that is not Unicode": detection(of=clip(path=Path("caf\udce9.mp4"))),
}


def drawn(answer: Detection, folder: Path, ending: str, truth: Sequence[Event] = ()) -> bytes:
    path = folder / f"out{ending}"
    timeline.write(answer, path, truth)
    return path.read_bytes()


def picture(answer: Detection, folder: Path, truth: Sequence[Event] = ()) -> np.ndarray:
    with Image.open(io.BytesIO(drawn(answer, folder, ".png", truth))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def amount(pixels: np.ndarray, colour: str) -> int:
    """How many points have about that colour: thin lines are blended with what is behind them."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return int((np.abs(pixels - wanted).sum(axis=2) < 60).sum())


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_every_answer_is_drawn_without_a_warning(answer: Detection, ending: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = drawn(answer, tmp_path, ending)
    if ending == ".svg":
        assert ElementTree.fromstring(data).tag.endswith("svg")
    else:
        Image.open(io.BytesIO(data)).verify()


def test_each_stream_is_drawn_in_its_own_colour(tmp_path: Path) -> None:
    pictures = {one: picture(detection([event("a", one, 2, 8)], ["a"]), tmp_path) for one in (HEARD, SEEN, BOTH)}
    for modality in (HEARD, SEEN, BOTH):
        colour = LOOKS[modality].colour
        # Each legend has some of it; the event itself much more.
        amounts = {one: amount(pixels, colour) for one, pixels in pictures.items()}
        own = amounts.pop(modality)
        assert own > max(amounts.values()) + 500


def test_truth_adds_an_outline(tmp_path: Path) -> None:
    without, with_truth = picture(park(), tmp_path), picture(park(), tmp_path, park_truth())
    dark, dark_with_truth = ((pixels.max(axis=2) < 170).sum() for pixels in (without, with_truth))
    assert dark_with_truth > dark + 1000


def test_a_second_within_three_hours_is_still_seen(tmp_path: Path) -> None:
    answer = detection([event("a", BOTH, 5_000, 5_001)], ["a"], of=clip(10_800.0))
    none = detection([event("a", SEEN, 5_000, 5_001)], ["a"], of=clip(10_800.0))
    edge = LOOKS[BOTH].colour
    assert amount(picture(answer, tmp_path), edge) >= amount(picture(none, tmp_path), edge) + 10


def test_the_users_own_matplotlib_style_changes_nothing(tmp_path: Path) -> None:
    plain = drawn(park(), tmp_path, ".svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "hatch.linewidth": 9, "svg.hashsalt": "x"}):
        assert drawn(park(), tmp_path, ".svg") == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_drawing_opens_no_window_and_loads_no_pyplot() -> None:
    assert "pyplot" not in Path(timeline.__file__).read_text(encoding="utf-8")


def test_a_long_label_is_cut_with_a_mark() -> None:
    with timeline._plain_matplotlib():
        cut = timeline._fitted("x" * 10_000, 100.0, size=10.0)
        assert cut.endswith("x…")
        assert timeline._points(cut, 10.0) <= 100 < timeline._points("x" + cut, 10.0)
        assert timeline._fitted("short", 100.0, size=10.0) == "short"


def test_what_the_font_cannot_draw_becomes_a_box() -> None:
    with timeline._plain_matplotlib():
        # An unassigned character, and a tag (of flags).
        assert timeline._fitted("\U000e0fff a\U000e0062", 100.0, size=10.0) == "▯ a"


def test_emoji_and_chinese_are_drawn_where_a_font_has_them() -> None:
    with timeline._plain_matplotlib():
        if len(timeline._families()) == 1:
            pytest.skip("none of the fallback fonts is installed")
        drawn = timeline._fitted("犬 ▯", 100.0, size=10.0), timeline._fitted("🔊 ▯", 100.0, size=10.0)
        assert "犬 ▯" in drawn or "🔊 ▯" in drawn


def test_the_caution_stands_in_the_picture(tmp_path: Path) -> None:
    warned, plain = replace(park(), warnings=(CAUTION,)), replace(park(), warnings=())
    alarm = [amount(picture(answer, tmp_path), timeline._ALARM) for answer in (warned, plain)]
    assert alarm[0] > alarm[1] + 500


def test_bars_that_would_merge_are_shaded_by_coverage(tmp_path: Path) -> None:
    # A second in every ten of two hours, then all of two hours: both are solid if each event is a bar.
    tenth = detection([event("a", BOTH, at, at + 1) for at in range(0, 7199, 10)], ["a"], of=clip(7200.0))
    all_of_it = detection([event("a", BOTH, 0, 7200)], ["a"], of=clip(7200.0))
    dark = [amount(picture(answer, tmp_path), LOOKS[BOTH].colour) for answer in (tenth, all_of_it)]
    assert dark[0] < dark[1] / 3
