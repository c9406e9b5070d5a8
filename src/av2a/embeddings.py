"""Embeddings of one clip: what the encoders gave of its segments, windows and intervals (``ClipFeatures``)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Int64


@dataclass(frozen=True)
class Embeddings:
    """What the encoders made of n inputs: segments, windows or candidate intervals.

    A visual encoder gives one or more views of an input: a video encoder one, an image encoder one for each frame.
    ``seen`` and ``heard`` say which inputs had a frame and audio at all; the embeddings of the others mean nothing.
    """

    visual: Float[np.ndarray, "input view feature"]
    audio: Float[np.ndarray, "input audio_feature"]
    seen: Bool[np.ndarray, " input"]
    heard: Bool[np.ndarray, " input"]

    def __post_init__(self) -> None:
        counts = {len(self.visual), len(self.audio), len(self.seen), len(self.heard)}
        if len(counts) != 1:
            raise ValueError(
                "all parts must cover the same inputs, got "
                f"{len(self.visual)} visual, {len(self.audio)} audio, {len(self.seen)} seen, {len(self.heard)} heard"
            )

    def __len__(self) -> int:
        return len(self.seen)


@dataclass(frozen=True)
class LabelEmbeddings:
    """Labels as the two encoders read them, in the order given."""

    visual: Float[np.ndarray, "label feature"]
    audio: Float[np.ndarray, "label audio_feature"]


@dataclass(frozen=True)
class Vocabulary:
    """The embeddings of the labels and of the background concepts.

    ``counted[c, b]`` is whether concept b counts against label c; without concepts labels are scored against each other.
    """

    labels: LabelEmbeddings
    concepts: LabelEmbeddings
    counted: Bool[np.ndarray, "label concept"]
    names: tuple[str, ...] = ()
    """The labels, for settings that name some of them."""


class Interval(NamedTuple):
    """Segments ``[start, stop)`` of one part of a clip, and which of its streams are needed."""

    start: int
    stop: int
    seen: bool = True
    heard: bool = True
    part: int = 0


class MissingIntervals(Exception):
    """A method asked for intervals that the features do not hold; the extractor adds them, and the method runs again."""

    def __init__(self, features: "ClipFeatures", intervals: Sequence[Interval]) -> None:
        super().__init__(f"{len(intervals)} intervals are not embedded yet")
        self.features = features
        self.intervals = tuple(intervals)


class InputKind(IntEnum):
    """What an embedded input is."""

    SEGMENT = 0
    WINDOW = 1
    """A window that is embedded whole."""
    INTERVAL = 2
    FRAME = 3
    """The mean embedding of a segment's frames: x_t for the cosine of Eq. 7."""


class InputKey(NamedTuple):
    """Names an input: ``[start, stop)`` counts segments of its part of the clip, or windows of it."""

    part: int
    kind: InputKind
    start: int
    stop: int


class EmbeddedInput(NamedTuple):
    """The views of one input; ``is_there`` is False where there was no frame or audio, and then the views mean nothing."""

    views: Float[np.ndarray, "view feature"]
    is_there: bool


@dataclass(frozen=True, eq=False)
class EmbeddingTable:
    """Inputs of one stream and their embeddings, each distinct embedding once: intervals share those of their frames."""

    rows: Float32[np.ndarray, "row feature"]
    keys: Int32[np.ndarray, "input 4"]
    """Part, kind, start and stop of each input."""
    is_there: Bool[np.ndarray, " input"]
    views: Int32[np.ndarray, " view"]
    """Row numbers of all inputs' views, one input after the other."""
    stops: Int64[np.ndarray, " input"]
    """Where each input's views end."""

    @classmethod
    def of(cls, inputs: Mapping[InputKey, EmbeddedInput]) -> "EmbeddingTable":
        """A table of these inputs, in their order.

        >>> row = np.ones((1, 3), np.float32)
        >>> inputs = {InputKey(0, InputKind.SEGMENT, t, t + 1): EmbeddedInput(row, True) for t in range(4)}
        >>> table = EmbeddingTable.of(inputs)
        >>> len(table.index), len(table.rows)
        (4, 1)
        """
        empty = cls(
            np.empty((0, 0), np.float32),
            np.empty((0, 4), np.int32),
            np.empty(0, bool),
            np.empty(0, np.int32),
            np.empty(0, np.int64),
        )
        return empty.with_more(inputs)

    @cached_property
    def index(self) -> dict[tuple[int, ...], int]:
        """The number of each input by its key."""
        return {tuple(key): number for number, key in enumerate(self.keys.tolist())}

    def inputs(self, keys: Iterable[InputKey]) -> list[EmbeddedInput]:
        """These inputs, in their order."""
        numbers = [self.index[tuple(key)] for key in keys]
        firsts = [int(self.stops[number - 1]) if number else 0 for number in numbers]
        return [
            EmbeddedInput(self.rows[self.views[first : self.stops[number]]], bool(self.is_there[number]))
            for number, first in zip(numbers, firsts, strict=True)
        ]

    def with_more(self, inputs: Mapping[InputKey, EmbeddedInput]) -> "EmbeddingTable":
        """These inputs and more; the numbers of rows that are there do not change."""
        rows = {row.tobytes(): row for row in self.rows}
        numbers = {content: number for number, content in enumerate(rows)}
        views: list[int] = []
        for row in (row for each in inputs.values() for row in np.asarray(each.views, np.float32)):
            content = row.tobytes()
            rows.setdefault(content, row)
            views.append(numbers.setdefault(content, len(numbers)))
        counts = [len(each.views) for each in inputs.values()]
        keys = np.array([list(map(int, key)) for key in inputs], dtype=np.int32).reshape(-1, 4)
        return EmbeddingTable(
            rows=np.array(list(rows.values()), np.float32).reshape(len(rows), -1),
            keys=np.concatenate([self.keys, keys]),
            is_there=np.concatenate([self.is_there, np.array([each.is_there for each in inputs.values()], dtype=bool)]),
            views=np.concatenate([self.views, np.array(views, dtype=np.int32)]),
            stops=np.concatenate([self.stops, len(self.views) + np.cumsum(counts, dtype=np.int64)]),
        )


