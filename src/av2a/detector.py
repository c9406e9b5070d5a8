"""From a video to its events: ``detect``, and ``detect_all`` for several.

A video becomes events in six steps: media, segments, embeddings, scores, thresholds, events. The first three are asked for here, by way of
an observer; the last three are the method itself, :mod:`av2a.methods.av2a.method`.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from av2a import media
from av2a.backbones.base import Backbone
from av2a.backbones.registry import DEFAULT_BACKBONE, default_precision, load_backbone
from av2a.backbones.remarks import remarks_to
from av2a.features import Batches, Observer, Progress
from av2a.features import labels as label_store
from av2a.labels import checked_labels
from av2a.methods import result as answer
from av2a.methods.av2a.method import localize, parse, parse_scores
from av2a.methods.av2a.scores import Vocabulary, vocabulary
from av2a.paths import cache_folder
from av2a.settings import Settings, SettingsLike
from av2a.timeline import Grid
from av2a.types import CAUTION, BackboneInfo, Clip, Detection, LabelEmbeddings, ScoredClip

__all__ = ["Failure", "checked_labels", "detect", "detect_all", "detect_scored", "localize", "parse", "words_of"]


def detect(
    video: str | Path | Clip,
    labels: Iterable[str],
    backbone: str | Backbone = DEFAULT_BACKBONE,
    settings: SettingsLike = None,
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
    asked = checked_labels(labels, (limits or media.Limits()).labels)
    settings = Settings.of(settings, backbone if isinstance(backbone, str) else backbone.info.name)
    # The file is looked at first: it may be refused without loading a model.
    clip = _opened(video, video_stream, audio_stream, limits)
    if isinstance(backbone, str):
        backbone = load_backbone(backbone, precision=default_precision(settings.profile))
    question = _Question(asked, backbone, settings, words_of(backbone, asked, settings))
    started = _Started.of(clip, question, Batches.of(backbone), progress or _quietly)
    return started.finished()


@dataclass(frozen=True)
class Failure:
    """A video without an answer, and why."""

    video: str | Path | Clip
    error: Exception


def detect_all(
    videos: Iterable[str | Path | Clip],
    labels: Iterable[str],
    backbone: str | Backbone = DEFAULT_BACKBONE,
    settings: SettingsLike = None,
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
    asked = checked_labels(labels, (limits or media.Limits()).labels)
    settings = Settings.of(settings, backbone if isinstance(backbone, str) else backbone.info.name)
    if isinstance(backbone, str):
        backbone = load_backbone(backbone, precision=default_precision(settings.profile))
    question = _Question(asked, backbone, settings, words_of(backbone, asked, settings))
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


def detect_scored(
    video: str | Path | Clip,
    labels: Sequence[str],
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
        scored: a row a segment of ``settings.segment_seconds``.
        settings: thresholds on the scale of these scores.
        source: what the scores are from, for the record.
        limits: ceilings on what is opened.

    Raises:
        UsageError: labels that cannot be meant, or no such file.
        InvalidScores: there are not as many rows as the video has segments.
        MediaError: a file that cannot be used.
    """
    asked = checked_labels(labels, (limits or media.Limits()).labels)
    clip = _opened(video, None, None, limits)
    grid = Grid(clip.duration_seconds, settings.segment_seconds)
    grid.check_rows(len(scored.audio.segments), source.visual)
    parsings = [parse_scores(scored, settings)]
    events = answer.events(parsings, asked, grid)
    return Detection(
        clip=clip,
        labels=asked,
        grid=grid,
        backbone=source,
        settings=settings,
        events=events,
        traces=answer.traces(parsings),
        warnings=clip.warnings,
        closest=None if events else answer.closest(parsings, asked, grid, settings),
    )


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


def words_of(backbone: Backbone, labels: Sequence[str], settings: Settings) -> Vocabulary:
    """The labels as the backbone reads them, beside the settings' background; rows on disk are used."""
    place = cache_folder()
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


class _Warnings:
    """Each thing said once, in the order in which it came up."""

    def __init__(self, said: Sequence[str]) -> None:
        self.said = list(dict.fromkeys(said))

    def add(self, message: str) -> None:
        if message not in self.said:
            self.said.append(message)


def _quietly(stage: str, done: int, total: int) -> None:
    """No progress is shown unless asked for."""
