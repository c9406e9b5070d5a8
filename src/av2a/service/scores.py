"""The scores of one clip's segments as the page has them: everything that Eq. 5 to 8 need when a threshold moves."""

import json
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from av2a.embeddings import ClipFeatures, Vocabulary
from av2a.methods.av2a.scores import PartScores
from av2a.methods.av2a.thresholds import step_similarity
from av2a.settings import Fusion, IntervalFeatures, Sampling, Selection, Settings, ValidationRule
from av2a.types import Modality

STREAMS = (Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL)
"""Heard, seen, both: the order of everything that the page gets."""


def moves_in_page(settings: Settings) -> bool:
    """Whether the page itself can follow a threshold that moves; if not, it asks the server after each change."""
    return (
        settings.sampling is Sampling.TIME
        and settings.selection is Selection.PEAK
        and settings.fusion is Fusion.SCORE
        and settings.validation_rule is ValidationRule.CONFIDENCE
        and settings.interval_features is IntervalFeatures.SEGMENTS
        and settings.validate_single
        and not settings.keep_best
        and not settings.renormalise_survivors
        and settings.ridge > 0
    )


@dataclass(frozen=True)
class SegmentScores:
    """Heard and seen scores of one part of a clip, and how its segments follow each other."""

    heard: Float32[np.ndarray, "segment label"]
    seen: Float32[np.ndarray, "segment label"]
    is_heard: Bool[np.ndarray, " segment"]
    is_seen: Bool[np.ndarray, " segment"]
    window_of: Int64[np.ndarray, " segment"]
    similarity: Float64[np.ndarray, "stream segment"]
    """cos(x_t, x_{t−1}) as each stream meets it (Eq. 7)."""

    @classmethod
    def of(cls, features: ClipFeatures, vocabulary: Vocabulary) -> "SegmentScores":
        """The scores of the first part; with sampling by time there is no other."""
        part = PartScores(features, 0, vocabulary)
        segments = part.segments
        similarity = [step_similarity(part.frame_embeddings, segments.observed(stream)) for stream in STREAMS]
        return cls(
            segments.heard_scores,
            segments.seen_scores,
            segments.heard,
            segments.seen,
            part.window_of,
            np.stack([each for each in similarity if each is not None]),
        )

    def packed(self) -> bytes:
        """A line of JSON with the counts, padded to 8 bytes, then the arrays as little-endian numbers, one category after the other."""
        segments, categories = self.heard.shape
        head = json.dumps({"segments": segments, "categories": categories}).encode()
        head += b" " * (-(len(head) + 1) % 8) + b"\n"
        arrays = (
            self.similarity.astype("<f8"),
            self.heard.T.astype("<f4"),
            self.seen.T.astype("<f4"),
            self.window_of.astype("<i4"),
            self.is_heard.astype("u1"),
            self.is_seen.astype("u1"),
        )
        return head + b"".join(np.ascontiguousarray(each).tobytes() for each in arrays)
