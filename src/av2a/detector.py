"""``Detector``: a backbone loaded once, and the events of any video for any labels."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from av2a import media
from av2a.backbones.base import Backbone
from av2a.backbones.registry import DEFAULT_BACKBONE, default_precision, load_backbone
from av2a.embeddings import ClipFeatures, LabelEmbeddings, MissingIntervals, Vocabulary
from av2a.errors import UsageError
from av2a.features import Batches, FeatureSource, Progress, Store
from av2a.features.labels import cached_label_embeddings
from av2a.labels import checked_labels
from av2a.methods.av2a.method import av2a, parse
from av2a.methods.av2a.scores import vocabulary
from av2a.methods.registry import Method, load_method
from av2a.settings import Settings, SettingsLike, ValidationRule
from av2a.timeline import Grid
from av2a.types import (
    CAUTION,
    BackboneInfo,
    Candidate,
    Clip,
    ClosestMiss,
    Detection,
    Event,
    KnownLabel,
    Modality,
    Parsing,
    ScoredClip,
    StreamParsing,
    Trace,
)

MOST_BEGUN = 4
"""How many videos :meth:`Detector.map` decodes at most before the answer to the first of them."""

Video = str | Path | Clip

PRACTICAL = Settings()

ORDER = (Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL)
"""Heard, seen, both: the order wherever streams are listed."""


@dataclass(frozen=True)
class Answer:
    """What :meth:`Detector.map` gives for one video: the caller's own item, and a detection or an error."""

    item: Video
    detection: Detection | None = None
    error: Exception | None = None

    @property
    def reason(self) -> Exception:
        """The error of an answer without a detection."""
        assert self.error is not None, "an answer has a detection or an error"
        return self.error


