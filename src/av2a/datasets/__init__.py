"""Annotated clips: public benchmarks, a user's own folder, and the generated world (``synthetic``)."""

from av2a.datasets.dataset import (
    Annotation,
    Dataset,
    GroundTruth,
    LabelledClip,
    Task,
    truth_masks,
    truth_timeline,
)
from av2a.datasets.opening import open_dataset

__all__ = [
    "Annotation",
    "Dataset",
    "GroundTruth",
    "LabelledClip",
    "Task",
    "open_dataset",
    "truth_masks",
    "truth_timeline",
]
