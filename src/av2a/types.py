"""The nouns that travel between the files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cached_property
from importlib import import_module
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from av2a.digests import FileIdentity, sha256
from av2a.errors import MissingDependency, UnknownLabel, UnknownName
from av2a.settings import Settings
from av2a.timeline import Grid, whole_milliseconds
from av2a.wording import counted

CAUTION = "mini knows only the generated world: its answers about real video mean nothing"
"""Stands among the warnings of each answer that ``mini`` gives about any other video."""


WORLD_COMMENT = "a scene of av2a's generated world"
"""The comment tag in the files of the generated world."""


LARGEST_SCORE = 1e6
"""Larger scores lose all digits in the products of Eq. 7."""


class Modality(Enum):
    """The stream in which an event was found."""

    AUDIO = "audio"
    VISUAL = "visual"
    AUDIO_VISUAL = "audio_visual"

    @property
    def word(self) -> str:
        """Its name for readers: heard, seen or both."""
        return {"audio": "heard", "visual": "seen", "audio_visual": "both"}[self.value]

    @classmethod
    def named(cls, word: str) -> "Modality":
        """The stream that readers call by this name.

        Raises:
            UnknownName: no stream is called so.

        >>> Modality.named("seen")
        <Modality.VISUAL: 'visual'>
        """
        words = {each.word: each for each in cls}
        if word not in words:
            raise UnknownName.among("stream", word, words)
        return words[word]


@dataclass(frozen=True)
class VideoStream:
    """A video stream of a file. ``width`` and ``height`` apply after ``rotation_degrees`` has been applied."""

    index: int
    codec: str
    width: int
    height: int
    rotation_degrees: int = 0
    frame_rate_hz: float | None = None
    language: str | None = None


@dataclass(frozen=True)
class AudioStream:
    """An audio stream of a file."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    language: str | None = None


@dataclass(frozen=True)
class Clip:
    """A media file that was opened and can be used. Times are seconds from the container's start.

    ``video`` and ``audio`` are the streams in use, None where there is none; ``video_streams`` and ``audio_streams`` are all
    streams of the file. Opening a file does not read all of it: its SHA-256 is computed when it is first needed.
    """

    path: Path
    size_bytes: int
    container: str
    duration_seconds: float
    start_seconds: float
    """Where zero lies on the file's own clock."""
    video: VideoStream | None
    audio: AudioStream | None
    video_streams: tuple[VideoStream, ...] = ()
    audio_streams: tuple[AudioStream, ...] = ()
    warnings: tuple[str, ...] = ()
    """What opening the file showed that a user should know."""
    generated: bool = False
    """Whether the file says that it is a scene of the generated world, the only one that ``mini`` knows."""
    identity: FileIdentity | None = field(default=None, compare=False, repr=False)
    """The file that was opened; another one at the same path is refused. None for a clip that was not opened here."""
    known_sha256: str | None = field(default=None, compare=False, repr=False)
    """The SHA-256 where it is known without reading the file."""
    address: str | None = field(default=None, compare=False, repr=False)
    """Where the file was fetched from, such as ``s3://bucket/clip.mp4``; ``path`` is then a copy that may be gone."""

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, computed when it is first needed.

        Raises:
            MissingFile, FileChanged: the file is not the one that was opened.
        """
        return self.known_sha256 or sha256(self.path, self.identity)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name


@dataclass(frozen=True)
class Candidate:
    """Segments ``[start, stop)`` in which one label may be present (S_k)."""

    label: int
    """Its index."""
    start: int
    stop: int


@dataclass(frozen=True)
class Scores:
    """How strongly each label is present, in [0, 1] (Eq. 1 and 2)."""

    whole: Float[np.ndarray, "window label"]
    segments: Float[np.ndarray, "segment label"]

    def __post_init__(self) -> None:
        if self.segments.shape[1:] != self.whole.shape[1:]:
            raise ValueError(
                "whole and segments must score the same labels, got shapes "
                f"{self.whole.shape} and {self.segments.shape}"
            )


@dataclass(frozen=True)
class ScoredClip:
    """A clip as any model scored it, second by second or in whatever segments.

    NaN where there is nothing to score: no sound or picture in a segment. Scores need not lie in [0, 1].
    """

    audio: Scores
    visual: Scores
    frame_embeddings: Float[np.ndarray, "segment feature"] | None = None
    """x_t for the cosine of Eq. 7."""
    chosen: Mapping[Modality, Bool[np.ndarray, " label"]] | None = None
    """The labels that the model itself selected for each stream, in place of Eq. 5."""

    def __post_init__(self) -> None:
        shapes = [(each.whole.shape, each.segments.shape) for each in (self.audio, self.visual)]
        if shapes[0] != shapes[1] or len(self.audio.whole) != 1:
            raise ValueError(f"audio and visual must score the same segments and labels of one clip, got {shapes}")
        largest = max(
            float(np.nanmax(np.abs(values), initial=0.0))
            for each in (self.audio, self.visual)
            for values in (each.segments, each.whole)
        )
        if not largest <= LARGEST_SCORE:
            raise ValueError(f"scores must lie within ±{LARGEST_SCORE:g}, got {largest:g}: scale them down")
        if self.frame_embeddings is not None and len(self.frame_embeddings) != len(self.audio.segments):
            raise ValueError(
                f"frame_embeddings needs a row for each of {len(self.audio.segments)} segments, got {len(self.frame_embeddings)}"
            )


@dataclass(frozen=True)
class Event:
    """One label that is heard, seen or both over ``[start_seconds, stop_seconds)``."""

    label: str
    modality: Modality
    start_seconds: float
    stop_seconds: float
    confidence: float
    """The score that the method gave the interval, in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < self.stop_seconds:
            raise ValueError(
                f"an event needs 0 <= start_seconds < stop_seconds, got {self.start_seconds} and {self.stop_seconds}"
            )

    def rounded(self, duration_seconds: float = inf) -> "Event":
        """As files have it: whole milliseconds, not beyond the clip's end, and four decimals of confidence."""
        start, stop = whole_milliseconds(self.start_seconds, self.stop_seconds, duration_seconds)
        return replace(self, start_seconds=start, stop_seconds=stop, confidence=round(self.confidence, 4))