class Detector:
    """Finds when each label is heard, seen, or both in a video. The backbone is loaded once.

    >>> detector = Detector("mini", store="embeddings/")  # doctest: +SKIP
    >>> detection = detector("clip.mp4", ["dog barking", "rain"])  # doctest: +SKIP

    Args:
        backbone: the name of a backbone, or a loaded one.
        device: where models run: ``auto``, ``cpu``, ``cuda``, ``mps``, ``openvino``.
        precision: None is the fastest that is close enough to float32.
        weights: a folder in which weights are looked for first.
        store: a folder in which embeddings are kept: other labels, settings and methods for a video seen before decode and
            encode nothing. None keeps nothing.
        method: a method, or the name of one.

    Raises:
        UsageError: a name that does not exist.
        WeightsUnavailable: the backbone's weights or libraries are not available.
    """

    def __init__(
        self,
        backbone: str | Backbone = DEFAULT_BACKBONE,
        *,
        device: str = "auto",
        precision: str | None = None,
        weights: str | Path | None = None,
        store: str | Path | Store | None = None,
        method: str | Method = av2a,
    ) -> None:
        if isinstance(backbone, str):
            backbone = load_backbone(
                backbone,
                device=device,
                precision=precision or "auto",
                weights=None if weights is None else Path(weights),
            )
        if not isinstance(backbone, Backbone):
            raise UsageError(f"backbone must be a name or a loaded backbone, got {type(backbone).__name__}")
        self.backbone = backbone
        self.store = store if store is None or isinstance(store, Store) else Store(Path(store))
        self.method = load_method(method) if isinstance(method, str) else method
        self._vocabulary: tuple[object, Vocabulary] | None = None

    def __call__(
        self,
        video: Video,
        labels: Iterable[str],
        settings: SettingsLike = None,
        progress: Progress | None = None,
        *,
        video_stream: int | None = None,
        audio_stream: int | None = None,
        limits: media.Limits | None = None,
    ) -> Detection:
        """When each of ``labels`` is heard, seen, or both in ``video``.

        Args:
            video: any file that PyAV decodes, with pictures, sound, or both; or one opened by ``media.open_clip``, to
                which the streams and limits below do not apply.
            labels: event names, in any words; one is enough.
            settings: settings, the name of a profile, or a mapping; the ``practical`` profile when None.
            progress: called with a stage, how much of it is done, and how much there is.
            video_stream: which video stream to use, by its index in the file.
            audio_stream: likewise for audio.
            limits: ceilings on what is opened.

        Raises:
            UsageError: invalid labels, settings or names, or no such file.
            MediaError: a file that cannot be used.
        """
        query = self._query(labels, settings, limits)
        clip = opened_clip(video, video_stream, audio_stream, limits)
        return self._detection(self.source(clip, query.settings, progress), query)

    def source(self, clip: Clip, settings: Settings, progress: Progress | None = None) -> FeatureSource:
        """The features of a clip as ``settings`` sample it; nothing is decoded before they are used."""
        return FeatureSource(clip, self.backbone, settings, self.store, progress=progress)

    def answer(
        self, source: FeatureSource, labels: Iterable[str], settings: Settings, *, limits: media.Limits | None = None
    ) -> Detection:
        """The answer from features that the caller keeps, for settings that sample as those of the source do.

        Raises:
            UsageError: invalid labels.
            MediaError: the clip had to be decoded, and cannot be.
        """
        return self._detection(source, self._query(labels, settings, limits))

    def map(
        self,
        videos: Iterable[Video],
        labels: Iterable[str],
        settings: SettingsLike = None,
        progress: Progress | None = None,
        *,
        limits: media.Limits | None = None,
    ) -> Iterator[Answer]:
        """The answer for each of ``videos``, in their order; a video that cannot be used never stops the others.

        An encoder's batches are filled up from the next videos, of which at most :data:`MOST_BEGUN` are decoded ahead. An embedding
        may differ in its last bits with the batch that it was computed in, so scores may differ from a single call's about the
        seventh digit.

        Raises:
            UsageError: invalid labels or settings, or one path in place of several.
        """
        if isinstance(videos, str | bytes | Path | Clip):
            raise UsageError("videos must be a list of paths, got one: put it in a list, or call the detector itself")
        if not isinstance(videos, Iterable):
            raise UsageError(f"videos must be a list of paths, got {type(videos).__name__}")
        return self._answers(videos, self._query(labels, settings, limits), limits, progress)

    def vocabulary(self, labels: Sequence[str], settings: Settings) -> Vocabulary:
        """The labels and the settings' background concepts as the backbone reads them; the last vocabulary is remembered."""
        key = (tuple(labels), settings.background, settings.synonym_similarity, settings.unit_labels)
        if self._vocabulary is None or self._vocabulary[0] != key:
            self._vocabulary = key, vocabulary_of(self.backbone, labels, settings)
        return self._vocabulary[1]

    def _query(self, labels: Iterable[str], settings: SettingsLike, limits: media.Limits | None) -> "_Query":
        settings = chosen_settings(settings, self.backbone)
        checked = checked_labels(labels, (limits or media.Limits()).labels)
        return _Query(checked, settings, self.vocabulary(checked, settings))

    def _answers(
        self, videos: Iterable[Video], query: "_Query", limits: media.Limits | None, progress: Progress | None
    ) -> Iterator[Answer]:
        batches = Batches.of(self.backbone)
        begun: deque[tuple[Video, FeatureSource | Exception]] = deque()
        for video in videos:
            begun.append((video, self._begun(video, query, limits, progress, batches)))
            while begun and (_is_complete(begun[0][1]) or len(begun) >= MOST_BEGUN):
                yield self._answer(*begun.popleft(), query)
        for item, source in begun:
            yield self._answer(item, source, query)

    def _begun(
        self, video: Video, query: "_Query", limits: media.Limits | None, progress: Progress | None, batches: Batches
    ) -> FeatureSource | Exception:
        try:
            clip = opened_clip(video, None, None, limits)
            source = FeatureSource(clip, self.backbone, query.settings, self.store, batches=batches, progress=progress)
            source.begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other videos are answered
            return error
        return source

    def _answer(self, item: Video, source: FeatureSource | Exception, query: "_Query") -> Answer:
        if isinstance(source, Exception):
            return Answer(item, error=source)
        try:
            return Answer(item, self._detection(source, query))
        except Exception as error:  # noqa: BLE001 - as above
            return Answer(item, error=error)

    def of_features(
        self, clip: Clip, features: ClipFeatures, labels: Iterable[str], settings: SettingsLike = None
    ) -> Detection:
        """The answer from a clip's features, such as a store holds; the clip is neither opened nor embedded.

        Raises:
            UsageError: invalid labels or settings.
            MissingIntervals: the method needs intervals that the features do not hold.
        """
        query = self._query(labels, settings, None)
        grid = Grid(clip.duration_seconds, query.settings.segment_seconds)
        parsings = self.method(features, query.vocabulary, query.settings)
        return self._assembled(clip, grid, features, parsings, query)

    def _detection(self, source: FeatureSource, query: "_Query") -> Detection:
        parsings = parsed(self.method, source, query.vocabulary, query.settings)
        return self._assembled(source.clip, source.grid, source.features, parsings, query)

    def _assembled(
        self, clip: Clip, grid: Grid, features: ClipFeatures, parsings: Sequence[Parsing], query: "_Query"
    ) -> Detection:
        known = known_labels(self.backbone, query.labels, query.vocabulary.labels)
        warnings = [
            *_expected(clip, query.labels, self.backbone, query.settings),
            *_unknown(known),
            *clip.warnings,
            *features.warnings,
        ]
        return _assembled(clip, query.labels, grid, self.backbone.info, query.settings, parsings, warnings, known)


