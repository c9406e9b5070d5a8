"""Evaluates predictions: the ten numbers of parsing, or the accuracy of localization, with what they were measured on.

Every number says how many of the data set's videos it is of. For parsing it is given twice: with the audio that was predicted, and with *audio := visual*,
as the released script scores it (behaviour 36), which is what the paper's tables very probably hold. Accuracy is given in four
readings: against both truths that are in use (behaviour 40), of the first candidate alone, as released, and of all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import fmean

import numpy as np
from jaxtyping import Bool, Float, Int64

from av2a.backbones.base import Backbone
from av2a.datasets import Dataset, GroundTruth, LabelledClip, Task, truth_masks, truth_timeline
from av2a.datasets.lengths import cut_remarks
from av2a.datasets.opening import PUBLISHED
from av2a.datasets.rows import counted, some
from av2a.detector import vocabulary_of
from av2a.features import Progress
from av2a.features.store import Store
from av2a.metrics.localization import accuracy, category_accuracy, every_candidate, first_candidate
from av2a.metrics.parsing import ParsingMetrics, category_metrics, parsing_metrics
from av2a.research.parameters import parameters_of
from av2a.research.predictions import (
    STREAMS,
    Found,
    MethodSeconds,
    Predictions,
    found_in,
    gathered,
    stacked,
)
from av2a.research.watching import TRUTH_UNKNOWN, LeftOut, Watched, WatchSeconds, watching
from av2a.settings import Settings, ValidationRule
from av2a.timeline import Grid
from av2a.types import BackboneInfo, Candidate, Modality


class Timeline(Enum):
    """How audio-visual events become one category a second."""

    FIRST_CANDIDATE = "first_candidate"
    """The first event alone, as the released code scores it (behaviour 40)."""
    EVERY_CANDIDATE = "every_candidate"
    """All of them; where two overlap the earlier one holds."""


class SourceKind(Enum):
    """What else than a backbone's work can be evaluated."""

    SCORES = "scores"
    """A folder of scores, from which the method made events."""
    PREDICTIONS = "predictions"
    """A table of events."""


@dataclass(frozen=True)
class AccuracyReading:
    """The accuracy of localization in one of its readings, in percent."""

    truth: GroundTruth
    timeline: Timeline
    accuracy: float
    per_category: Float[np.ndarray, " category"]
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
    """Other people's scores or predictions that were evaluated."""

    kind: SourceKind
    place: str
    """The file or folder as it was named."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured, on what, and with what."""

    dataset: str
    split: str
    task: Task
    categories: tuple[str, ...]
    videos: int
    """N: how many videos the numbers are of."""
    total: int
    """M: how many the data set has, or how many of its first were asked for."""
    left_out: tuple[LeftOut, ...] = ()
    numbers: ParsingMetrics | None = None
    """With the audio that was predicted. None for localization, and where no video is left."""
    numbers_as_released: ParsingMetrics | None = None
    """With the visual predictions in place of the audio ones (behaviour 36)."""
    per_category: Float[np.ndarray, "category metric"] | None = None
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
    """How many numbers the backbone learnt; None where that is not known."""
    split_total: int | None = None
    """How many the split has, where ``total`` may be the first of them only."""
    predicted: int = 0
    """How many videos there are predictions of, those without a known truth included."""
    source: ScoredSource | None = None
    """Whose work was scored, where it was not a backbone's."""