@dataclass(frozen=True, eq=False)
class Trace:
    """How one stream came to its decisions, for drawing and explaining.

    Columns are the asked labels in their order. NaN where the stream had nothing to score: no picture or sound in a
    segment.
    """

    modality: Modality
    window_scores: Float[np.ndarray, "window label"]
    """Scores that the label selection saw."""
    selected: Bool[np.ndarray, "segment label"]
    """Where each label passed the selection."""
    scores: Float[np.ndarray, "segment label"]
    """Those that thresholds decided about; of a label that was not selected anywhere, those that selection saw."""
    thresholds: Float[np.ndarray, "segment label"]
    """NaN also for a label that was not selected anywhere."""
    rejected: tuple[tuple[Candidate, float], ...] = ()
    """Candidates that failed validation, in segments of the clip, each with the score that was too low."""
    derived: tuple[Candidate, ...] = ()
    """What the stream's events have from the other streams alone, as heard, seen and both must agree (``consistent``)."""

    @property
    def kept(self) -> Bool[np.ndarray, " label"]:
        """The labels that were selected somewhere."""
        return np.asarray(self.selected.any(axis=0))

    def __eq__(self, other: object) -> bool:
        """By content, at the precision of files: four decimals, and one value for all that are not finite."""
        if not isinstance(other, Trace):
            return NotImplemented
        return all(_alike(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    def __hash__(self) -> int:
        return hash((self.modality, self.scores.shape))


@dataclass(frozen=True)
class StreamParsing:
    """One stream of a part of a clip: how it decided and what it found. Candidates have indexes of the requested labels."""

    trace: Trace
    candidates: tuple[Candidate, ...]
    found: tuple[Candidate, ...] = ()
    """The candidates that passed validation."""
    confidences: tuple[float, ...] = ()
    """One for each of ``found``."""
    rejected: tuple[tuple[Candidate, float], ...] = ()
    """The others, with the score that was too low."""
    required: tuple[float, ...] = ()
    """The score that each of ``rejected`` did not exceed."""
    confidence_thresholds: tuple[float, ...] = ()
    """τ_r of each of ``candidates``."""


@dataclass(frozen=True)
class Parsing:
    """All streams of one part of a clip, which begins at ``first_segment``."""

    streams: Mapping[Modality, StreamParsing]
    first_segment: int = 0


@dataclass(frozen=True)
class ClosestMiss:
    """The score that came nearest to being an event, for an answer that is empty."""

    label: str
    modality: Modality
    start_seconds: float
    stop_seconds: float
    score: float
    threshold: float
    reason: str = "below its threshold"
    """Why it is no event, to be read after "was"."""

    def rounded(
        self, duration_seconds: float = inf
    ) -> tuple[str, Modality, float, float, float | None, float | None, str]:
        """Its values as files have them, in the order of the fields."""
        start, stop = whole_milliseconds(self.start_seconds, self.stop_seconds, duration_seconds)
        score, threshold = written_number(self.score), written_number(self.threshold)
        return self.label, self.modality, start, stop, score, threshold, self.reason


@dataclass(frozen=True)
class BackboneInfo:
    """Which models answered, as written in outputs."""

    name: str
    visual: str
    audio: str
    digest: str
    """SHA-256 over the weights."""
    device: str = "cpu"
    precision: str = "float32"
    """The numbers that the models computed with."""


@dataclass(frozen=True)
class KnownLabel:
    """What a backbone that knows only some things takes a label for, in each stream; None where it does not know it.

    A label that is not known in a stream is never found there, which is not the same as *not heard* or *not seen*.
    """

    label: str
    heard_as: str | None = None
    seen_as: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Detection:
    """The answer for one video, with all that is needed to repeat the run.

    It is a collection of its events: iterate over it, take its ``len``, or ask for one label: ``detection["dog barking"]``.
    Two answers are equal when their files would be, wherever the video lies.
    """

    clip: Clip
    labels: tuple[str, ...]
    grid: Grid
    backbone: BackboneInfo
    settings: Settings
    events: tuple[Event, ...]
    """Sorted by start, then stop, then the labels' order, then heard, seen, both."""
    traces: tuple[Trace, ...]
    """One for each modality that was parsed: audio, visual, audio-visual."""
    warnings: tuple[str, ...] = ()
    closest: ClosestMiss | None = None
    """Given only when ``events`` is empty."""
    known: tuple[KnownLabel, ...] = ()
    """One for each label, from a backbone that knows only some things; empty for one that reads any words."""

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __bool__(self) -> bool:
        # An answer without events is an answer.
        return True

    def __getitem__(self, label: str) -> tuple[Event, ...]:
        """The events of one label.

        Raises:
            UnknownLabel: the answer is not about that label.
        """
        if label not in self.labels:
            raise UnknownLabel.among("label", str(label), self.labels)
        return tuple(event for event in self.events if event.label == label)

    def __contains__(self, item: object) -> bool:
        """Whether an event, or any event of a label, was found."""
        return any(item in (event, event.label) for event in self.events)

    def events_of(self, modality: Modality) -> tuple[Event, ...]:
        """The events of one modality."""
        return tuple(event for event in self.events if event.modality is modality)

    @property
    def rounded_events(self) -> tuple[Event, ...]:
        """The events as files have them."""
        return tuple(event.rounded(self.clip.duration_seconds) for event in self.events)

    @property
    def caution(self) -> str | None:
        """Why the whole answer is worthless, where it is: ``mini`` on a video that is not of the generated world."""
        return CAUTION if CAUTION in self.warnings else None

    def to_dict(self, *, traces: bool = False) -> dict[str, Any]:
        """The answer as plain values, as in JSON files; ``traces`` adds the scores and thresholds."""
        plain: dict[str, Any] = _room("exports.json").as_dict(self, traces=traces)
        return plain

    def columns(self) -> dict[str, list[Any]]:
        """The events as equally long columns, for any library of data frames."""
        return {
            "filename": [self.clip.name] * len(self),
            "label": [event.label for event in self],
            "modality": [event.modality.value for event in self],
            "start_seconds": [event.start_seconds for event in self],
            "stop_seconds": [event.stop_seconds for event in self],
            "confidence": [event.confidence for event in self],
        }

    def to_pandas(self) -> Any:
        """:meth:`columns` as a ``pandas.DataFrame``, whose columns have the same types when there is no event.

        Raises:
            MissingDependency: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError as missing:
            raise MissingDependency("to_pandas needs 'pandas': install it, or use columns()") from missing
        kinds = {name: "float64" if name in _NUMBER_COLUMNS else "str" for name in self.columns()}
        return pandas.DataFrame(self.columns()).astype(kinds)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the answer in the format that the ending of ``path`` names, see :func:`av2a.exports.write`."""
        _room("exports").write(self, path, overwrite=overwrite)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detection):
            return NotImplemented
        return self._written() == other._written() and self.traces == other.traces

    def __hash__(self) -> int:
        return hash(self._written())

    def _written(self) -> tuple[object, ...]:
        """What files say of the answer, without its traces."""
        clip = replace(
            self.clip,
            path=Path(self.clip.name),
            duration_seconds=round(self.clip.duration_seconds, 6),
            start_seconds=round(self.clip.start_seconds, 6),
        )
        grid = replace(self.grid, duration_seconds=round(self.grid.duration_seconds, 6))
        closest = None if self.closest is None else self.closest.rounded(self.clip.duration_seconds)
        return (
            clip,
            self.labels,
            grid,
            self.backbone,
            self.settings,
            self.rounded_events,
            self.warnings,
            closest,
            self.known,
        )

    def __repr__(self) -> str:
        counts = [f"{len(self.events_of(modality))} {modality.word}" for modality in Modality]
        return (
            f"<Detection {self.clip.name!r} ({self.clip.duration_seconds:g} s): {counted(len(self), 'event')} of "
            f"{counted(len(self.labels), 'label')}, {', '.join(counts)}>"
        )

    def _repr_html_(self) -> str:
        """The time line for a notebook, without scripts."""
        html: str = _room("figures.notebook").lanes(self)
        return html


_NUMBER_COLUMNS = {"start_seconds", "stop_seconds", "confidence"}


def _room(name: str) -> Any:
    """A module of a higher layer; loaded on call, because it imports this one."""
    return import_module(f"av2a.{name}")


def _alike(one: Any, other: Any) -> bool:
    """Whether files would have the same values."""
    if isinstance(one, np.ndarray):
        if one.shape != other.shape:
            return False
        different = ~((one == other) | ~(np.isfinite(one) | np.isfinite(other)))
        numbers = zip(one[different].tolist(), other[different].tolist(), strict=True)
        return all(written_number(a) == written_number(b) for a, b in numbers)
    if isinstance(one, float):
        return written_number(one) == written_number(other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def written_number(value: float) -> float | None:
    """A score as files have it: four decimals; None for what is not finite, for which JSON has no number."""
    return round(float(value), 4) if isfinite(value) else None
