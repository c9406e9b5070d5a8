"""Laws of a method's answers, whatever the scores: none contradicts itself, every confidence is a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from av2a.detector import closest_miss
from av2a.methods.av2a.candidates import held
from av2a.methods.av2a.method import parse
from av2a.settings import Settings, ValidationRule
from av2a.timeline import Grid
from av2a.types import Candidate, Modality, Parsing, ScoredClip, Scores, StreamParsing

SEGMENTS, CATEGORIES = 12, 3
HEARD, SEEN, BOTH = Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL


def drawn(seed: int, *, missing: float = 0.15) -> ScoredClip:
    """Smooth random scores; some segments have none in one stream or the other."""
    rng = np.random.default_rng(seed)

    def stream() -> Scores:
        steps = rng.normal(0, 0.25, (SEGMENTS, CATEGORIES)).cumsum(axis=0) + rng.uniform(0, 1, CATEGORIES)
        segments = np.clip(steps, 0, 1).astype(np.float32)
        segments[rng.random(SEGMENTS) < missing] = np.nan
        whole = np.where(np.isnan(segments).all(), np.nan, np.nanmax(segments, axis=0, initial=0))
        return Scores(whole=whole[None].astype(np.float32), segments=segments)

    return ScoredClip(audio=stream(), visual=stream())


def mask(stream: StreamParsing) -> np.ndarray:
    painted = np.zeros((SEGMENTS, CATEGORIES), dtype=bool)
    for each in stream.found:
        painted[each.start : each.stop, each.label] = True
    return painted


def masks(parsing: Parsing) -> dict[Modality, np.ndarray]:
    return {modality: mask(stream) for modality, stream in parsing.streams.items()}


@limits(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_both_is_where_heard_and_seen_are_and_nowhere_else(seed: int) -> None:
    found = masks(parse(drawn(seed), Settings.of("scores")))
    assert np.array_equal(found[BOTH], found[HEARD] & found[SEEN])


def test_without_consistency_answers_do_contradict_themselves() -> None:
    settings = Settings.of("scores").replace(consistent=False)
    found = [masks(parse(drawn(seed), settings)) for seed in range(100)]
    assert any((each[BOTH] & ~(each[HEARD] & each[SEEN])).any() for each in found)


@limits(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_what_a_stream_has_from_the_others_is_marked_and_nothing_else(seed: int) -> None:
    settings = Settings.of("scores")
    alone = masks(parse(drawn(seed), settings.replace(consistent=False)))
    together = parse(drawn(seed), settings)
    for modality, stream in together.streams.items():
        derived = np.zeros((SEGMENTS, CATEGORIES), dtype=bool)
        for each in stream.trace.derived:
            derived[each.start : each.stop, each.label] = True
        assert np.array_equal(derived, mask(stream) & ~alone[modality])
        assert not (alone[modality] & ~mask(stream)).any()


@limits(max_examples=200)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["practical", "released", "paper", "scores"]),
    st.booleans(),
    st.sampled_from(ValidationRule),
)
def test_every_confidence_is_a_number(seed: int, profile: str, keep_best: bool, rule: ValidationRule) -> None:
    settings = Settings.of(profile).replace(
        keep_best=keep_best, validation_rule=rule, category_threshold=0.2, initial_threshold=0.4
    )
    for stream in parse(drawn(seed, missing=0.4), settings).streams.values():
        assert np.isfinite(stream.confidences).all()
        assert len(stream.confidences) == len(stream.found)


def test_a_candidate_that_bridges_a_segment_without_a_score_is_validated_by_the_others() -> None:
    segments = np.array([[0.9], [0.9], [np.nan], [0.9], [0.9]], np.float32)
    scores = Scores(whole=np.array([[0.9]], np.float32), segments=segments)
    settings = Settings.of("scores").replace(merge_gap_seconds=1.0)
    heard = parse(ScoredClip(audio=scores, visual=scores), settings).streams[HEARD]
    assert heard.found == (Candidate(0, 0, 5),) and list(heard.confidences) == pytest.approx([0.9])


def test_scores_beyond_what_thresholds_can_be_computed_for_are_refused() -> None:
    scores = Scores(whole=np.full((1, 2), 1e8, np.float32), segments=np.full((5, 2), 1e8, np.float32))
    with pytest.raises(ValueError, match=r"scores must lie within ±1e\+06, got 1e\+08: scale them down"):
        ScoredClip(audio=scores, visual=scores)


@pytest.mark.parametrize("scale", [1e6, -1e6, 1e-20])
@pytest.mark.parametrize("profile", ["practical", "released", "paper"])
def test_scores_within_the_bound_are_decided(profile: str, scale: float) -> None:
    segments = (scale * np.random.default_rng(0).random((30, 8))).astype(np.float32)
    scores = Scores(whole=segments.mean(axis=0, keepdims=True), segments=segments)
    for stream in parse(ScoredClip(audio=scores, visual=scores), Settings.of(profile)).streams.values():
        assert np.isfinite(stream.trace.thresholds[:, stream.trace.kept]).all()


def test_hysteresis_bridges_one_segment_and_ends_one_later() -> None:
    present = np.array([[1, 0, 1, 0, 0, 1, 0]], dtype=bool).T
    above = np.array([[1, 1, 1, 1, 1, 1, 0]], dtype=bool).T
    assert held(present, above)[:, 0].astype(int).tolist() == [1, 1, 1, 1, 0, 1, 0]


@given(st.integers(0, 2**32 - 1), st.integers(1, SEGMENTS))
def test_hysteresis_depends_on_no_later_segment(seed: int, count: int) -> None:
    present, above = np.random.default_rng(seed).random((2, SEGMENTS, CATEGORIES)) > 0.5
    assert np.array_equal(held(present, above)[:count], held(present[:count], above[:count]))


# The closest miss.


def test_a_clip_that_another_model_scored_whole_is_missed_over_its_whole_length() -> None:
    settings = Settings.of("released").replace(category_threshold=0.9)
    segments = np.full((25, 1), 0.5, np.float32)
    scores = Scores(whole=np.array([[0.6]], np.float32), segments=segments)
    miss = closest_miss([parse(ScoredClip(audio=scores, visual=scores), settings)], ["dog"], Grid(25.0), settings)
    assert miss is not None and (miss.start_seconds, miss.stop_seconds) == (0.0, 25.0)


def test_a_miss_by_the_rule_of_the_strongest_names_the_score_that_decided() -> None:
    segments = np.tile(np.array([[0.7, 0.8]], np.float32), (6, 1))
    scores = Scores(whole=segments[:1], segments=segments)
    settings = Settings.of("scores").replace(validation_rule="argmax")
    parsing = parse(ScoredClip(audio=scores, visual=scores), settings)
    heard = parsing.streams[HEARD]
    [(candidate, score)] = heard.rejected
    assert candidate == Candidate(0, 0, 6) and score == pytest.approx(0.7)
    assert list(heard.required) == pytest.approx([0.8])
    only = Parsing(
        {
            each: StreamParsing(s.trace, (), rejected=s.rejected, required=s.required)
            for each, s in parsing.streams.items()
        }
    )
    miss = closest_miss([only], ["dog", "cat"], Grid(6.0), settings)
    assert miss is not None and miss.threshold == pytest.approx(0.8) and "strongest" in miss.reason