def dataset_settings(dataset: Dataset, backbone: str | None = None, profile: str | None = None) -> Settings:
    """What a data set is evaluated with unless something else is asked for: its profile and rule of validation."""
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
    """The method on every video of a data set, one after the other; a video that cannot be used is left out and counted.

    With ``also_unknown`` videos without truth are predicted, too; they do not count.

    Raises:
        InvalidLabels: the data set names no events.
        OutputRefused: the store cannot be written.
        InvalidSetting: the backbone cannot do what the settings ask for.
        WeightsUnavailable: the backbone cannot be used.
    """
    dataset.check_labels()
    words = vocabulary_of(backbone, dataset.labels, settings)
    found: list[Found] = []
    left_out: list[LeftOut] = []
    seen: list[_Seen] = []
    lengths: dict[str, float] = {}
    turns = watching(
        dataset, backbone, settings, store, every_interval=every_interval, also_unknown=also_unknown, progress=progress
    )
    for each in turns:
        if isinstance(each, LeftOut):
            left_out.append(each)
        else:
            found.append(found_in(each, words, settings))
            seen.append(_Seen.of(each))
            lengths[each.clip.name] = each.grid.duration_seconds
    dataset = replace(
        dataset, clips=tuple(replace(clip, seconds=lengths.get(clip.name, clip.seconds)) for clip in dataset.clips)
    )
    predictions = gathered(found, categories=len(dataset.categories))
    scored = score(
        predictions, dataset, left_out=left_out, segment_seconds=settings.segment_seconds, remarks=tuple(_remarks(seen))
    )
    timing = _timing([each.seconds for each in seen], predictions.seconds, every_interval)
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
    """How right predictions are, whoever made them. Videos of the data set that they do not name do not count.

    Truth and predictions are cut at the end of each clip whose length is known (:func:`av2a.datasets.lengths.with_lengths`).

    Raises:
        InvalidLabels: the data set names no events.
        ValueError: they name a video that is not in the data set, or are not of its categories.
    """
    dataset.check_labels()
    clips = {clip.name: clip for clip in dataset.clips}
    unknown = [name for name in predictions.names if name not in clips]
    if unknown:
        raise ValueError(f"predictions of {len(unknown)} videos that are not in the data set, such as {unknown[0]!r}")
    if predictions.masks[Modality.AUDIO].shape[1] != len(dataset.categories):
        raise ValueError(
            f"predictions must be of the data set's {len(dataset.categories)} categories, "
            f"got {predictions.masks[Modality.AUDIO].shape[1]}"
        )
    counting = [(place, clips[name]) for place, name in enumerate(predictions.names)]
    unknown_truth = [LeftOut(clip.name, TRUTH_UNKNOWN) for _, clip in counting if clip.annotations is None]
    counting = [(place, clip) for place, clip in counting if clip.annotations is not None]
    cut = cut_remarks([(clip, dataset.end_of(clip)) for _, clip in counting], segment_seconds)
    counting = [(place, _within_end(dataset, clip)) for place, clip in counting]
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
    return _parsed(bare, predictions, dataset, counting, segment_seconds)


def _within_end(dataset: Dataset, clip: LabelledClip) -> LabelledClip:
    end = dataset.end_of(clip)
    return clip if end is None else clip.within(end)


Counting = Sequence[tuple[int, LabelledClip]]
"""The videos that count: their place among the predictions, and what is known of them."""


def _parsed(
    bare: Evaluation, predictions: Predictions, dataset: Dataset, counting: Counting, segment_seconds: float
) -> Evaluation:
    places = [place for place, _ in counting]
    found = {modality: predictions.masks[modality][places] for modality in STREAMS}
    predicted = np.any([found[modality].any(axis=1) for modality in STREAMS], axis=0)
    counts = [
        _segments(dataset, clip, mask, segment_seconds) for (_, clip), mask in zip(counting, predicted, strict=True)
    ]
    segments = max(counts)
    truth = [
        truth_masks(clip, dataset.categories, count, segment_seconds)
        for (_, clip), count in zip(counting, counts, strict=True)
    ]
    heard, seen = (stacked([each[stream] for each in truth], len(dataset.categories), segments) for stream in range(2))
    inside = np.arange(segments) < np.array(counts)[:, None, None]
    audio, visual, both = (_widened(found[modality], segments) & inside for modality in STREAMS)
    return replace(
        bare,
        numbers=parsing_metrics(heard, seen, audio=audio, visual=visual, audio_visual=both),
        numbers_as_released=parsing_metrics(heard, seen, audio=visual, visual=visual, audio_visual=both),
        per_category=category_metrics(heard, seen, audio=audio, visual=visual, audio_visual=both),
    )