def detect(
    video: Video,
    labels: Iterable[str],
    backbone: str | Backbone = DEFAULT_BACKBONE,
    settings: SettingsLike = None,
    *,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    limits: media.Limits | None = None,
    progress: Progress | None = None,
) -> Detection:
    """When each of ``labels`` is heard, seen, or both in one video; :class:`Detector` loads its models once for many.

    Arguments and errors are those of :class:`Detector` and of its call.
    """
    # Labels and file are checked first: they may be refused without loading a model.
    labels = checked_labels(labels, (limits or media.Limits()).labels)
    settings = chosen_settings(settings, backbone)
    clip = opened_clip(video, video_stream, audio_stream, limits)
    return _detector(backbone, settings)(clip, labels, settings, progress, limits=limits)


def detect_all(
    videos: Iterable[Video],
    labels: Iterable[str],
    backbone: str | Backbone = DEFAULT_BACKBONE,
    settings: SettingsLike = None,
    *,
    limits: media.Limits | None = None,
    progress: Progress | None = None,
) -> Iterator[Answer]:
    """:meth:`Detector.map` with a backbone loaded for it."""
    labels = checked_labels(labels, (limits or media.Limits()).labels)
    settings = chosen_settings(settings, backbone)
    return _detector(backbone, settings).map(videos, labels, settings, progress, limits=limits)


def detect_scored(
    video: Video,
    labels: Iterable[str],
    scored: ScoredClip,
    settings: Settings,
    source: BackboneInfo,
    *,
    limits: media.Limits | None = None,
) -> Detection:
    """When each of ``labels`` is heard, seen, or both in ``video``, by the scores that some model gave its segments.

    Args:
        video: what was scored; it is opened for its length, and not decoded.
        labels: the names of the scores' columns.
        scored: a row for each segment of ``settings.segment_seconds``.
        settings: thresholds on the scale of these scores.
        source: what the scores are from, for the record.
        limits: ceilings on what is opened.

    Raises:
        UsageError: invalid labels, or no such file.
        InvalidScores: there are not as many rows as the video has segments.
        MediaError: a file that cannot be used.
    """
    checked = checked_labels(labels, (limits or media.Limits()).labels)
    clip = opened_clip(video, None, None, limits)
    grid = Grid(clip.duration_seconds, settings.segment_seconds)
    grid.check_rows(len(scored.audio.segments), source.visual)
    warnings = [*clip.warnings, *_scale_warnings(scored, settings)]
    return _assembled(clip, checked, grid, source, settings, [parse(scored, settings)], warnings)


