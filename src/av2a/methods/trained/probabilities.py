"""What a parser says of videos, as arrays."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32


@dataclass(frozen=True)
class Probabilities:
    """A parser's answers for one video, or for any number along leading axes.

    MGN's by the second may exceed 1, as may ``whole`` of HAN and JoMoLD; they are taken as they are.
    """

    audio: Float32[np.ndarray, "*video second category"]
    """P_a^t."""
    visual: Float32[np.ndarray, "*video second category"]
    """P_v^t."""
    whole_audio: Float32[np.ndarray, "*video category"]
    """Of the whole video, heard: what the audio gate judges."""
    whole_visual: Float32[np.ndarray, "*video category"]
    """Of the whole video, seen."""
    whole: Float32[np.ndarray, "*video category"]
    """Of the whole video, heard or seen: what a gate for both judges."""
    frame_embeddings: Float32[np.ndarray, "*video second feature"]
    """x_t for the cosine of Eq. 7."""

    @property
    def finite(self) -> Bool[np.ndarray, " video"]:
        """For each video along the first axis, whether all that is said of it is numbers."""
        arrays = [getattr(self, field.name) for field in fields(self)]
        return np.all([np.isfinite(each).all(axis=tuple(range(1, each.ndim))) for each in arrays], axis=0)

    def of(self, video: int | Bool[np.ndarray, " video"]) -> "Probabilities":
        """Those of one video along the first axis, or of the videos that a mask marks."""
        return Probabilities(**{field.name: getattr(self, field.name)[video] for field in fields(self)})


def stacked(parts: list[Probabilities]) -> Probabilities:
    """Batches of videos one behind the other.

    Raises:
        ValueError: there is none.
    """
    if not parts:
        raise ValueError("there must be at least one batch of videos")
    return Probabilities(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Probabilities)}
    )