Masks = Bool[np.ndarray, "video category segment"]
Scored = Bool[np.ndarray, "video category scored"]
"""Masks over as many segments as truth and predictions need."""


def _segments(
    dataset: Dataset, clip: LabelledClip, predicted: Bool[np.ndarray, " segment"], segment_seconds: float
) -> int:
    """How many segments of a clip are scored: up to its end; without a known end up to the last one in which anything is true or found."""
    end = dataset.end_of(clip)
    if end is not None:
        return Grid(end, segment_seconds).segments
    last = max((each.offset_seconds for each in clip.annotations or ()), default=segment_seconds)
    return max(Grid(last, segment_seconds).segments, int(np.flatnonzero(predicted).max(initial=-1)) + 1)


def _widened(masks: Masks, segments: int) -> Scored:
    """The masks over ``segments`` segments, filled up with False or cut."""
    return np.pad(masks, ((0, 0), (0, 0), (0, max(segments - masks.shape[2], 0))))[:, :, :segments]


def _readings(
    predictions: Predictions, dataset: Dataset, counting: Counting, segment_seconds: float
) -> Iterator[AccuracyReading]:
    length = dataset.clip_seconds or segment_seconds * predictions.masks[Modality.AUDIO].shape[2]
    segments, background = Grid(length, segment_seconds).segments, len(dataset.categories)
    for truth in GroundTruth:
        if truth is GroundTruth.FIRST_ANNOTATION and any(clip.first_annotation is None for _, clip in counting):
            continue
        true = np.stack(
            [truth_timeline(clip, dataset.categories, segments, truth, segment_seconds) for _, clip in counting]
        )
        for timeline in Timeline:
            found = np.stack(
                [_timeline(predictions.candidates(place), timeline, background, segments) for place, _ in counting]
            )
            yield AccuracyReading(truth, timeline, accuracy(true, found), category_accuracy(true, found, background))


def _timeline(
    candidates: Iterable[Candidate], timeline: Timeline, background: int, segments: int
) -> Int64[np.ndarray, " segment"]:
    paint = first_candidate if timeline is Timeline.FIRST_CANDIDATE else every_candidate
    ends = [(each.category, each.start, each.stop) for each in candidates]
    return paint(ends, background=background, seconds=segments)


@dataclass(frozen=True)
class _Seen:
    """Facts about a clip for the report, without its embeddings."""

    name: str
    seconds: WatchSeconds | None
    has_sound: bool
    has_picture: bool
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, watched: Watched) -> "_Seen":
        return cls(watched.clip.name, watched.seconds, watched.has_sound, watched.has_picture, watched.warnings)


def remarks_of(watched: Sequence[Watched]) -> tuple[str, ...]:
    """Remarks on videos that count: annotations beyond the end, no audio, no video, damage."""
    ends = [(each.clip, each.grid.duration_seconds) for each in watched]
    segment_seconds = watched[0].grid.segment_seconds if watched else 1.0
    return (*cut_remarks(ends, segment_seconds), *_remarks([_Seen.of(each) for each in watched]))


def _remarks(seen: Sequence[_Seen]) -> Iterator[str]:
    for what, names in (
        ("without sound, in which nothing is heard", [each.name for each in seen if not each.has_sound]),
        ("without a picture, in which nothing is seen", [each.name for each in seen if not each.has_picture]),
    ):
        if names:
            yield f"{counted(len(names), 'video')} {what} ({some(names)})"
    amiss: dict[str, list[str]] = {}
    for each in seen:
        for warning in each.warnings:
            amiss.setdefault(warning, []).append(each.name)
    for warning, names in amiss.items():
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
