"""The method on one video: ``detect``, on several: ``detect_all``, and ``localize`` for one stream.

A video becomes events in six steps: media, segments, embeddings, scores, thresholds, events. This file alone knows their order.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from av2a import answer, label_store, media
from av2a.embeddings import Backbone
from av2a.encoders.registry import DEFAULT_BACKBONE, default_precision, load_backbone
from av2a.encoders.remarks import remarks_to
from av2a.errors import InvalidLabels, one_line
from av2a.events import candidates, late_fused, validated
from av2a.observation import Batches, Interval, Observation, Observer, Progress
from av2a.records import (
    Candidate,
    Clip,
    Detection,
    LabelEmbeddings,
    Modality,
    Parsing,
    Scores,
    StreamParsing,
    Trace,
)
from av2a.scores import (
    Similarities,
    Vocabulary,
    selected_categories,
    similarities,
    stream_scores,
    vocabulary,
    window_peaks,
)
from av2a.settings import Fusion, Selection, Settings, profile_settings
from av2a.thresholds import dynamic_thresholds
from av2a.timeline import Grid

MOST_LABELS = 1000
LONGEST_LABEL = 200


def detect(
    video: str | Path | Clip,
    labels: Sequence[str],
    backbone: str | Backbone = DEFAULT_BACKBONE,
    settings: Settings | None = None,
    *,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    limits: media.Limits | None = None,
    progress: Progress | None = None,
) -> Detection:
    """When each of ``labels`` is heard, seen, or both in ``video``.

    Args:
        video: any file that PyAV decodes, with pictures, sound, or both; or one already opened by ``media.open_clip``, to
            which the streams and limits below then do not apply.
        labels: event names, in any words; one is enough.
        backbone: the name of a backbone, or a loaded one.
        settings: a profile's, changed as needed; the ``practical`` profile when None.
        video_stream: which picture track to use, by its index in the file.
        audio_stream: likewise for sound.
        limits: ceilings on what is opened.
        progress: called with a stage, how much of it is done, and how much there is.

    Raises:
        UsageError: labels, settings or names that cannot be meant, or no such file.
        MediaError: a file that cannot be used.
        WeightsUnavailable: a backbone that is not at hand.
    """
    asked = checked_labels(labels)
    settings = settings or profile_settings("practical")
    # The file is looked at first: it may be refused without loading a model.
    clip = _opened(video, video_stream, audio_stream, limits)
    if isinstance(backbone, str):
        backbone = load_backbone(backbone, precision=default_precision(settings.profile))
    question = _Question(asked, backbone, settings, _vocabulary(backbone, asked, settings))
    started = _Started.of(clip, question, Batches.of(backbone), progress or _quietly)
    return started.finished()


@dataclass(frozen=True)
class Failure:
    """A video without an answer, and why."""

    video: str | Path | Clip
    error: Exception


def detect_all(
    videos: Iterable[str | Path | Clip],
    labels: Sequence[str],
    backbone: str | Backbone = DEFAULT_BACKBONE,
    settings: Settings | None = None,
    *,
    limits: media.Limits | None = None,
    progress: Progress | None = None,
) -> Iterator[Detection | Failure]:
    """What ``detect`` answers for each of ``videos``, in their order; a video that cannot be used never stops the others.

    Labels are read once, and an encoder's batches are filled up from the next video. A row may differ in its last bits with the batch
    that it was computed in, so scores may differ from ``detect``'s about the seventh digit.

    Raises:
        UsageError: labels or names that cannot be meant.
        WeightsUnavailable: a backbone that is not at hand.
    """
    asked = checked_labels(labels)
    settings = settings or profile_settings("practical")
    if isinstance(backbone, str):
        backbone = load_backbone(backbone, precision=default_precision(settings.profile))
    question = _Question(asked, backbone, settings, _vocabulary(backbone, asked, settings))
    return _answers(videos, question, limits, progress or _quietly)


def _answers(
    videos: Iterable[str | Path | Clip], question: "_Question", limits: media.Limits | None, progress: Progress
) -> Iterator[Detection | Failure]:
    batches = Batches.of(question.backbone)
    begun: deque[_Started | Failure] = deque()
    for video in videos:
        try:
            begun.append(_Started.of(_opened(video, None, None, limits), question, batches, progress))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are done
            begun.append(Failure(video, error))
        while begun and _is_answered(begun[0]):
            yield _answer(begun.popleft())
    for each in begun:
        yield _answer(each)


def _is_answered(begun: "_Started | Failure") -> bool:
    return isinstance(begun, Failure) or begun.observer.is_settled


def _answer(begun: "_Started | Failure") -> Detection | Failure:
    if isinstance(begun, Failure):
        return begun
    try:
        return begun.finished()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are done
        return Failure(begun.observer.clip, error)


@dataclass(frozen=True)
class _Question:
    """What is asked of every video alike."""

    labels: tuple[str, ...]
    backbone: Backbone
    settings: Settings
    words: Vocabulary


@dataclass(frozen=True)
class _Started:
    """A video of which everything was asked but its candidate intervals."""

    question: _Question
    observer: Observer
    warnings: "_Warnings"

    @classmethod
    def of(cls, clip: Clip, question: _Question, batches: Batches, progress: Progress) -> "_Started":
        """Decode it; its rows may come later."""
        backbone, settings = question.backbone, question.settings
        warnings = _Warnings([*_expected(clip, question.labels, backbone, settings), *clip.warnings])
        grid = Grid(clip.duration_seconds, settings.segment_seconds)
        observer = Observer.of(clip, grid, backbone, settings, question.words.labels, warnings.add, progress, batches)
        with remarks_to(warnings.add):
            observer.ask()
        return cls(question, observer, warnings)

    def finished(self) -> Detection:
        """The answer."""
        asked, settings, observer = self.question.labels, self.question.settings, self.observer
        grid = observer.grid
        with remarks_to(self.warnings.add):
            parsings = [parse(observation, self.question.words, settings) for observation in observer.observations()]
        events = answer.events(parsings, asked, grid)
        return Detection(
            clip=observer.clip,
            labels=asked,
            grid=grid,
            backbone=self.question.backbone.info,
            settings=settings,
            events=events,
            traces=answer.traces(parsings),
            warnings=tuple(self.warnings.said),
            closest=None if events else answer.closest(parsings, asked, grid, settings),
        )


def _opened(
    video: str | Path | Clip, video_stream: int | None, audio_stream: int | None, limits: media.Limits | None
) -> Clip:
    if isinstance(video, Clip):
        return video
    return media.open_clip(video, video_stream=video_stream, audio_stream=audio_stream, limits=limits or media.Limits())


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels as given, in their order and case.

    Raises:
        InvalidLabels: none, an empty one, the same one twice, one too long, or too many.
    """
    if isinstance(labels, str):
        raise InvalidLabels("labels must be a list of names, got one string: put it in a list")
    if not labels:
        raise InvalidLabels("no event names given: name at least one, such as 'dog barking'")
    if len(labels) > MOST_LABELS:
        raise InvalidLabels(f"{len(labels)} event names given: ask for at most {MOST_LABELS} at a time")
    seen: set[str] = set()
    for place, label in enumerate(labels, start=1):
        if not label.strip():
            raise InvalidLabels(f"event name {place} is empty: leave it out or fill it in")
        if len(label) > LONGEST_LABEL:
            raise InvalidLabels(
                f"event name {place} ({one_line(label, 30)!r}) has {len(label)} characters: use at most {LONGEST_LABEL}"
            )
        if label in seen:
            raise InvalidLabels(f"event name {one_line(label)!r} is given twice: leave one out")
        seen.add(label)
    return tuple(labels)


