"""Clips with their annotations, and the truth as arrays over segments.

Arrays are computed from the annotations on request, so that one data set serves any segment length. Times are seconds from the clip's start, intervals half-open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import ceil, floor
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from av2a.errors import InvalidLabels
from av2a.types import Modality


class Task(Enum):
    """What is to be found in a data set."""

    PARSING = "parsing"
    """Any number of events at a time, heard, seen or both: LLP, a user's folder, the generated world."""
    LOCALIZATION = "localization"
    """In each second one event that is both heard and seen, or background: AVE."""


class GroundTruth(Enum):
    """Which of AVE's two truths a prediction is held to (behaviour 40); they differ in 4 of the 402 test clips."""

    LISTED = "listed"
    """The lines of the split's list, as the official code has it."""
    FIRST_ANNOTATION = "first_annotation"
    """The first line of ``Annotations.txt`` for the clip, as AV²A's released code has it."""


@dataclass(frozen=True)
class Annotation:
    """One event over ``[onset_seconds, offset_seconds)``; an audio-visual one is both heard and seen."""

    label: str
    """One of the data set's categories."""
    modality: Modality
    onset_seconds: float
    offset_seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.onset_seconds < self.offset_seconds < float("inf"):
            raise ValueError(
                "an annotation needs 0 <= onset_seconds < offset_seconds, both finite, "
                f"got {self.onset_seconds} and {self.offset_seconds}"
            )

    def until(self, seconds: float) -> "Annotation":
        """The same, ended at ``seconds`` at the latest."""
        return self if self.offset_seconds <= seconds else replace(self, offset_seconds=seconds)

    @property
    def is_heard(self) -> bool:
        """Whether the event is heard."""
        return self.modality is not Modality.VISUAL

    @property
    def is_seen(self) -> bool:
        """Whether the event is seen."""
        return self.modality is not Modality.AUDIO


@dataclass(frozen=True)
class LabelledClip:
    """A clip and its annotations."""

    name: str
    """As the annotation files name it: ``<id>_<start>_<end>`` in LLP, the id in AVE, the file without its ending in a folder."""
    path: Path | None
    """None where the video is not available."""
    annotations: tuple[Annotation, ...] | None
    """None where the truth is unknown; empty where it is known that nothing happens."""
    first_annotation: tuple[Annotation, ...] | None = None
    """AVE: the truth that the released code scores against, see :class:`GroundTruth`; None elsewhere."""
    weak_labels: tuple[str, ...] = ()
    """Labels of the whole clip, heard or seen, where the data set has them."""
    seconds: float | None = None
    """How long its file is, where it was opened to find out; see :func:`av2a.datasets.lengths.with_lengths`."""

    def within(self, seconds: float) -> "LabelledClip":
        """The same with its annotations cut at ``seconds``, the clip's end.

        >>> LabelledClip("a", None, (Annotation("dog", Modality.AUDIO, 7.0, 16.0),)).within(10.0).annotations
        (Annotation(label='dog', modality=<Modality.AUDIO: 'audio'>, onset_seconds=7.0, offset_seconds=10.0),)
        """
        annotations, first = (
            None if each is None else tuple(cut.until(seconds) for cut in each if cut.onset_seconds < seconds)
            for each in (self.annotations, self.first_annotation)
        )
        return replace(self, annotations=annotations, first_annotation=first)


@dataclass(frozen=True)
class Dataset:
    """Clips of one split with their truth; their order is the official one."""

    name: str
    split: str
    task: Task
    categories: tuple[str, ...]
    """The official names in the official order: the label axis of every array. Empty where none are known."""
    labels: tuple[str, ...]
    """What text encoders embed, one for each category: the strings that the released code puts into its prompts."""
    clips: tuple[LabelledClip, ...]
    remarks: tuple[str, ...] = ()
    """Rows of the annotation files that are not used, counted by reason, one line each."""
    clip_seconds: float | None = None
    """What every clip was annotated over, whatever the length of its file; None where that is the file's own length."""
    split_clips: int | None = None
    """How many clips the split has, of which these are the first; None where these are all."""

    def __post_init__(self) -> None:
        if self.split_clips is not None and self.split_clips < len(self.clips):
            raise ValueError(f"a split of {self.split_clips} clips cannot have {len(self.clips)}")
        if len(self.labels) != len(self.categories):
            raise ValueError(
                f"every category needs one label, got {len(self.categories)} categories and {len(self.labels)} labels"
            )
        for what, names in (("categories", self.categories), ("clips", [clip.name for clip in self.clips])):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} must have names of their own, got {len(names) - len(set(names))} twice")

    def check_labels(self) -> None:
        """Refuse a data set without labels.

        Raises:
            InvalidLabels: there are none, as in a folder without annotations, or with annotations in which nothing happens.
        """
        if not self.labels:
            raise InvalidLabels(f"{self.name} names no events to look for: give it annotations, or names with --events")

    @property
    def at_hand(self) -> tuple[LabelledClip, ...]:
        """The clips whose video is available; a report says how many of all."""
        return tuple(clip for clip in self.clips if clip.path is not None)

    def end_of(self, clip: LabelledClip) -> float | None:
        """Where a clip ends in seconds: what every clip was annotated over, else the length of its file; None where neither is known."""
        return clip.seconds if self.clip_seconds is None else self.clip_seconds

    def first(self, count: int) -> "Dataset":
        """The same with the first ``count`` clips only; ``split_clips`` is the number of all."""
        if count >= len(self.clips):
            return self
        return replace(self, clips=self.clips[:count], split_clips=self.split_clips or len(self.clips))

    def of_total(self, counted: int) -> str:
        """How many videos count, of how many: ``6 of 1200 videos``, ``6 of the first 10 of 1200 videos``."""
        return of_videos(counted, len(self.clips), self.split_clips)