def _scale_warnings(scored: ScoredClip, settings: Settings) -> list[str]:
    """Probabilities meet the practical thresholds only where both streams are nearly sure."""
    if settings.initial_threshold < PRACTICAL.initial_threshold or settings.background != PRACTICAL.background:
        return []
    scores = np.concatenate([scored.audio.segments.ravel(), scored.visual.segments.ravel()])
    known = scores[np.isfinite(scores)]
    if not len(known) or known.min() < 0 or known.max() > 1:
        return []
    return [
        "the scores look like probabilities, and the practical thresholds are made for scores against a background vocabulary: "
        'nearly nothing is "both"; use the profile scores'
    ]


def parsed(method: Method, source: FeatureSource, vocabulary: Vocabulary, settings: Settings) -> Sequence[Parsing]:
    """What a method decides about a clip; intervals that it asks for are embedded, and it runs again."""
    while True:
        try:
            return method(source.features, vocabulary, settings)
        except MissingIntervals as missing:
            source.add(missing.intervals)


def _detector(backbone: str | Backbone, settings: Settings) -> Detector:
    return Detector(backbone, precision=default_precision(settings.profile) if isinstance(backbone, str) else None)


def chosen_settings(settings: SettingsLike, backbone: str | Backbone) -> Settings:
    """The settings that a user named, with Table 1's values for the backbone in the paper's profiles."""
    if settings is None or isinstance(settings, Settings):
        return settings or PRACTICAL
    return Settings.of(settings, backbone if isinstance(backbone, str) else backbone.info.name)


@dataclass(frozen=True)
class _Query:
    """What is asked of every video alike."""

    labels: tuple[str, ...]
    settings: Settings
    vocabulary: Vocabulary


def _assembled(
    clip: Clip,
    labels: tuple[str, ...],
    grid: Grid,
    backbone: BackboneInfo,
    settings: Settings,
    parsings: Sequence[Parsing],
    warnings: Iterable[str],
    known: tuple[KnownLabel, ...] = (),
) -> Detection:
    events = events_of(parsings, labels, grid)
    return Detection(
        clip=clip,
        labels=labels,
        grid=grid,
        backbone=backbone,
        settings=settings,
        events=events,
        traces=traces_of(parsings),
        warnings=tuple(dict.fromkeys(warnings)),
        closest=None if events else closest_miss(parsings, labels, grid, settings, known),
        known=known,
    )


def _is_complete(source: FeatureSource | Exception) -> bool:
    return isinstance(source, Exception) or source.is_complete


def opened_clip(video: Video, video_stream: int | None, audio_stream: int | None, limits: media.Limits | None) -> Clip:
    """The video, opened unless it is already."""
    if isinstance(video, Clip):
        return video
    return media.open_clip(video, video_stream=video_stream, audio_stream=audio_stream, limits=limits or media.Limits())


def vocabulary_of(backbone: Backbone, labels: Sequence[str], settings: Settings) -> Vocabulary:
    """The labels as the backbone reads them, beside the settings' background; embeddings on disk are used."""
    own = label_embeddings(backbone, labels)
    background = settings.background
    concepts = label_embeddings(backbone, background) if background else LabelEmbeddings(own.visual[:0], own.audio[:0])
    return vocabulary(
        labels,
        background,
        own,
        concepts,
        settings.synonym_similarity,
        unit_labels=settings.unit_labels,
    )


