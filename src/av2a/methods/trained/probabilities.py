"""A parser's probabilities for videos, as arrays."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32


@dataclass(frozen=True)
class Probabilities:
    """A parser's probabilities for one video, or for several along leading axes.

    Those of MGN's seconds may exceed 1, and so may ``whole`` of HAN and JoMoLD. They are used as they are.
    """

    audio: Float32[np.ndarray, "*video second label"]
    """P_a^t."""
    visual: Float32[np.ndarray, "*video second label"]
    """P_v^t."""
    whole_audio: Float32[np.ndarray, "*video label"]
    """For the whole video, heard: the input of the audio gate."""
    whole_visual: Float32[np.ndarray, "*video label"]
    """For the whole video, seen: the input of the visual gate."""
    whole: Float32[np.ndarray, "*video label"]
    """For the whole video, heard or seen: the input of a shared gate."""
    frame_embeddings: Float32[np.ndarray, "*video second feature"]
    """x_t for the cosine of Eq. 7."""

    @property
    def finite(self) -> Bool[np.ndarray, " video"]:
        """For each video along the first axis, whether all its values are finite."""
        arrays = [getattr(self, field.name) for field in fields(self)]
        return np.all([np.isfinite(each).all(axis=tuple(range(1, each.ndim))) for each in arrays], axis=0)

    def of(self, video: int | Bool[np.ndarray, " video"]) -> "Probabilities":
        """The probabilities of one video along the first axis, or of the videos in a mask."""
        return Probabilities(**{field.name: getattr(self, field.name)[video] for field in fields(self)})


def stacked(parts: list[Probabilities]) -> Probabilities:
    """Batches of videos, concatenated.

    Raises:
        ValueError: there is no batch.
    """
    if not parts:
        raise ValueError("there must be at least one batch of videos")
    return Probabilities(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Probabilities)}
    )