def of_videos(counted: int, total: int, split_total: int | None = None) -> str:
    """How many videos count, of how many; ``split_total`` is the size of the split, of which the first ``total`` are used.

    >>> of_videos(6, 1200), of_videos(6, 10, 1200)
    ('6 of 1200 videos', '6 of the first 10 of 1200 videos')
    """
    if split_total is None or split_total == total:
        return f"{counted} of {total} videos"
    return f"{counted} of the first {total} of {split_total} videos"


def truth_masks(
    clip: LabelledClip, categories: Sequence[str], segments: int, segment_seconds: float = 1.0
) -> tuple[Bool[np.ndarray, "segment label"], Bool[np.ndarray, "segment label"]]:
    """In which segments each category is heard, and in which it is seen.

    A segment counts when an annotation touches it (onset rounded down, offset up, as sed_eval does); with whole seconds and one-second segments that is
    ``[onset, offset)``. What lies up to half a segment behind the last one belongs to it, as in :class:`av2a.timeline.Grid`; what
    lies further is left out.

    >>> bark = Annotation("dog", Modality.AUDIO, 1.0, 3.0)
    >>> heard, seen = truth_masks(LabelledClip("a", None, (bark,)), ("cat", "dog"), 4)
    >>> heard[:, 1].tolist(), bool(seen.any())
    ([False, True, True, False], False)

    Raises:
        ValueError: the clip's truth is unknown, or an annotation is of no category.
    """
    if clip.annotations is None:
        raise ValueError(f"the truth of clip {clip.name!r} is unknown")
    heard, seen = (np.zeros((segments, len(categories)), dtype=bool) for _ in range(2))
    for each in clip.annotations:
        category = _category(each, categories)
        start, stop = touched_segments(each.onset_seconds, each.offset_seconds, segments, segment_seconds)
        heard[start:stop, category] |= each.is_heard
        seen[start:stop, category] |= each.is_seen
    return heard, seen


def truth_timeline(
    clip: LabelledClip,
    categories: Sequence[str],
    segments: int,
    truth: GroundTruth = GroundTruth.LISTED,
    segment_seconds: float = 1.0,
) -> Int64[np.ndarray, " segment"]:
    """The one category of each segment, ``len(categories)`` for background; where annotations overlap the first one counts.

    >>> bell = Annotation("bell", Modality.AUDIO_VISUAL, 1.0, 3.0)
    >>> truth_timeline(LabelledClip("a", None, (bell,)), ("bell", "goat"), 4).tolist()
    [2, 0, 0, 2]

    Raises:
        ValueError: this truth of the clip is unknown, or an annotation is of no category.
    """
    annotations = clip.annotations if truth is GroundTruth.LISTED else clip.first_annotation
    if annotations is None:
        raise ValueError(f"the truth {truth.value!r} of clip {clip.name!r} is unknown")
    timeline = np.full(segments, len(categories), dtype=np.int64)
    for each in reversed(annotations):
        start, stop = touched_segments(each.onset_seconds, each.offset_seconds, segments, segment_seconds)
        timeline[start:stop] = _category(each, categories)
    return timeline


def _category(annotation: Annotation, categories: Sequence[str]) -> int:
    if annotation.label not in categories:
        raise ValueError(f"annotation of {annotation.label!r}, which is none of the {len(categories)} categories")
    return categories.index(annotation.label)


# Times are decimals: 0.3 / 0.1 is a little below 3.
_ROUNDING = 1e-6


def touched_segments(
    onset_seconds: float, offset_seconds: float, segments: int, segment_seconds: float = 1.0
) -> tuple[int, int]:
    """The segments that an interval touches, half-open, at least one; they may reach beyond the last of ``segments``.

    What begins up to half a segment behind the last one belongs to it, as in :class:`av2a.timeline.Grid`.

    >>> touched_segments(0.5, 2.0, 10), touched_segments(10.1, 10.3, 10), touched_segments(9.5, 12.0, 10)
    ((0, 2), (9, 11), (9, 12))
    """
    onset, offset = onset_seconds / segment_seconds, offset_seconds / segment_seconds
    start, stop = floor(onset + _ROUNDING), ceil(offset - _ROUNDING)
    if segments <= onset < segments + 0.5:
        start = segments - 1
    return start, max(stop, start + 1)
