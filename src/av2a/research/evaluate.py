"""Scores predictions: the ten numbers of parsing, or the accuracy of localization, with what they were measured on.

Each result says how many of the data set's videos count. The ten numbers are given twice: with the predicted audio, and with *audio := visual*, as
the released script scores it (behaviour 36), which is what the paper's tables very probably contain. Accuracy is given in four readings: against
both truths in use (behaviour 40), of the first candidate alone, as released, and of all candidates.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import fmean
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from av2a.backbones.base import Backbone
from av2a.datasets import Dataset, GroundTruth, LabelledClip, Task, truth_masks, truth_timeline
from av2a.datasets.lengths import cut_remarks
from av2a.datasets.opening import PUBLISHED
from av2a.detector import vocabulary_of
from av2a.features import Progress
from av2a.features.store import Store
from av2a.metrics.counts import Masks
from av2a.metrics.localization import accuracy, category_accuracy, every_candidate, first_candidate
from av2a.metrics.parsing import ParsingMetrics, category_metrics, parsing_metrics
from av2a.research.parameters import parameters_of
from av2a.research.predictions import STREAMS, ClipPredictions, MethodSeconds, Predictions, predict_clip, stacked
from av2a.research.watching import TRUTH_UNKNOWN, ClipFacts, LeftOut, WatchSeconds, watching, with_lengths_of
from av2a.settings import Settings, ValidationRule
from av2a.timeline import Grid
from av2a.types import BackboneInfo, Modality
from av2a.wording import counted, some


class Timeline(Enum):
    """How audio-visual events become one label a second."""

    FIRST_CANDIDATE = "first_candidate"
    """The first event alone, as the released code scores it (behaviour 40)."""
    EVERY_CANDIDATE = "every_candidate"
    """All of them; where two overlap, the earlier one counts."""


class SourceKind(Enum):
    """Whose results are evaluated, where it is not a backbone."""

    SCORES = "scores"
    """A folder of scores, which the method turned into events."""
    PREDICTIONS = "predictions"
    """A table of events."""


@dataclass(frozen=True)
class AccuracyReading:
    """The accuracy of localization in one of its readings, in percent."""

    truth: GroundTruth
    timeline: Timeline
    accuracy: float
    per_category: Float[np.ndarray, " label"]
    """Of the seconds of each category the share that was found; the last is background. NaN for a category that is nowhere."""


@dataclass(frozen=True)
class Timing:
    """Seconds of wall clock a video, means over those in which each was measured; NaN where that is none."""

    decode: float
    encode: float
    """Both of the videos that did not come from the store."""
    intervals: float
    """Decoding and encoding candidates as they came up; next to nothing where all were stored."""
    method: float
    observed: int
    """How many videos did not come from the store."""
    every_interval: bool = True
    """Every interval was embedded: decoding and encoding did more than this one run needed."""


@dataclass(frozen=True)
class ScoredSource:
    """The scores or predictions of others that were evaluated."""

    kind: SourceKind
    place: str
    """The file or folder as the user named it."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Measured numbers, with the data, the settings and the backbone that they belong to."""

    dataset: str
    split: str
    task: Task
    categories: tuple[str, ...]
    videos: int
    """The number of videos that count."""
    total: int
    """The number of videos of the data set, or of its first that were requested."""
    left_out: tuple[LeftOut, ...] = ()
    numbers: ParsingMetrics | None = None
    """With the audio that was predicted. None for localization, and where no video is left."""
    numbers_as_released: ParsingMetrics | None = None
    """With the visual predictions in place of the audio ones (behaviour 36)."""
    per_category: Float[np.ndarray, "label metric"] | None = None
    """The ten numbers of each category, with the audio that was predicted; NaN where it is neither there nor found."""
    readings: tuple[AccuracyReading, ...] | None = None
    """The accuracy of localization in its readings; None for parsing, and where no video is left."""
    remarks: tuple[str, ...] = ()
    """What a reader of the numbers should know: rows left out, videos without sound."""
    timing: Timing | None = None
    settings: Settings | None = None
    """None for other people's predictions."""
    backbone: BackboneInfo | None = None
    parameters: int | None = None
    """The number of the backbone's parameters; None where it is not known."""
    split_total: int | None = None
    """How many the split has, where ``total`` may be the first of them only."""
    predicted: int = 0
    """How many videos there are predictions of, those without a known truth included."""
    source: ScoredSource | None = None
    """Whose work was scored, where it was not a backbone's."""


def dataset_settings(dataset: Dataset, backbone: str | None = None, profile: str | None = None) -> Settings:
    """The default settings for a data set: its profile and rule of validation."""
    settings = Settings.of(profile or profile_of(dataset), backbone)
    rule = validation_rule_of(dataset, settings.profile)
    return settings if rule is None else replace(settings, validation_rule=rule)


def profile_of(dataset: Dataset) -> str:
    """``released`` for the published benchmarks, ``practical`` for all others."""
    return "released" if dataset.name in PUBLISHED else "practical"


