"""One row a name, three lanes a row."""

from av2a.figures.rows import closest_words, counted, missed_labels, printable, rows
from tests.detections import BOTH, HEARD, SEEN, detection, empty, event, park, park_truth


def test_names_found_or_true_have_a_row_in_the_order_asked() -> None:
    assert [row.label for row in rows(park())] == ["dog barking", "speech"]
    assert [row.label for row in rows(park(), park_truth())] == ["dog barking", "speech", "siren"]


def test_every_row_has_its_lanes_heard_seen_and_both() -> None:
    for row in rows(park(), park_truth()):
        assert [lane.modality for lane in row.lanes] == [HEARD, SEEN, BOTH]


def test_every_event_is_in_its_lane() -> None:
    in_lanes = {event for row in rows(park()) for lane in row.lanes for event in lane.found}
    assert in_lanes == set(park().events)


def test_names_not_found_are_told() -> None:
    assert missed_labels(park()) == ["siren"]
    assert counted(park()) == "2 of 3 names found"
    assert counted(empty()) == "none of the names was found"
    assert counted(detection([], ["siren"])) == "the name was not found"


def test_what_came_closest_is_told() -> None:
    assert closest_words(empty()) == ("closest: 'siren' heard at 0:04–0:05, score 0.871 against a threshold of 0.929")
    assert closest_words(park()) == ""


def test_a_name_cannot_move_the_cursor_or_turn_the_direction() -> None:
    assert printable("a\x1b[2Jb\u202ec\x07\u2066d") == "a�[2Jbc�d"


def test_a_joined_emoji_stays_whole() -> None:
    assert printable("🐕‍🦺 barks") == "🐕‍🦺 barks"


def test_events_of_names_that_were_not_asked_for_are_not_drawn() -> None:
    assert [row.label for row in rows(park(), [event("piano", HEARD, 1, 2)])] == ["dog barking", "speech"]
