"""Inputs of one stream and their rows, each distinct row once: intervals of an image encoder share the rows of their pictures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Int64


class Kind(IntEnum):
    """What an input is."""

    SEGMENT = 0
    WINDOW = 1
    """A window that is embedded whole."""
    INTERVAL = 2
    FRAME = 3
    """A segment's picture alone: x_t for the cosine of Eq. 7."""


class Place(NamedTuple):
    """An input: ``[start, stop)`` counts segments of its stretch, or windows of it."""

    stretch: int
    kind: Kind
    start: int
    stop: int


@runtime_checkable
class Rows(Protocol):
    """Rows in memory or in a mapped file."""

    def all(self) -> Float32[np.ndarray, "row feature"]:
        """Every row."""
        ...


@dataclass(frozen=True)
class LoadedRows:
    """Rows in memory."""

    array: Float32[np.ndarray, "row feature"]

    def all(self) -> Float32[np.ndarray, "row feature"]:
        """Every row."""
        return self.array


class Input(NamedTuple):
    """What an encoder made of one input; ``there`` is False where there was no picture or sound, and then the views mean nothing."""

    views: Float[np.ndarray, "view feature"]
    there: bool


@dataclass(frozen=True, eq=False)
class Table:
    """Which rows each input has."""

    rows: Rows
    places: Int32[np.ndarray, "input 4"]
    """Stretch, kind, start, stop."""
    there: Bool[np.ndarray, " input"]
    views: Int32[np.ndarray, " view"]
    """Row numbers of all inputs' views, one input after the other."""
    stops: Int64[np.ndarray, " input"]
    """Where each input's views end."""

    @cached_property
    def where(self) -> dict[Place, int]:
        """The number of each input."""
        return {
            Place(stretch, Kind(kind), start, stop): number
            for number, (stretch, kind, start, stop) in enumerate(self.places.tolist())
        }

    def input(self, place: Place, rows: Float32[np.ndarray, "row feature"]) -> Input:
        """One input, of ``rows`` as :meth:`Rows.all` gave them."""
        number = self.where[place]
        first = int(self.stops[number - 1]) if number else 0
        return Input(rows[self.views[first : self.stops[number]]], bool(self.there[number]))

    def with_more(self, inputs: Mapping[Place, Input]) -> "Table":
        """These inputs and more; the numbers of rows that are there do not change."""
        rows = {row.tobytes(): row for row in self.rows.all()}
        numbers = {content: number for number, content in enumerate(rows)}
        views: list[int] = []
        for row in (row for each in inputs.values() for row in np.asarray(each.views, np.float32)):
            content = row.tobytes()
            rows.setdefault(content, row)
            views.append(numbers.setdefault(content, len(numbers)))
        counts = [len(each.views) for each in inputs.values()]
        return Table(
            rows=LoadedRows(np.array(list(rows.values()), np.float32).reshape(len(rows), -1)),
            places=np.concatenate([self.places, _places(inputs)]),
            there=np.concatenate([self.there, np.array([each.there for each in inputs.values()], dtype=bool)]),
            views=np.concatenate([self.views, np.array(views, dtype=np.int32)]),
            stops=np.concatenate([self.stops, len(self.views) + np.cumsum(counts, dtype=np.int64)]),
        )


def table_of(inputs: Mapping[Place, Input]) -> Table:
    """A table of these inputs, in their order.

    >>> row = np.ones((1, 3), np.float32)
    >>> table = table_of({Place(0, Kind.SEGMENT, t, t + 1): Input(row, True) for t in range(4)})
    >>> len(table.where), len(table.rows.all())
    (4, 1)
    """
    nothing = Table(
        rows=LoadedRows(np.empty((0, 0), np.float32)),
        places=np.empty((0, 4), np.int32),
        there=np.empty(0, bool),
        views=np.empty(0, np.int32),
        stops=np.empty(0, np.int64),
    )
    return nothing.with_more(inputs)


def _places(places: Iterable[Place]) -> Int32[np.ndarray, "input 4"]:
    return np.array([list(map(int, place)) for place in places], dtype=np.int32).reshape(-1, 4)