def label_embeddings(backbone: Backbone, labels: Sequence[str]) -> LabelEmbeddings:
    """The labels as both encoders read them; those of slow text encoders are kept on disk."""
    if backbone.prompts_version is not None:
        return cached_label_embeddings(backbone, labels)
    return LabelEmbeddings(backbone.visual.embed_labels(labels), backbone.audio.embed_labels(labels))


def known_labels(
    backbone: Backbone, labels: Sequence[str], embeddings: LabelEmbeddings | None = None
) -> tuple[KnownLabel, ...]:
    """What the backbone takes each label for in each stream; nothing from a backbone that reads any words."""
    if backbone.known is None:
        return ()
    return backbone.known(labels, embeddings or label_embeddings(backbone, labels))


def _unknown(known: Sequence[KnownLabel]) -> list[str]:
    """The labels that cannot be found, said once for each stream."""
    unheard = [each.label for each in known if each.heard_as is None]
    unseen = [each.label for each in known if each.seen_as is None]
    return [
        f"not known to this backbone by {sense}, so never {word} (which is not the same as absent): {', '.join(labels)}"
        for sense, word, labels in (("sound", "heard", unheard), ("sight", "seen", unseen))
        if labels
    ]


def _expected(clip: Clip, labels: Sequence[str], backbone: Backbone, settings: Settings) -> list[str]:
    """What the user should know before any answer."""
    is_known_world = clip.generated and backbone.note == CAUTION
    said = [] if backbone.note is None or is_known_world else [backbone.note]
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


def events_of(parsings: Sequence[Parsing], labels: Sequence[str], grid: Grid) -> tuple[Event, ...]:
    """All that was found, by start, then stop, then the labels' order, then heard, seen, both."""
    rows = [
        (*_seconds(each, parsing, grid), each.label, place, confidence)
        for parsing in parsings
        for place, modality in enumerate(ORDER)
        for each, confidence in _found(parsing.streams[modality])
    ]
    return tuple(
        Event(labels[label], ORDER[place], start, stop, confidence)
        for start, stop, label, place, confidence in sorted(rows)
    )


def traces_of(parsings: Sequence[Parsing]) -> tuple[Trace, ...]:
    """The parts' traces one after the other, for each stream."""
    return tuple(_joined(modality, parsings) for modality in ORDER)


def closest_miss(
    parsings: Sequence[Parsing],
    labels: Sequence[str],
    grid: Grid,
    settings: Settings,
    known: Sequence[KnownLabel] = (),
) -> ClosestMiss | None:
    """The nearest thing to an event: a rejected candidate, else a segment, else a window; None if nothing was scored.

    What ``known`` says cannot be found in a stream is not looked for there: no threshold would find it.
    """
    if known:
        parsings = [_of_known(parsing, known) for parsing in parsings]
    for kind in (_rejected, _segments, _windows):
        misses = [
            miss
            for parsing in parsings
            for modality in ORDER
            for miss in kind(parsing, modality, labels, grid, settings)
        ]
        if misses:
            return max(misses, key=lambda miss: miss.score - miss.threshold)
    return None


def _of_known(parsing: Parsing, known: Sequence[KnownLabel]) -> Parsing:
    """The same without a score where a label is not known."""
    heard = np.array([each.heard_as is not None for each in known])
    seen = np.array([each.seen_as is not None for each in known])
    findable = {Modality.AUDIO: heard, Modality.VISUAL: seen, Modality.AUDIO_VISUAL: heard & seen}
    streams = {}
    for modality, stream in parsing.streams.items():
        trace = replace(
            stream.trace,
            scores=np.where(findable[modality], stream.trace.scores, np.nan),
            window_scores=np.where(findable[modality], stream.trace.window_scores, np.nan),
        )
        rejected = tuple((each, score if findable[modality][each.label] else np.nan) for each, score in stream.rejected)
        streams[modality] = replace(stream, trace=trace, rejected=rejected)
    return replace(parsing, streams=streams)


