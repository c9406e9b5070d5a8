"""WebVTT: captions that players show."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import webvtt
from hypothesis import given, settings

from av2a.exports import webvtt as writer
from av2a.exports.rows import clock
from av2a.types import CAUTION, Detection
from tests.detections import BOTH, HOSTILE_LABELS, crowded, detection, empty, event, hostile, park
from tests.exports.answers import Recipe, made, recipes


def cues(answer: Detection) -> list[webvtt.Caption]:
    return list(webvtt.from_buffer(StringIO(writer.dumps(answer), newline="\n")).captions)


def test_a_cue_says_what_is_heard_and_when() -> None:
    second = cues(park())[1]
    assert (second.start, second.end, second.text) == ("00:00:01.000", "00:00:04.000", "heard: speech")


def test_a_clip_without_events_is_a_valid_file_without_cues() -> None:
    assert cues(empty()) == []
    assert "no event was found" in writer.dumps(empty())


@settings(max_examples=50)
@given(recipes())
def test_every_event_is_one_cue_at_its_time(recipe: Recipe) -> None:
    answer = made(recipe)
    found = cues(answer)
    assert [cue.start for cue in found] == [clock(event.start_seconds) for event in answer.events]
    assert [cue.end for cue in found] == [clock(event.stop_seconds) for event in answer.events]


@pytest.mark.parametrize("label", HOSTILE_LABELS)
def test_no_label_breaks_out_of_its_cue(label: str) -> None:
    text = writer.cue_text(event(label, BOTH, 0.0, 1.0))
    assert len(text.splitlines()) == 1
    assert "-->" not in text
    assert "<" not in text
    assert text.startswith("both: ")


def test_escapes_stand_for_the_characters_that_were_meant() -> None:
    assert writer.cue_text(event("a <b> & c", BOTH, 0.0, 1.0)) == "both: a &lt;b&gt; &amp; c"


def test_times_beyond_an_hour_have_two_digits_each() -> None:
    assert cues(crowded(1, 10_800.0))[-1].start == "02:08:34.286"


def test_the_file_is_utf8_with_a_final_line_break(tmp_path: Path) -> None:
    writer.write(hostile(), tmp_path / "out.vtt")
    data = (tmp_path / "out.vtt").read_bytes()
    assert data.startswith(b"WEBVTT\n")
    assert data.endswith(b"\n")
    assert "🔊" in data.decode("utf-8")
    assert b"\r" not in data


def test_a_worthless_answer_says_so_in_a_note() -> None:
    text = writer.dumps(replace(park(), warnings=(CAUTION,)))
    assert text.startswith(f"WEBVTT\n\nNOTE {CAUTION}\n\n1\n")
    assert len(list(webvtt.from_buffer(StringIO(text, newline="\n")).captions)) == 5


def test_a_label_of_line_breaks_only_leaves_a_cue() -> None:
    assert len(cues(detection([event("\n\n", BOTH, 0.0, 1.0)], ["\n\n"]))) == 1