@dataclass(frozen=True)
class Localization:
    """What one stream found before validation: its thresholds and its candidates."""

    thresholds: Float[np.ndarray, "segment category"]
    candidates: list[Candidate]


def localize(
    scores: Scores,
    frame_embeddings: Float[np.ndarray, "segment feature"] | None,
    settings: Settings,
    *,
    selected: Bool[np.ndarray, "segment category"] | None = None,
    observed: Bool[np.ndarray, " segment"] | None = None,
) -> Localization:
    """Candidate intervals of one stream from its scores, whatever made them (Eq. 6 to 8 and S_k).

    Args:
        scores: of the categories to look for.
        frame_embeddings: x_t for the cosine; None for a stream without one.
        settings: thresholds, their rule, and the rules for intervals.
        selected: where each category may be present; everywhere when None.
        observed: False for segments without anything to score.
    """
    thresholds = dynamic_thresholds(
        scores.segments,
        frame_embeddings,
        initial_threshold=settings.initial_threshold,
        decay=settings.decay,
        rule=settings.threshold_rule,
        ridge=settings.ridge,
        ratio_times_scores=settings.ratio_times_scores,
        allowed=selected,
        observed=observed,
    )
    with np.errstate(invalid="ignore"):
        present = scores.segments > thresholds
    if selected is not None:
        present &= selected
    if observed is not None:
        present &= observed[:, None]
    found = candidates(
        present,
        minimum_segments=max(1, ceil(settings.minimum_duration_seconds / settings.segment_seconds - 1e-6)),
        merge_gap_segments=floor(settings.merge_gap_seconds / settings.segment_seconds + 1e-6),
        merge_first=settings.merge_first,
    )
    return Localization(thresholds, found)


