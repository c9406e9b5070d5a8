"""Observations as tables, and back, to the last bit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int32, Int64

from av2a.features import Interval, Observation
from av2a.features.store.tables import Input, Kind, Place, Table, table_of
from av2a.types import Embeddings

Ask = Callable[[int, Sequence[Interval]], list[Embeddings]]
"""Called with a stretch's number and the intervals of it that are wanted."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A clip's observations: one or more stretches, each parsed by itself."""

    visual: Table
    audio: Table
    stretches: Int32[np.ndarray, "stretch 3"]
    """First segment, how many segments, how many windows that are embedded whole."""
    window_of: Int64[np.ndarray, " segment"]
    """Of all stretches, one after the other."""
    warnings: tuple[str, ...] = ()
    """What the user should know about the clip, found while it was looked at."""

    def observations(self, ask: Ask) -> tuple[Observation, ...]:
        """The observations; their intervals are asked of ``ask``."""
        read = _Reader(self)
        borders = np.cumsum(self.stretches[:, 1]).tolist()
        return tuple(
            Observation(
                segments=read.embeddings([Place(number, Kind.SEGMENT, t, t + 1) for t in range(segments)]),
                windows=tuple(read.embeddings([Place(number, Kind.WINDOW, w, w + 1)]) for w in range(windows)),
                window_of=self.window_of[border - segments : border],
                frame_embeddings=read.frames([Place(number, Kind.FRAME, t, t + 1) for t in range(segments)]),
                intervals=_Intervals(ask, number),
                first_segment=first_segment,
            )
            for number, ((first_segment, segments, windows), border) in enumerate(
                zip(self.stretches.tolist(), borders, strict=True)
            )
        )

    def missing(self, stretch: int, wanted: Sequence[Interval]) -> list[Interval]:
        """What of the ``wanted`` intervals is not here, each once."""
        seen = {_place(stretch, each) for each in wanted if each.seen} - self.visual.where.keys()
        heard = {_place(stretch, each) for each in wanted if each.heard} - self.audio.where.keys()
        return [Interval(place.start, place.stop, place in seen, place in heard) for place in sorted(seen | heard)]

    def intervals(self, stretch: int, wanted: Sequence[Interval]) -> list[Embeddings]:
        """Intervals that are here."""
        read = _Reader(self)
        return [read.embeddings([_place(stretch, each)], seen=each.seen, heard=each.heard) for each in wanted]

    def with_intervals(self, stretch: int, asked: Sequence[Interval], answers: Sequence[Embeddings]) -> "Packed":
        """These observations, with the answers to ``asked``, which were missing."""
        pairs = [(_place(stretch, each), each, answer) for each, answer in zip(asked, answers, strict=True)]
        return replace(
            self,
            visual=self.visual.with_more({place: _picture(answer, 0) for place, each, answer in pairs if each.seen}),
            audio=self.audio.with_more({place: _sound(answer, 0) for place, each, answer in pairs if each.heard}),
        )


@dataclass(frozen=True)
class _Intervals:
    """An observation's intervals; no closure, so that an observation may go to another process."""

    ask: Ask
    stretch: int

    def __call__(self, wanted: Sequence[Interval]) -> list[Embeddings]:
        return self.ask(self.stretch, wanted)


class _Reader:
    """Reads inputs of one clip, whose rows it holds meanwhile."""

    def __init__(self, clip: Packed) -> None:
        self.visual, self.audio = clip.visual, clip.audio
        self.pictures, self.sounds = clip.visual.rows.all(), clip.audio.rows.all()

    def embeddings(self, places: Sequence[Place], *, seen: bool = True, heard: bool = True) -> Embeddings:
        """The inputs side by side; a stream that is not asked for is as if there were none."""
        pictures = [self.visual.input(place, self.pictures) if seen else _nothing(self.pictures) for place in places]
        sounds = [self.audio.input(place, self.sounds) if heard else _nothing(self.sounds) for place in places]
        return Embeddings(
            visual=np.stack([each.views for each in pictures]),
            audio=np.concatenate([each.views for each in sounds]),
            seen=np.array([each.there for each in pictures]),
            heard=np.array([each.there for each in sounds]),
        )

    def frames(self, places: Sequence[Place]) -> Float32[np.ndarray, "segment feature"]:
        """x_t of each segment."""
        return np.concatenate([self.visual.input(place, self.pictures).views for place in places])


def packed(observations: Sequence[Observation], warnings: Sequence[str] = ()) -> Packed:
    """The observations of one clip, without any interval yet.

    Raises:
        ValueError: there is none.
    """
    if not observations:
        raise ValueError("a clip has at least one observation, got none")
    inputs = [
        (Place(number, kind, at, at + 1), embeddings, row)
        for number, observation in enumerate(observations)
        for kind, at, embeddings, row in _inputs(observation)
    ]
    frames = {
        Place(number, Kind.FRAME, at, at + 1): Input(row[None], there=True)
        for number, observation in enumerate(observations)
        for at, row in enumerate(observation.frame_embeddings)
    }
    return Packed(
        visual=table_of({place: _picture(embeddings, row) for place, embeddings, row in inputs} | frames),
        audio=table_of({place: _sound(embeddings, row) for place, embeddings, row in inputs}),
        stretches=np.array(
            [[each.first_segment, len(each.segments), len(each.windows)] for each in observations], dtype=np.int32
        ),
        window_of=np.concatenate([each.window_of for each in observations]),
        warnings=tuple(warnings),
    )


def _inputs(observation: Observation) -> Iterator[tuple[Kind, int, Embeddings, int]]:
    """What kind of input it is, its number, and the embeddings and the row of them that it is."""
    for segment in range(len(observation.segments)):
        yield Kind.SEGMENT, segment, observation.segments, segment
    for window, embeddings in enumerate(observation.windows):
        yield Kind.WINDOW, window, embeddings, 0


def _place(stretch: int, interval: Interval) -> Place:
    return Place(stretch, Kind.INTERVAL, interval.start, interval.stop)


def _picture(embeddings: Embeddings, row: int) -> Input:
    return Input(embeddings.visual[row], bool(embeddings.seen[row]))


def _sound(embeddings: Embeddings, row: int) -> Input:
    return Input(embeddings.audio[row][None], bool(embeddings.heard[row]))


def _nothing(rows: Float32[np.ndarray, "row feature"]) -> Input:
    return Input(np.zeros((1, rows.shape[1]), np.float32), there=False)
