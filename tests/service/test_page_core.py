"""The page's own thresholds against the method's, in the browser."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from av2a.methods.av2a import candidates, method, scores, thresholds
from av2a.methods.av2a.thresholds import ThresholdTracker
from av2a.service.scores import STREAMS, SegmentScores
from av2a.settings import Settings, ThresholdRule
from av2a.types import Modality, ScoredClip, Scores

RULES = list(ThresholdRule)
CASES = 1000


def random_case(rng: np.random.Generator) -> dict[str, Any]:
    """One parsing: few or many labels and segments, some not observed, some not allowed."""
    segments, categories = int(rng.integers(1, 30)), int(rng.integers(1, 7))
    return {
        "scores": rng.uniform(0.2, 1, (segments, categories)),
        "observed": rng.random(segments) < 0.9,
        "similarity": None if rng.random() < 0.3 else rng.uniform(-0.2, 1.0, segments),
        "allowed": rng.random((segments, categories)) < 0.8,
        "initial": rng.uniform(0.3, 0.95, categories),
        "decay": float(rng.uniform(0, 5)),
        "ridge": float(rng.uniform(0.05, 2)),
        "rule": RULES[int(rng.integers(len(RULES)))],
        "timesScores": bool(rng.random() < 0.5),
    }


def tracked(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and decisions of the method itself."""
    tracker = ThresholdTracker(
        case["initial"][None],
        np.array([case["decay"]]),
        len(case["initial"]),
        rule=case["rule"],
        ridge=case["ridge"],
        ratio_times_scores=case["timesScores"],
    )
    thresholds, present = [], []
    for t, row in enumerate(case["scores"]):
        similarity = None if case["similarity"] is None else case["similarity"][t : t + 1]
        step = tracker.step(
            row[None], similarity, allowed=case["allowed"][t][None], observed=case["observed"][t : t + 1]
        )
        thresholds.append(step[0].copy())
        present.append(tracker.present[0].copy())
    return np.array(thresholds), np.array(present)


# Numbers travel as one text: the driver would walk through each of them.
RUN = """async (cases) => {
  const { movingThresholds } = await import("/core.js");
  return JSON.stringify(JSON.parse(cases).map((each) => {
    const { thresholds, present } = movingThresholds(each.scores.map((row) => Float64Array.from(row)), Uint8Array.from(each.observed),
      each.similarity && Float64Array.from(each.similarity), each.allowed.map((row) => Uint8Array.from(row)), each);
    return [thresholds.map((row) => [...row]), present.map((row) => [...row])];
  }));
}"""


def test_thresholds_and_decisions_are_those_of_the_tracker(opened: Callable[..., Any]) -> None:
    rng = np.random.default_rng(13)
    cases = [random_case(rng) for _ in range(CASES)]
    plain = [
        {
            **case,
            "rule": case["rule"].value,
            "scores": case["scores"].T.tolist(),
            "allowed": case["allowed"].T.astype(int).tolist(),
            "observed": case["observed"].astype(int).tolist(),
            "similarity": None if case["similarity"] is None else case["similarity"].tolist(),
            "initial": case["initial"].tolist(),
        }
        for case in cases
    ]
    answers = json.loads(opened().evaluate(RUN, json.dumps(plain)))
    differences = []
    for case, (moving, present) in zip(cases, answers, strict=True):
        expected, decided = tracked(case)
        assert (np.array(present).T.astype(bool) == decided).all()
        differences.append(np.abs(np.array(moving).T - expected).max())
    assert max(differences) <= 1e-12


PARSE = """async (given) => {
  const { Parser, unpack } = await import("/core.js");
  const { content, labels, settings, seconds } = JSON.parse(given);
  const parser = new Parser(unpack(Uint8Array.from(content).buffer), labels, seconds);
  return JSON.stringify(settings.map((each) => { const { events, rejected, opened } = parser.parse(each, 0); return { events, rejected, thresholds: opened.map((o) => o.thresholds && [...o.thresholds]) }; }));
}"""


