"""One row a label, three lanes a row."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from av2a.figures.rows import (
    BINS,
    LEVELS,
    closest_words,
    found_lengths,
    found_words,
    lone_both_words,
    missed_labels,
    printable,
    rows,
    shades,
)
from tests.detections import BOTH, HEARD, SEEN, detection, empty, event, park, park_truth


def test_labels_found_or_true_have_a_row_in_their_order() -> None:
    assert [row.label for row in rows(park())] == ["dog barking", "speech"]
    assert [row.label for row in rows(park(), park_truth())] == ["dog barking", "speech", "siren"]


def test_every_row_has_its_lanes_heard_seen_and_both() -> None:
    for row in rows(park(), park_truth()):
        assert [lane.modality for lane in row.lanes] == [HEARD, SEEN, BOTH]


def test_every_event_is_in_its_lane() -> None:
    in_lanes = {event for row in rows(park()) for lane in row.lanes for event in lane.found}
    assert in_lanes == set(park().events)


def test_labels_not_found_are_listed_and_counted() -> None:
    assert missed_labels(park()) == ["siren"]
    assert found_words(park()) == "2 of 3 labels found"
    assert found_words(empty()) == "none of the labels was found"
    assert found_words(detection([], ["siren"])) == "the label was not found"


def test_the_closest_miss_is_put_into_words() -> None:
    assert closest_words(empty()) == ("closest: 'siren' heard at 0:04–0:05, score 0.871 against a threshold of 0.929")
    assert closest_words(park()) == ""


def test_a_label_cannot_move_the_cursor_or_turn_the_direction() -> None:
    assert printable("a\x1b[2Jb\u202ec\x07\u2066d") == "a�[2Jbc�d"


def test_a_joined_emoji_stays_whole() -> None:
    assert printable("🐕‍🦺 barks") == "🐕‍🦺 barks"


def test_events_of_other_labels_are_not_drawn() -> None:
    assert [row.label for row in rows(park(), [event("piano", HEARD, 1, 2)])] == ["dog barking", "speech"]


def test_rejected_candidates_are_in_their_lane_with_their_score() -> None:
    rejected = [each for row in rows(park()) for lane in row.lanes for each in lane.rejected]
    assert [(each.start_seconds, each.stop_seconds, each.score) for each in rejected] == [(8.0, 10.0, 0.7123)]
    assert rows(park())[0].lanes[1].rejected == tuple(rejected)


def test_lengths_found_are_summed_for_each_modality() -> None:
    assert [found_lengths(row) for row in rows(park())] == ["heard 2 s, seen 7 s, both 2 s", "heard 5 s"]


def test_both_alone_is_explained_only_where_it_stands_alone() -> None:
    assert lone_both_words(park()) == ""
    heard, seen = event("a", HEARD, 1, 3), event("a", SEEN, 2, 4)
    assert lone_both_words(detection([heard, event("a", BOTH, 2, 3), seen], ["a"])) == ""
    for events in ([event("a", BOTH, 2, 3)], [heard, event("a", BOTH, 2, 3)], [heard, event("a", BOTH, 2, 4), seen]):
        assert "score of its own" in lone_both_words(detection(events, ["a"]))
    touching = [event("a", HEARD, 1, 2), event("a", SEEN, 1, 3), event("a", BOTH, 1, 3), event("a", HEARD, 2, 3)]
    assert lone_both_words(detection(touching, ["a"])) == ""


SPANS = st.lists(st.tuples(st.integers(0, 7190), st.integers(1, 10)), min_size=1, max_size=60)


@given(SPANS)
def test_shades_say_how_much_of_each_bin_is_covered(spans: list[tuple[int, int]]) -> None:
    events = [event("a", HEARD, start, start + length) for start, length in spans]
    drawn = shades(events, 7200.0, 1.0)
    covered = np.zeros(7200, dtype=bool)
    for start, length in spans:
        covered[start : start + length] = True
    levels = np.ceil(covered.reshape(BINS, -1).mean(axis=1) * LEVELS - 1e-6)
    rebuilt = np.zeros(BINS)
    for each in drawn:
        rebuilt[round(each.start_seconds / 18) : round(each.stop_seconds / 18)] = each.level
    if drawn:
        assert rebuilt.tolist() == levels.tolist()


def test_bars_that_can_be_told_apart_are_not_shaded() -> None:
    near = [event("a", HEARD, 10, 11), event("a", HEARD, 12, 13)]
    far = [event("a", HEARD, 10, 11), event("a", HEARD, 50, 51)]
    assert shades(near, 60.0, 1.0) == shades(far, 7200.0, 1.0) == shades([], 7200.0, 1.0) == []
    assert shades(near, 7200.0, 1.0) != []