def validation_rule_of(dataset: Dataset, profile: str) -> ValidationRule | None:
    """For localization the paper's profiles keep a candidate that is the strongest category of its interval (behaviour 27); else None."""
    return ValidationRule.ARGMAX if dataset.task is Task.LOCALIZATION and profile != "practical" else None


def evaluate(
    dataset: Dataset,
    backbone: Backbone,
    settings: Settings,
    store: Store | None = None,
    *,
    every_interval: bool = True,
    also_unknown: bool = False,
    progress: Progress | None = None,
) -> tuple[Evaluation, Predictions]:
    """Run the method on every video of a data set, one after the other, and score it; a video that cannot be used is left out and counted.

    With ``also_unknown`` videos without truth are predicted, too; they do not count.

    Raises:
        InvalidLabels: the data set names no events.
        OutputRefused: the store cannot be written.
        InvalidSetting: the backbone does not support the settings.
        WeightsUnavailable: the backbone cannot be used.
    """
    dataset.check_labels()
    words = vocabulary_of(backbone, dataset.labels, settings)
    found: list[ClipPredictions] = []
    left_out: list[LeftOut] = []
    facts: list[ClipFacts] = []
    turns = watching(
        dataset, backbone, settings, store, every_interval=every_interval, also_unknown=also_unknown, progress=progress
    )
    for each in turns:
        if isinstance(each, LeftOut):
            left_out.append(each)
        else:
            found.append(predict_clip(each, words, settings))
            facts.append(each.facts)
    predictions = Predictions.of(found, len(dataset.categories))
    dataset, remarks = with_lengths_of(facts, dataset), tuple(_file_remarks(facts))
    scored = score(predictions, dataset, left_out=left_out, segment_seconds=settings.segment_seconds, remarks=remarks)
    timing = _timing([each.seconds for each in facts], predictions.seconds, every_interval)
    return (
        replace(scored, timing=timing, settings=settings, backbone=backbone.info, parameters=parameters_of(backbone)),
        predictions,
    )


def score(
    predictions: Predictions,
    dataset: Dataset,
    *,
    left_out: Sequence[LeftOut] = (),
    segment_seconds: float = 1.0,
    remarks: Sequence[str] = (),
) -> Evaluation:
    """Compare predictions, whoever made them, with the truth. Videos of the data set that they do not name do not count.

    Truth and predictions are cut at the end of each clip whose length is known (:func:`av2a.datasets.lengths.with_lengths`).

    Raises:
        InvalidLabels: the data set names no events.
        ValueError: they name a video that is not in the data set, or have another number of labels.
    """
    dataset.check_labels()
    counting = _counting(predictions, dataset)
    known = [clip for clip in dataset.clips if clip.annotations is not None]
    unknown_truth = [
        LeftOut(name, TRUTH_UNKNOWN) for name in predictions.names if name not in {clip.name for clip in known}
    ]
    named = set(predictions.names)
    cut = cut_remarks([(clip, dataset.end_of(clip)) for clip in known if clip.name in named], segment_seconds)
    bare = Evaluation(
        dataset=dataset.name,
        split=dataset.split,
        task=dataset.task,
        categories=dataset.categories,
        videos=len(counting),
        total=len(dataset.clips),
        split_total=dataset.split_clips,
        predicted=len(predictions.names),
        left_out=(*left_out, *unknown_truth),
        remarks=(*dataset.remarks, *cut, *remarks),
    )
    if not counting:
        return bare
    if dataset.task is Task.LOCALIZATION:
        return replace(bare, readings=tuple(_readings(predictions, dataset, counting, segment_seconds)))
    masks = _masks(predictions, dataset, counting, segment_seconds)
    return replace(
        bare,
        numbers=parsing_metrics(*masks),
        numbers_as_released=parsing_metrics(*masks._replace(audio=masks.visual)),
        per_category=category_metrics(*masks),
    )


def parsing_numbers(predictions: Predictions, dataset: Dataset, segment_seconds: float = 1.0) -> ParsingMetrics:
    """The ten numbers of :func:`score` with the predicted audio, and nothing else: for the trials of a search."""
    return parsing_metrics(*_masks(predictions, dataset, _counting(predictions, dataset), segment_seconds))


Counting = Sequence[tuple[int, LabelledClip]]
"""The videos that count: their index among the predictions, and their truth."""


def _counting(predictions: Predictions, dataset: Dataset) -> Counting:
    """The videos with a known truth, cut at their ends."""
    clips = {clip.name: clip for clip in dataset.clips}
    unknown = [name for name in predictions.names if name not in clips]
    if unknown:
        raise ValueError(
            f"predictions of {counted(len(unknown), 'video')} that are not in the data set, such as {unknown[0]!r}"
        )
    labels = predictions.masks[Modality.AUDIO].shape[2]
    if labels != len(dataset.categories):
        raise ValueError(f"predictions must be of the data set's {len(dataset.categories)} categories, got {labels}")
    return [
        (index, clips[name] if (end := dataset.end_of(clips[name])) is None else clips[name].within(end))
        for index, name in enumerate(predictions.names)
        if clips[name].annotations is not None
    ]


