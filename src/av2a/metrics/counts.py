"""Counts of true positives, false positives and false negatives, and their F1."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

Masks = Bool[np.ndarray, "video category segment"]
"""Where each category is present in each video."""


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives of each video and category."""

    true_positives: Int[np.ndarray, "video category"]
    false_positives: Int[np.ndarray, "video category"]
    false_negatives: Int[np.ndarray, "video category"]

    def __add__(self, other: "Counts") -> "Counts":
        """The counts pooled, as Event@AV pools audio with visual."""
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )

    @property
    def video_f1(self) -> Float[np.ndarray, " video"]:
        """F1 of each video in [0, 1]: the mean over the categories that are present or predicted; 1 where there are none."""
        each = _f1(self.true_positives, self.false_positives, self.false_negatives)
        present = ~np.isnan(each)
        return np.where(present.any(axis=1), np.nansum(each, axis=1) / np.maximum(present.sum(axis=1), 1), 1.0)

    @property
    def category_f1(self) -> Float[np.ndarray, " category"]:
        """F1 of each category over all videos in [0, 1]; NaN where it is neither present nor predicted."""
        return _f1(self.true_positives.sum(axis=0), self.false_positives.sum(axis=0), self.false_negatives.sum(axis=0))

    @property
    def f1(self) -> float:
        """F1 over everything at once (micro) in [0, 1]; 1 if nothing is present and nothing predicted."""
        value = float(_f1(self.true_positives.sum(), self.false_positives.sum(), self.false_negatives.sum()))
        return 1.0 if np.isnan(value) else value


def _f1(
    true_positives: Int[np.ndarray, "*counted"] | np.integer,
    false_positives: Int[np.ndarray, "*counted"] | np.integer,
    false_negatives: Int[np.ndarray, "*counted"] | np.integer,
) -> Float[np.ndarray, "*counted"]:
    total = np.asarray(2 * true_positives + false_positives + false_negatives)
    return np.divide(2.0 * true_positives, total, out=np.full(total.shape, np.nan), where=total > 0)


def require_masks(**masks: Masks) -> None:
    """Refuse anything but boolean arrays of one shape (video, category, segment) with a video, a category and a segment.

    Raises:
        ValueError: naming the array that does not fit.
    """
    shapes = {name: mask.shape for name, mask in masks.items()}
    wanted = next(iter(shapes.values()))
    for name, mask in masks.items():
        if mask.dtype != np.bool_:
            raise ValueError(f"{name} must be a boolean array, got {mask.dtype}: compare scores with a threshold first")
        if mask.ndim != 3 or 0 in mask.shape:
            raise ValueError(f"{name} must have axes (video, category, segment), none of them empty, got {mask.shape}")
        if mask.shape != wanted:
            raise ValueError(f"all arrays must have the same shape, got {shapes}")