def random_settings(rng: np.random.Generator) -> Settings:
    """Settings that the page follows, of every switch that it knows."""
    labels = {f"label {number}": float(rng.normal()) for number in range(2)} | {"heard": float(rng.normal() / 2)}
    return Settings.practical(
        audio_weight=float(rng.uniform(0.2, 0.8)),
        category_threshold=float(rng.uniform(0.6, 0.95)),
        initial_threshold=float(rng.uniform(0.5, 0.9)),
        confidence_threshold=float(rng.uniform(0.5, 0.9)),
        decay=float(rng.uniform(0, 4)),
        strictness=labels if rng.random() < 0.5 else {},
        threshold_rule=RULES[int(rng.integers(len(RULES)))],
        select_categories=bool(rng.random() < 0.8),
        validate=bool(rng.random() < 0.8),
        minimum_duration_seconds=float(rng.integers(1, 4)),
        merge_gap_seconds=float(rng.integers(0, 3)),
        merge_first=bool(rng.random() < 0.5),
        hold_threshold=None if rng.random() < 0.3 else 0.55,
        consistent=bool(rng.random() < 0.5),
        cosine_for_audio=bool(rng.random() < 0.3),
    )


def test_candidates_and_events_are_those_of_the_method_where_intervals_are_scored_by_their_means(
    opened: Callable[..., Any],
) -> None:
    """Scores of another model have just these means as P′, so everything must agree, heard and both included."""
    rng = np.random.default_rng(7)
    segments, names = 40, [f"label {number}" for number in range(4)]
    smooth = np.cumsum(rng.normal(size=(2, segments, 4)), axis=1)
    heard, seen = (1 / (1 + np.exp(smooth.mean(axis=1, keepdims=True) - smooth))).astype(np.float32)
    frames = rng.normal(size=(segments, 6)).astype(np.float32) + 1
    windows = np.zeros((1, 4), np.float32)
    scored = ScoredClip(Scores(windows, heard), Scores(windows, seen), frames)
    everywhere = np.ones(segments, dtype=bool)
    one = thresholds.step_similarity(frames, everywhere)
    assert one is not None
    packed = SegmentScores(heard, seen, everywhere, everywhere, np.arange(segments) // 10, np.stack([one] * 3)).packed()
    chosen = [random_settings(rng) for _ in range(80)]
    given = {"content": list(packed), "labels": names, "settings": [each.as_dict() for each in chosen], "seconds": 1.0}
    answers = json.loads(opened().evaluate(PARSE, json.dumps(given)))

    def parsed(settings: Settings) -> Any:
        """The method's steps, with the labels' names for strictness."""
        streams = [
            replace(stream, strictness=scores.strictness(names, stream.modality, settings))
            for stream in (
                scores.stream_scores(scored, modality, settings)
                for modality in (Modality.VISUAL, Modality.AUDIO, Modality.AUDIO_VISUAL)
            )
        ]
        selected = [scores.selected_scores(stream, settings) for stream in streams]
        moved = [thresholds.moving_thresholds(each, settings) for each in selected]
        found = [candidates.candidate_intervals(*pair, settings) for pair in zip(selected, moved, strict=True)]
        own = candidates.interval_scores(scored, found, settings)
        return candidates.answer(
            scored, [candidates.validated(*pair, settings) for pair in zip(found, own, strict=True)], settings
        )

    assert method.parse(scored, Settings()).streams  # The steps above are its own.
    several = 0
    for settings, mine in zip(chosen, answers, strict=True):
        parsing = parsed(settings)
        expected = {
            (each.label, number, each.start, each.stop): confidence
            for number, modality in enumerate(STREAMS)
            for each, confidence in zip(
                parsing.streams[modality].found, parsing.streams[modality].confidences, strict=True
            )
        }
        got = {tuple(event[:4]): event[4] for event in mine["events"]}
        assert got.keys() == expected.keys(), settings
        assert all(abs(got[key] - expected[key]) < 1e-6 for key in got)
        several += len(got) > 3
        rejected = {
            (each.label, number, each.start, each.stop)
            for number, modality in enumerate(STREAMS)
            for each, _ in parsing.streams[modality].rejected
        }
        assert {tuple(each[:4]) for each in mine["rejected"]} == rejected
    assert several > 20
