"""Answers with any labels, times, scores and settings, for laws that every format keeps."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from av2a.types import CAUTION, Candidate, ClosestMiss, Detection, Event, KnownLabel, Modality, Trace
from tests.any_settings import SettingsRecipe, any_settings
from tests.detections import HOSTILE_LABELS, clip, detection

_LABELS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40) | st.sampled_from(
    HOSTILE_LABELS
)
_TAGS = st.none() | _LABELS
_SCORES = st.floats(allow_nan=True, allow_infinity=True, width=32)


class Recipe(NamedTuple):
    """What an answer is made from. The answer itself is made in the test: shape checks draw at random, strategies must not."""

    labels: list[str]
    events: list[tuple[int, Modality, int, int, int]]
    """Label's index, modality, start and length in milliseconds, confidence in ten-thousandths."""
    settings: SettingsRecipe
    closest: tuple[float, float, str]
    """Score, threshold and reason, for an answer without events."""
    scores: list[float]
    """Repeated as often as needed in scores and thresholds."""
    caution: bool
    known: list[tuple[str | None, str | None]]
    """What each label is heard and seen as, from a backbone that knows only some things; none from others."""


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    labels = draw(st.lists(_LABELS, min_size=1, max_size=4, unique=True))
    event = st.tuples(
        st.integers(0, len(labels) - 1),
        st.sampled_from(Modality),
        st.integers(0, 9_000),
        st.integers(1, 1_000),
        st.integers(0, 10_000),
    )
    return Recipe(
        labels,
        draw(st.lists(event, max_size=5)),
        draw(any_settings()),
        draw(st.tuples(_SCORES, _SCORES, st.text(st.characters(codec="utf-8"), max_size=20))),
        draw(st.lists(_SCORES, min_size=1, max_size=9)),
        draw(st.booleans()),
        draw(st.just([]) | st.lists(st.tuples(_TAGS, _TAGS), min_size=len(labels), max_size=len(labels))),
    )


def made(recipe: Recipe) -> Detection:
    """The answer of a recipe; its times are whole milliseconds."""
    events = [
        Event(recipe.labels[label], modality, start / 1000, (start + length) / 1000, confidence / 10_000)
        for label, modality, start, length, confidence in recipe.events
    ]
    score, threshold, reason = recipe.closest
    closest = ClosestMiss(recipe.labels[0], Modality.VISUAL, 1.0, 2.0, score, threshold, reason)
    answer = detection(
        events, recipe.labels, settings=recipe.settings.made(), closest=None if events else closest, of=clip()
    )
    traces = tuple(_trace(modality, len(recipe.labels), recipe.scores) for modality in Modality)
    known = tuple(KnownLabel(label, *tags) for label, tags in zip(recipe.labels, recipe.known, strict=False))
    return replace(answer, known=known, traces=traces, warnings=(CAUTION, "more") if recipe.caution else ("some",))


def _trace(modality: Modality, labels: int, scores: list[float]) -> Trace:
    def table(rows: int, shift: int) -> np.ndarray:
        return np.resize(np.roll(np.array(scores), shift), (rows, labels))

    rejected = tuple((Candidate(0, index, index + 2), score) for index, score in enumerate(scores[:2]))
    return Trace(modality, table(1, 0), table(10, 1) > 0, table(10, 2), table(10, 3), rejected)
