"""Chapters of a clip, for YouTube and for players."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings

from av2a.exports import webvtt_chapters, youtube
from av2a.exports.chapters import NOTHING, chapters
from av2a.exports.frames import Frames
from tests.detections import BOTH, HEARD, SEEN, clip, detection, event
from tests.exports.answers import Recipe, made, recipes


@settings(max_examples=50)
@given(recipes())
def test_chapters_cover_the_clip_without_gap_or_overlap(recipe: Recipe) -> None:
    answer = made(recipe)
    for shortest in (0.0, 3.0):
        found = chapters(answer, shortest)
        assert found[0].start_seconds == 0.0
        assert found[-1].stop_seconds == answer.clip.duration_seconds
        assert all(one.stop_seconds == next_.start_seconds for one, next_ in pairwise(found))
        assert len(found) == 1 or all(round(each.stop_seconds - each.start_seconds, 3) >= shortest for each in found)


def test_youtube_gets_chapters_of_ten_seconds_or_more_in_ascending_order() -> None:
    events = [
        event("dog <barking>", BOTH, 0, 30.4),
        event("siren", BOTH, 20, 22),
        event("rain", BOTH, 3_700, 3_800),
        event("wind", HEARD, 40, 50),
    ]
    answer = detection(events, ["dog <barking>", "siren", "rain", "wind"], of=clip(4_000.0))
    assert youtube.dumps(answer) == f"0:00 dog ‹barking›\n0:30 {NOTHING}\n1:01:40 rain\n1:03:20 {NOTHING}\n"


def test_a_player_gets_a_chapter_for_each_part_in_which_something_happens() -> None:
    events = [event("dog", HEARD, 1, 4), event("a & b", SEEN, 3, 5)]
    assert webvtt_chapters.dumps(detection(events, ["dog", "a & b"])) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\ndog\n\n00:00:03.000 --> 00:00:04.000\ndog, a &amp; b\n\n"
        "00:00:04.000 --> 00:00:05.000\na &amp; b\n"
    )


def test_halves_of_frames_are_rounded_up_and_no_event_is_lost() -> None:
    frames = Frames(Fraction(25))
    assert [frames.at_or_near(time) for time in (3.5, 3.46, 0.02, 0.0)] == [88, 87, 1, 0]
    assert frames.interval(event("dog", HEARD, 1.0, 1.001)) == (25, 26)


def test_rates_of_television_are_fractions() -> None:
    rates = [Frames.at(rate).rate for rate in (23.976, 29.97, 59.94, 24.0, 30.0, 1.0, 12.5, None, 0.0, float("nan"))]
    assert rates == [*(Fraction(1000 * each, 1001) for each in (24, 30, 60)), 24, 30, 1, Fraction(25, 2), 25, 25, 25]
    drop_free = Frames(Fraction(30_000, 1001))
    assert drop_free.timecode(drop_free.at_or_near(3600.0)) == "00:59:56:12"
    assert drop_free.frame("00:59:56:12") == drop_free.at_or_near(3600.0)
