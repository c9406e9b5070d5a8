"""Many clips at once come to what each comes to by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from av2a.background import BACKGROUND
from av2a.embeddings import ClipFeatures, Embeddings, LabelEmbeddings, Vocabulary
from av2a.methods.av2a.method import av2a, parse_all
from av2a.methods.av2a.scores import PartScores, vocabulary
from av2a.settings import Fusion, IntervalFeatures, Settings, ThresholdRule, ValidationRule
from av2a.types import Parsing
from tests.parts import made_features

FEATURES = 12
LABELS = ("dog barking", "speech", "violin", "siren", "rain", "train")


@dataclass(frozen=True)
class Clip:
    """Embeddings made from numbers drawn for one clip."""

    seed: int
    segments: int

    def rows(self, place: Sequence[int], views: int) -> Embeddings:
        rng = np.random.default_rng([self.seed, *place])
        there = rng.random(2) > 0.1
        return Embeddings(
            rng.normal(size=(1, views, FEATURES)).astype(np.float32),
            rng.normal(size=(1, FEATURES)).astype(np.float32),
            there[:1],
            there[1:],
        )

    @cache  # noqa: B019 - few clips, drawn again and again
    def features(self) -> ClipFeatures:
        segments = joined([self.rows([0, t], 2) for t in range(self.segments)])
        window_of = np.arange(self.segments) // 5
        return made_features(
            segments=segments,
            windows=[self.rows([2, window], 3) for window in range(int(window_of[-1]) + 1)],
            window_of=window_of,
            frame_embeddings=segments.visual.mean(axis=1),
            intervals={ends: self.rows([1, *ends], 3) for ends in combinations(range(self.segments + 1), 2)},
        )


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    return Embeddings(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("visual", "audio", "seen", "heard"))
    )


def words(settings: Settings) -> Vocabulary:
    rng = np.random.default_rng(0)

    def read(count: int) -> LabelEmbeddings:
        rows = rng.normal(size=(2, count, FEATURES)).astype(np.float32)
        return LabelEmbeddings(rows[0], rows[1])

    own = read(len(LABELS))
    return vocabulary(LABELS, settings.background, own, read(len(settings.background)), settings.synonym_similarity)


def decisions(parsing: Parsing) -> list[object]:
    return [
        (modality, stream.candidates, stream.found, stream.confidences, stream.rejected, stream.trace.selected.tolist())
        for modality, stream in parsing.streams.items()
    ]


unit = st.floats(0.2, 0.9)
any_values = st.fixed_dictionaries(
    {
        "audio_weight": unit,
        "category_threshold": unit,
        "initial_threshold": unit,
        "confidence_threshold": unit,
        "decay": st.floats(0, 3),
        "threshold_rule": st.sampled_from(ThresholdRule),
        "validation_rule": st.sampled_from(ValidationRule),
        "select_categories": st.booleans(),
        "validate": st.booleans(),
        "fusion": st.sampled_from(Fusion),
        "interval_features": st.sampled_from(IntervalFeatures),
        "hold_threshold": st.none() | unit,
        "consistent": st.booleans(),
        "background": st.sampled_from([(), BACKGROUND[:20]]),
    }
)


@limits(max_examples=50)
@given(
    st.lists(st.sampled_from([3, 10]), min_size=1, max_size=6),
    st.sampled_from(["released", "practical", "paper"]),
    any_values,
)
def test_clips_parsed_at_once_have_the_decisions_of_each_by_itself(
    lengths: list[int], profile: str, values: dict[str, Any]
) -> None:
    settings = Settings.of(profile).replace(**values)
    clips = [Clip(seed, segments).features() for seed, segments in enumerate(lengths)]
    vocabulary_of = words(settings)
    together = parse_all([PartScores(each, 0, vocabulary_of) for each in clips], settings)
    alone = [av2a(each, vocabulary_of, settings)[0] for each in clips]
    assert [decisions(each) for each in together] == [decisions(each) for each in alone]
    for one, other in zip(together, alone, strict=True):
        for modality, stream in one.streams.items():
            np.testing.assert_allclose(stream.trace.thresholds, other.streams[modality].trace.thresholds, atol=1e-12)


LENIENT = {"category_threshold": 0.5, "initial_threshold": 0.6, "confidence_threshold": 0.4}


def test_the_clips_of_that_law_have_events() -> None:
    settings = Settings.practical().replace(**LENIENT)
    parts = [PartScores(Clip(seed, 10).features(), 0, words(settings)) for seed in range(20)]
    assert sum(len(stream.found) for each in parse_all(parts, settings) for stream in each.streams.values()) > 20


@pytest.mark.parametrize("profile", ["released", "practical", "paper"])
def test_parsing_nothing_gives_nothing(profile: str) -> None:
    assert parse_all([], Settings.of(profile)) == []