def _found(stream: StreamParsing) -> Iterator[tuple[Candidate, float]]:
    return zip(stream.found, stream.confidences, strict=True)


def _seconds(each: Candidate, parsing: Parsing, grid: Grid) -> tuple[float, float]:
    return grid.seconds(parsing.first_segment + each.start, parsing.first_segment + each.stop)


def _joined(modality: Modality, parsings: Sequence[Parsing]) -> Trace:
    parts = [(parsing.first_segment, parsing.streams[modality]) for parsing in parsings]
    traces = [stream.trace for _, stream in parts]
    return Trace(
        modality=modality,
        window_scores=np.concatenate([trace.window_scores for trace in traces]),
        selected=np.concatenate([trace.selected for trace in traces]),
        scores=np.concatenate([trace.scores for trace in traces]),
        thresholds=np.concatenate([trace.thresholds for trace in traces]),
        rejected=tuple((_moved(each, first), score) for first, stream in parts for each, score in stream.rejected),
        derived=tuple(_moved(each, first) for first, stream in parts for each in stream.trace.derived),
    )


def _moved(each: Candidate, first_segment: int) -> Candidate:
    return Candidate(each.label, first_segment + each.start, first_segment + each.stop)


def _rejected(
    parsing: Parsing, modality: Modality, labels: Sequence[str], grid: Grid, settings: Settings
) -> Iterator[ClosestMiss]:
    stream = parsing.streams[modality]
    reasons = {
        ValidationRule.CONFIDENCE: "not confirmed when the interval was scored by itself",
        ValidationRule.ARGMAX: "not the strongest name of its interval",
    }
    for (each, score), required in zip(stream.rejected, stream.required, strict=True):
        if np.isfinite(score) and np.isfinite(required):
            start, stop = _seconds(each, parsing, grid)
            yield ClosestMiss(
                labels[each.label], modality, start, stop, score, required, reasons[settings.validation_rule]
            )


def _segments(
    parsing: Parsing, modality: Modality, labels: Sequence[str], grid: Grid, settings: Settings
) -> Iterator[ClosestMiss]:
    trace = parsing.streams[modality].trace
    margin = np.where(trace.selected, trace.scores - trace.thresholds, np.nan)
    if np.isfinite(margin).any():
        segment, label = divmod(int(np.nanargmax(margin)), margin.shape[1])
        first = parsing.first_segment + segment
        yield ClosestMiss(
            labels[label],
            modality,
            *grid.seconds(first, first + 1),
            float(trace.scores[segment, label]),
            float(trace.thresholds[segment, label]),
            "too short" if margin[segment, label] > 0 else "below its threshold",
        )


def _windows(
    parsing: Parsing, modality: Modality, labels: Sequence[str], grid: Grid, settings: Settings
) -> Iterator[ClosestMiss]:
    trace = parsing.streams[modality].trace
    segments = len(trace.scores)
    windows = Grid(segments * grid.segment_seconds, grid.segment_seconds).windows(settings.window_seconds)
    if len(windows) != len(trace.window_scores):
        # Other models score a clip whole, whatever its length.
        windows = [(0, segments)] * len(trace.window_scores)
    # Normalised again over itself alone, a selected label has no scores; that its window's score was too low would be wrong.
    selected = [trace.selected[first:last].any(axis=0) for first, last in windows]
    scores = np.where(np.array(selected).reshape(trace.window_scores.shape), np.nan, trace.window_scores)
    if np.isfinite(scores).any():
        window, label = divmod(int(np.nanargmax(scores)), scores.shape[1])
        first, last = windows[window]
        first, last = parsing.first_segment + first, parsing.first_segment + last
        yield ClosestMiss(
            labels[label],
            modality,
            *grid.seconds(first, last),
            float(trace.window_scores[window, label]),
            settings.category_threshold,
            "not selected over its window",
        )