def parse(observation: Observation, words: Vocabulary, settings: Settings) -> Parsing:
    """The whole method on what was observed: selection, thresholds, candidates, validation, for each stream."""
    segments = similarities(observation.segments, words)
    windows = [similarities(window, words) for window in observation.windows]
    modalities = [Modality.VISUAL, Modality.AUDIO]
    if settings.fusion is Fusion.SCORE:
        modalities.append(Modality.AUDIO_VISUAL)
    located = {modality: _located(modality, segments, windows, observation, settings) for modality in modalities}
    wanted = _wanted(located, settings)
    evidence = zip(wanted, observation.intervals(wanted), strict=True)
    scored = {(each.start, each.stop): similarities(embedded, words) for each, embedded in evidence}
    streams = {modality: _validated(stream, scored, settings) for modality, stream in located.items()}
    if settings.fusion is Fusion.LATE:
        streams[Modality.AUDIO_VISUAL] = _late(streams[Modality.VISUAL], streams[Modality.AUDIO])
    return Parsing(streams, observation.first_segment)


def _wanted(located: Mapping[Modality, "_Located"], settings: Settings) -> list[Interval]:
    """Each interval that is validated in some stream, once; seen and heard as these streams need it."""
    streams: dict[tuple[int, int], set[Modality]] = {}
    for modality, stream in located.items():
        for found in stream.candidates if _is_validated(stream, settings) else ():
            streams.setdefault((found.start, found.stop), set()).add(modality)
    return [
        Interval(*interval, seen=needed != {Modality.AUDIO}, heard=needed != {Modality.VISUAL})
        for interval, needed in sorted(streams.items(), key=lambda item: item[0])
    ]


def _is_validated(stream: "_Located", settings: Settings) -> bool:
    single = len(stream.candidates) == 1 and not settings.validate_single
    return settings.validate and not single and len(stream.candidates) > 0


@dataclass(frozen=True)
class _Located:
    trace: Trace
    candidates: tuple[Candidate, ...]


def _located(
    modality: Modality,
    segments: Similarities,
    windows: Sequence[Similarities],
    observation: Observation,
    settings: Settings,
) -> _Located:
    observed = segments.observed(modality)
    everything = stream_scores(segments, modality, settings.audio_weight)
    if settings.selection is Selection.WHOLE:
        whole = np.concatenate([stream_scores(window, modality, settings.audio_weight) for window in windows])
        has_whole = np.concatenate([window.observed(modality) for window in windows])
    else:
        whole, has_whole = window_peaks(everything, observed, observation.window_of)
    chosen = _chosen(whole, settings) & has_whole[:, None]
    selected = chosen[observation.window_of]
    kept = np.asarray(chosen.any(axis=0))
    scores = Scores(
        whole=whole[:, kept],
        segments=stream_scores(segments.of(kept), modality, settings.audio_weight)
        if settings.renormalise_survivors
        else everything[:, kept],
    )
    with_cosine = modality is not Modality.AUDIO or settings.cosine_for_audio
    located = localize(
        scores,
        observation.frame_embeddings if with_cosine else None,
        settings,
        selected=selected[:, kept],
        observed=observed,
    )
    columns = np.flatnonzero(kept)
    return _Located(
        Trace(
            modality=modality,
            window_scores=np.where(has_whole[:, None], whole, np.nan),
            selected=selected,
            scores=_spread(scores.segments, kept, observed),
            thresholds=_spread(located.thresholds, kept, observed),
        ),
        tuple(Candidate(int(columns[each.category]), each.start, each.stop) for each in located.candidates),
    )


def _chosen(whole: Float[np.ndarray, "window category"], settings: Settings) -> Bool[np.ndarray, "window category"]:
    """Where each category is looked for: also beside a window in which it stands out, as events run on across windows."""
    if not settings.select_categories:
        return np.ones(whole.shape, dtype=bool)
    chosen = selected_categories(whole, settings.category_threshold)
    beside = chosen.copy()
    beside[1:] |= chosen[:-1]
    beside[:-1] |= chosen[1:]
    return beside