@dataclass(frozen=True, eq=False)
class ClipFeatures:
    """What media and encoders give of one clip, for any labels, settings and method: plain arrays that pickle.

    A clip has one part or, where its windows are parsed by themselves (sampling by index), one for each window.
    """

    visual: EmbeddingTable
    audio: EmbeddingTable
    parts: Int32[np.ndarray, "part 3"]
    """First segment, how many segments, how many windows that are embedded whole."""
    window_of: Int64[np.ndarray, " segment"]
    """The window that each segment lies in, counted within its part."""
    warnings: tuple[str, ...] = ()
    """What the user should know about the clip, found while it was decoded and embedded."""

    def __len__(self) -> int:
        return len(self.parts)

    def first_segment(self, part: int) -> int:
        """Where a part begins."""
        return int(self.parts[part, 0])

    def segments(self, part: int) -> Embeddings:
        """The segments of a part."""
        return self._embeddings([InputKey(part, InputKind.SEGMENT, t, t + 1) for t in range(self.parts[part, 1])])

    def windows(self, part: int) -> list[Embeddings]:
        """The windows of a part as the encoders embed them whole; empty when no setting asks for that."""
        keys = [InputKey(part, InputKind.WINDOW, window, window + 1) for window in range(self.parts[part, 2])]
        return [self._embeddings([key]) for key in keys]

    def windows_of_segments(self, part: int) -> Int64[np.ndarray, " segment"]:
        """The window that each segment of a part lies in."""
        stop = int(self.parts[: part + 1, 1].sum())
        return self.window_of[stop - int(self.parts[part, 1]) : stop]

    def frame_embeddings(self, part: int) -> Float32[np.ndarray, "segment feature"]:
        """x_t of each segment of a part, for the cosine of Eq. 7; where nothing was seen, the last one before it."""
        keys = [InputKey(part, InputKind.FRAME, t, t + 1) for t in range(self.parts[part, 1])]
        return np.concatenate([each.views for each in self.visual.inputs(keys)])

    def intervals(self, wanted: Sequence[Interval]) -> list[Embeddings]:
        """Intervals as the encoders embed them by themselves; a stream that is not needed counts as absent.

        Raises:
            MissingIntervals: some are not embedded yet.
        """
        if missing := self.missing(wanted):
            raise MissingIntervals(self, missing)
        return [self._embeddings([_key(each)], seen=each.seen, heard=each.heard) for each in wanted]

    def missing(self, wanted: Sequence[Interval]) -> list[Interval]:
        """What of the ``wanted`` intervals is not here, each once."""
        seen = {_key(each) for each in wanted if each.seen and tuple(_key(each)) not in self.visual.index}
        heard = {_key(each) for each in wanted if each.heard and tuple(_key(each)) not in self.audio.index}
        return [Interval(key.start, key.stop, key in seen, key in heard, key.part) for key in sorted(seen | heard)]

    def with_intervals(
        self,
        visual: Mapping[Interval, EmbeddedInput],
        audio: Mapping[Interval, EmbeddedInput],
        warnings: Sequence[str] = (),
    ) -> "ClipFeatures":
        """These features and intervals that were missing."""
        return replace(
            self,
            visual=self.visual.with_more({_key(each): given for each, given in visual.items()}),
            audio=self.audio.with_more({_key(each): given for each, given in audio.items()}),
            warnings=tuple(dict.fromkeys([*self.warnings, *warnings])),
        )

    def _embeddings(self, keys: Sequence[InputKey], *, seen: bool = True, heard: bool = True) -> Embeddings:
        nothing = [EmbeddedInput(np.zeros((1, table.rows.shape[1]), np.float32), False) for table in self._tables]
        visual = self.visual.inputs(keys) if seen else nothing[:1] * len(keys)
        audio = self.audio.inputs(keys) if heard else nothing[1:] * len(keys)
        return Embeddings(
            visual=np.stack([each.views for each in visual]),
            audio=np.concatenate([each.views for each in audio]),
            seen=np.array([each.is_there for each in visual]),
            heard=np.array([each.is_there for each in audio]),
        )

    @property
    def _tables(self) -> tuple[EmbeddingTable, EmbeddingTable]:
        return self.visual, self.audio


def _key(interval: Interval) -> InputKey:
    return InputKey(interval.part, InputKind.INTERVAL, interval.start, interval.stop)
