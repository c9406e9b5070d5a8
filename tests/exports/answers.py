"""Answers with any labels and times, for laws that every format keeps."""

from typing import NamedTuple

from hypothesis import strategies as st

from av2a.settings import PROFILES, Settings
from av2a.types import Detection, Event, Modality
from tests.detections import HOSTILE_LABELS, detection

_LABELS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40) | st.sampled_from(
    HOSTILE_LABELS
)
_SETTINGS = {**PROFILES, "changed": Settings(decay=0.1 + 0.2, silence_dbfs=None, background=("a\nb", "<c>"))}


class Recipe(NamedTuple):
    """What an answer is made from. The answer itself is made in the test: shape checks draw at random, strategies must not."""

    labels: list[str]
    events: list[tuple[int, Modality, int, int, int]]
    """Label's index, stream, start and length in milliseconds, confidence in ten-thousandths."""
    settings: str


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
    return Recipe(labels, draw(st.lists(event, max_size=5)), draw(st.sampled_from(sorted(_SETTINGS))))


def made(recipe: Recipe) -> Detection:
    """The answer of a recipe."""
    events = [
        Event(recipe.labels[label], modality, start / 1000, (start + length) / 1000, confidence / 10_000)
        for label, modality, start, length, confidence in recipe.events
    ]
    return detection(events, recipe.labels, settings=_SETTINGS[recipe.settings])