def _spread(
    values: Float[np.ndarray, "segment kept"],
    kept: Bool[np.ndarray, " category"],
    observed: Bool[np.ndarray, " segment"],
) -> Float[np.ndarray, "segment category"]:
    spread = np.full((len(values), len(kept)), np.nan)
    spread[:, kept] = np.where(observed[:, None], values, np.nan)
    return spread


def _validated(stream: _Located, scored: Mapping[tuple[int, int], Similarities], settings: Settings) -> StreamParsing:
    """Eq. 9 on one stream: each candidate's own interval is scored, over the categories that the stream selected."""
    found = stream.candidates
    if not _is_validated(stream, settings):
        return StreamParsing(stream.trace, found, found, tuple(_mean_score(stream.trace, each) for each in found))
    own = np.stack([_interval_scores(stream.trace, scored[each.start, each.stop], settings) for each in found])
    holding = validated(
        found,
        own,
        settings.confidence_threshold,
        rule=settings.validation_rule,
        keep_best=settings.keep_best,
    )
    confidence = [float(own[place, each.category]) for place, each in enumerate(found)]
    return StreamParsing(
        stream.trace,
        found,
        tuple(found[place] for place in holding),
        tuple(confidence[place] for place in holding),
        tuple((each, confidence[place]) for place, each in enumerate(found) if place not in holding),
    )


def _interval_scores(trace: Trace, similarity: Similarities, settings: Settings) -> Float[np.ndarray, " category"]:
    kept = trace.kept
    scores = np.full(len(kept), -np.inf, dtype=np.float32)
    if not similarity.observed(trace.modality).all():
        return scores
    if settings.renormalise_survivors:
        scores[kept] = stream_scores(similarity.of(kept), trace.modality, settings.audio_weight)[0]
    else:
        scores[kept] = stream_scores(similarity, trace.modality, settings.audio_weight)[0, kept]
    return scores


def _mean_score(trace: Trace, found: Candidate) -> float:
    """A candidate that nothing validates has the mean score of its segments."""
    return float(np.nanmean(trace.scores[found.start : found.stop, found.category]))


def _late(visual: StreamParsing, audio: StreamParsing) -> StreamParsing:
    segments = len(visual.trace.scores)
    found = tuple(late_fused(visual.found, audio.found, segments))
    empty = np.full_like(visual.trace.scores, np.nan)
    trace = Trace(
        modality=Modality.AUDIO_VISUAL,
        window_scores=np.full_like(visual.trace.window_scores, np.nan),
        selected=visual.trace.selected & audio.trace.selected,
        scores=empty,
        thresholds=empty,
    )
    # Both must hold, so the weaker answer is the confidence.
    confidences = tuple(min(_confidence_at(visual, each), _confidence_at(audio, each)) for each in found)
    return StreamParsing(trace, found, found, confidences)


def _confidence_at(stream: StreamParsing, found: Candidate) -> float:
    return max(
        confidence
        for other, confidence in zip(stream.found, stream.confidences, strict=True)
        if other.category == found.category and other.start < found.stop and found.start < other.stop
    )


def _vocabulary(backbone: Backbone, labels: Sequence[str], settings: Settings) -> Vocabulary:
    place = label_store.folder()
    label_embeddings = label_store.remembered(backbone, labels, place)
    if settings.background:
        concept_embeddings = label_store.remembered(backbone, settings.background, place)
    else:
        concept_embeddings = LabelEmbeddings(label_embeddings.visual[:0], label_embeddings.audio[:0])
    return vocabulary(
        labels,
        settings.background,
        label_embeddings,
        concept_embeddings,
        settings.synonym_similarity,
        unit_labels=settings.unit_labels,
    )


def _expected(clip: Clip, labels: Sequence[str], backbone: Backbone, settings: Settings) -> list[str]:
    """What the user should know before any answer."""
    said = [] if backbone.note is None else [backbone.note]
    if clip.audio is None:
        said.append("there is no sound in this file, so nothing is heard")
    if clip.video is None:
        said.append("there is no picture in this file, so nothing is seen")
    if not settings.background and len(labels) < 3:
        said.append(
            f"without a background vocabulary (profile {settings.profile}) names are scored against each other, and fewer than "
            "three cannot be told apart: ask for more names, or use the practical profile"
        )
    return said


class _Warnings:
    """Each thing said once, in the order in which it came up."""

    def __init__(self, said: Sequence[str]) -> None:
        self.said = list(dict.fromkeys(said))

    def add(self, message: str) -> None:
        if message not in self.said:
            self.said.append(message)


def _quietly(stage: str, done: int, total: int) -> None:
    """No progress is shown unless asked for."""
