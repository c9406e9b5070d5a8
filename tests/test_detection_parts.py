"""Events, traces and the closest miss of a method's parsings."""

from dataclasses import replace

import numpy as np
import pytest

from av2a.detector import ORDER, closest_miss, events_of, traces_of
from av2a.settings import Settings
from av2a.timeline import Grid
from av2a.types import Candidate, KnownLabel, Modality, Parsing, StreamParsing, Trace

LABELS = ("dog", "cat")
GRID = Grid(4.0)


def trace(modality: Modality, scores: np.ndarray, *, selected: bool = True) -> Trace:
    return Trace(
        modality=modality,
        window_scores=np.array([[0.3, 0.4]]),
        selected=np.full(scores.shape, selected),
        scores=scores,
        thresholds=np.full(scores.shape, 0.7),
    )


def parsing(stream: StreamParsing, first_segment: int = 0) -> Parsing:
    return Parsing(
        {modality: replace(stream, trace=replace(stream.trace, modality=modality)) for modality in Modality},
        first_segment,
    )


def test_events_are_sorted_by_time_then_label_then_heard_seen_both() -> None:
    scores = np.zeros((4, 2))
    stream = StreamParsing(trace(Modality.AUDIO, scores), (), (Candidate(1, 0, 2), Candidate(0, 0, 2)), (0.9, 0.8))
    found = events_of([parsing(stream)], LABELS, GRID)
    assert [(event.label, event.modality.word) for event in found] == [
        (label, word) for label in LABELS for word in ("heard", "seen", "both")
    ]


def test_a_later_stretch_keeps_its_own_times() -> None:
    stream = StreamParsing(trace(Modality.AUDIO, np.zeros((2, 2))), (), (Candidate(0, 0, 2),), (0.9,))
    assert events_of([parsing(stream, first_segment=2)], LABELS, GRID)[0].start_seconds == 2.0


def test_traces_keep_rejected_candidates_in_segments_of_the_clip() -> None:
    stream = StreamParsing(trace(Modality.AUDIO, np.zeros((2, 2))), (), (), (), ((Candidate(1, 0, 2), 0.5),), (0.9,))
    heard, *_ = traces_of([parsing(stream), parsing(stream, first_segment=2)])
    assert heard.rejected == ((Candidate(1, 0, 2), 0.5), (Candidate(1, 2, 4), 0.5))


def test_the_closest_miss_is_a_rejected_candidate_before_a_segment() -> None:
    scores = np.array([[0.1, 0.2], [0.1, 0.69], [0.1, 0.1], [0.0, 0.0]])
    stream = StreamParsing(trace(Modality.AUDIO, scores), (), (), ())
    by_segment = closest_miss([parsing(stream)], LABELS, GRID, Settings())
    assert by_segment is not None
    assert (by_segment.label, by_segment.start_seconds, by_segment.score) == ("cat", 1.0, 0.69)
    rejected = replace(stream, rejected=((Candidate(0, 2, 4), 0.5),), required=(0.9,))
    by_candidate = closest_miss([parsing(rejected)], LABELS, GRID, Settings())
    assert by_candidate is not None
    assert (by_candidate.label, by_candidate.stop_seconds) == ("dog", 4.0)


def test_where_nothing_was_selected_the_closest_miss_is_a_window() -> None:
    stream = StreamParsing(trace(Modality.AUDIO, np.full((4, 2), np.nan), selected=False), (), (), ())
    miss = closest_miss([parsing(stream)], LABELS, GRID, Settings())
    assert miss is not None
    assert (miss.label, miss.start_seconds, miss.stop_seconds, miss.reason) == (
        "cat",
        0.0,
        4.0,
        "not selected over its window",
    )


def test_a_selected_label_without_scores_is_no_window_that_was_missed() -> None:
    # As in the released profile: of one selected label, normalised again over itself alone.
    stream = StreamParsing(trace(Modality.AUDIO, np.full((4, 2), np.nan), selected=False), (), (), ())
    miss = closest_miss([parsing(stream)], LABELS, GRID, Settings())
    assert miss is not None and miss.label == "cat"
    selected = np.tile([False, True], (4, 1))
    stream = replace(stream, trace=replace(stream.trace, selected=selected))
    other = closest_miss([parsing(stream)], LABELS, GRID, Settings())
    assert other is not None and (other.label, other.reason) == ("dog", "not selected over its window")
    assert other.score < miss.score


@pytest.mark.parametrize("selected", [True, False])
def test_what_is_not_known_is_no_closest_miss(selected: bool) -> None:
    scores = np.full((4, 2), np.nan) if not selected else np.array([[0.1, 0.69]] * 4)
    rejected = ((Candidate(1, 0, 2), 0.8),) if selected else ()
    stream = StreamParsing(
        trace(Modality.AUDIO, scores, selected=selected), (), (), (), rejected, (0.9,) * len(rejected)
    )
    dog, cat = KnownLabel("dog", "Dog", "dog"), KnownLabel("cat", "Cat", "cat")
    for known, label, modality in [
        ((dog, cat), "cat", Modality.AUDIO),
        ((dog, KnownLabel("cat", None, "cat")), "cat", Modality.VISUAL),
        ((dog, KnownLabel("cat")), "dog", Modality.AUDIO),
    ]:
        miss = closest_miss([parsing(stream)], LABELS, GRID, Settings(), known)
        assert miss is not None
        assert (miss.label, miss.modality) == (label, modality)
    nothing = (KnownLabel("dog"), KnownLabel("cat"))
    assert closest_miss([parsing(stream)], LABELS, GRID, Settings(), nothing) is None


def test_where_nothing_was_scored_there_is_no_closest_miss() -> None:
    nothing = replace(
        trace(Modality.AUDIO, np.full((4, 2), np.nan), selected=False), window_scores=np.full((1, 2), np.nan)
    )
    assert closest_miss([parsing(StreamParsing(nothing, (), (), ()))], LABELS, GRID, Settings()) is None


def test_traces_of_stretches_are_joined() -> None:
    stream = StreamParsing(trace(Modality.AUDIO, np.zeros((2, 2))), (), (), ())
    joined = traces_of([parsing(stream), parsing(stream, first_segment=2)])
    assert [each.modality for each in joined] == list(ORDER)
    assert joined[0].scores.shape == (4, 2)
    assert joined[0].window_scores.shape == (2, 2)
