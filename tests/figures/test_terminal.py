"""The time line as plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from av2a.figures.terminal import NARROWEST, timeline_text
from tests.detections import BOTH, crowded, detection, empty, event, hostile, park, park_truth
from tests.exports.answers import Recipe, made, recipes

PARK = """\
                  0:00        0:02         0:04        0:06         0:08    0:10
                  ┼───────────┼────────────┼───────────┼────────────┼──────────┼
dog barking heard ···················╱╱╱╱╱╱╱╱╱╱╱╱·······························
            seen  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░···················
            both  ···················████████████·······························
speech      heard ······╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱╱·························╱╱╱╱╱╱╱╱╱╱╱╱
            seen  ······························································
            both  ······························································"""

PARK_ASCII = """\
                  0:00                 0:05             0:10
                  +--------------------+-------------------+
dog barking heard .............////////.....................
            truth              ============
            seen  ooooooooooooooooooooooooooooo.............
            truth ==================================
            both  .............########.....................
            truth              ============
speech      heard ..../////////////.................////////
            seen  ..........................................
            both  ..........................................
siren       heard ..........................................
            truth                          ====
            seen  ..........................................
            both  .........................................."""


def test_a_time_line_looks_like_this() -> None:
    assert timeline_text(park(), 80) == PARK


def test_a_plain_time_line_with_truth_looks_like_this() -> None:
    assert timeline_text(park(), 60, ascii_only=True, truth=park_truth()) == PARK_ASCII


@given(recipes(), st.integers(1, 200), st.booleans())
def test_no_line_is_wider_than_the_terminal(recipe: Recipe, width: int, ascii_only: bool) -> None:
    answer = made(recipe)
    text = timeline_text(answer, width, ascii_only=ascii_only, truth=answer.events)
    if answer.events:
        assert max(cell_len(line) for line in text.splitlines()) <= max(width, NARROWEST)
    if ascii_only:
        assert text.isascii()


@pytest.mark.parametrize("ascii_only", [False, True])
def test_every_bar_begins_in_the_same_column_whatever_the_label(ascii_only: bool) -> None:
    lines = timeline_text(hostile(), 80, ascii_only=ascii_only).splitlines()[2:]
    starts = {
        cell_len(line[: line.index(word)]) for line in lines for word in ("heard", "seen", "both") if f" {word}" in line
    }
    assert len(lines) == 3 * len(hostile().labels)
    assert len(starts) == 1


def test_a_second_within_three_hours_is_still_seen() -> None:
    answer = detection([event("click", BOTH, 5_000, 5_001)], ["click"], of=crowded(1, 10_800.0).clip)
    assert timeline_text(answer, 80).count("█") == 1


def test_an_event_at_the_very_end_is_seen() -> None:
    answer = detection([event("click", BOTH, 10_799.5, 10_800)], ["click"], of=crowded(1, 10_800.0).clip)
    assert timeline_text(answer, 80).splitlines()[4].endswith("█")


def test_an_empty_answer_says_what_came_closest() -> None:
    assert timeline_text(empty(), 80) == (
        "none of the labels was found; closest: 'siren' heard at 0:04–0:05, score 0.871 against a threshold of 0.929"
    )
    assert timeline_text(empty(), 80, ascii_only=True).isascii()


def test_an_escape_sequence_in_a_label_does_not_reach_the_terminal() -> None:
    label = "red\x1b[31m alert\x07"
    assert "\x1b" not in timeline_text(detection([event(label, BOTH, 1, 2)], [label]), 80)


def test_both_alone_is_explained_beneath() -> None:
    alone = timeline_text(detection([event("siren", BOTH, 1, 2)], ["siren"]), 60)
    assert alone.splitlines()[-2:] == [
        '"both" has a score of its own here, so it can stand where',
        "heard or seen is missing",
    ]