class _MetricMasks(NamedTuple):
    """The arguments of the metrics, (video, label, segment)."""

    truth_audio: Masks
    truth_visual: Masks
    audio: Masks
    visual: Masks
    audio_visual: Masks


def _masks(predictions: Predictions, dataset: Dataset, counting: Counting, segment_seconds: float) -> _MetricMasks:
    indexes, labels = [index for index, _ in counting], len(dataset.categories)
    found = [predictions.masks[modality][indexes] for modality in STREAMS]
    predicted = np.any([masks.any(axis=2) for masks in found], axis=0)
    counts = [
        _segments(dataset, clip, mask, segment_seconds) for (_, clip), mask in zip(counting, predicted, strict=True)
    ]
    segments = max(counts)
    truth = [
        truth_masks(clip, dataset.categories, count, segment_seconds)
        for (_, clip), count in zip(counting, counts, strict=True)
    ]
    inside = np.arange(segments)[:, None] < np.array(counts)[:, None, None]
    arrays = [
        *(stacked(masks, segments, labels) for masks in zip(*truth, strict=True)),
        *(stacked([mask[:segments] for mask in masks], segments, labels) & inside for masks in found),
    ]
    # The metrics' axes are (video, label, segment).
    return _MetricMasks(*(each.transpose(0, 2, 1) for each in arrays))


def _segments(
    dataset: Dataset, clip: LabelledClip, predicted: Bool[np.ndarray, " segment"], segment_seconds: float
) -> int:
    """The number of segments of a clip that are scored: up to its end, or, where that is unknown, to the last event of truth or prediction."""
    end = dataset.end_of(clip)
    if end is not None:
        return Grid(end, segment_seconds).segments
    last = max((each.offset_seconds for each in clip.annotations or ()), default=segment_seconds)
    return max(Grid(last, segment_seconds).segments, int(np.flatnonzero(predicted).max(initial=-1)) + 1)


def _readings(
    predictions: Predictions, dataset: Dataset, counting: Counting, segment_seconds: float
) -> Iterator[AccuracyReading]:
    length = dataset.clip_seconds or segment_seconds * predictions.masks[Modality.AUDIO].shape[1]
    segments, background = Grid(length, segment_seconds).segments, len(dataset.categories)
    events = [[(each.label, each.start, each.stop) for each in predictions.candidates(index)] for index, _ in counting]
    for truth in GroundTruth:
        if truth is GroundTruth.FIRST_ANNOTATION and any(clip.first_annotation is None for _, clip in counting):
            continue
        true = np.stack(
            [truth_timeline(clip, dataset.categories, segments, truth, segment_seconds) for _, clip in counting]
        )
        for timeline, paint in (
            (Timeline.FIRST_CANDIDATE, first_candidate),
            (Timeline.EVERY_CANDIDATE, every_candidate),
        ):
            found = np.stack([paint(each, background=background, seconds=segments) for each in events])
            yield AccuracyReading(truth, timeline, accuracy(true, found), category_accuracy(true, found, background))


def remarks_of(watched: Sequence[ClipFacts]) -> tuple[str, ...]:
    """Remarks on videos that count: annotations beyond the end, no audio, no video, damage."""
    ends = [(each.clip, each.grid.duration_seconds) for each in watched]
    segment_seconds = watched[0].grid.segment_seconds if watched else 1.0
    return (*cut_remarks(ends, segment_seconds), *_file_remarks(watched))


def _file_remarks(watched: Sequence[ClipFacts]) -> Iterator[str]:
    for what, names in (
        ("without sound, in which nothing is heard", [each.clip.name for each in watched if not each.has_sound]),
        ("without a picture, in which nothing is seen", [each.clip.name for each in watched if not each.has_picture]),
    ):
        if names:
            yield f"{counted(len(names), 'video')} {what} ({some(names)})"
    damaged: dict[str, list[str]] = {}
    for each in watched:
        for warning in each.warnings:
            damaged.setdefault(warning, []).append(each.clip.name)
    for warning, names in damaged.items():
        yield f"{counted(len(names), 'video')} ({some(names)}): {warning}"


def _timing(watched: Sequence[WatchSeconds | None], method: Sequence[MethodSeconds], every_interval: bool) -> Timing:
    observed = [each for each in watched if each is not None]
    return Timing(
        decode=_mean(each.decode for each in observed),
        encode=_mean(each.encode for each in observed),
        intervals=_mean(each.intervals for each in method),
        method=_mean(each.method for each in method),
        observed=len(observed),
        every_interval=every_interval,
    )


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return fmean(known) if known else float("nan")
