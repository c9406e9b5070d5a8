"""What a search gives, and the order in which it asks clips: those that may have the best answer first."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from av2a.types import Event

TIGHTENED_TOGETHER = 256
"""Of how many clips bounds are computed exactly at a time."""


@dataclass(frozen=True)
class Hit:
    """One answer: an event in a video."""

    path: str
    event: Event
    confidence: float
    file: str
    """Whether the file is still the one that was embedded: unchanged, changed, gone, or not checked."""

    def as_dict(self) -> dict[str, Any]:
        """As files have it: milliseconds, and four decimals of confidence."""
        event = self.event.rounded()
        return {
            "file": self.path,
            "label": event.label,
            "modality": event.modality.value,
            "start": event.start_seconds,
            "end": event.stop_seconds,
            "confidence": event.confidence,
            "state": self.file,
        }


@dataclass(frozen=True)
class SearchAnswer:
    """The hits of a search, the highest confidence first."""

    hits: tuple[Hit, ...]
    videos: int
    """How many videos the library has."""
    asked: int
    """Of how many contents the method was run; the others cannot have an event among the hits."""
    unanswered: tuple[str, ...]
    """Videos that could not be asked: their embeddings are no longer stored, or an interval of them was never embedded."""


@dataclass(frozen=True, eq=False)
class SearchGate:
    """Which clips are asked, and how high the confidence of each can be.

    Bounds of all clips are cheap and loose; those of the clips that come first are tightened, as an answer of a clip costs far more.
    """

    clips: Int64[np.ndarray, " asked"]
    """Their numbers in the matrix, in any order."""
    highest: Float64[np.ndarray, " asked"]
    """A bound on the confidence of each."""
    tightened: Callable[[Int64[np.ndarray, " chosen"]], Float64[np.ndarray, " chosen"]] | None = None
    """Tighter bounds of some clips."""

    def in_order(self) -> Iterator[tuple[int, float]]:
        """Each clip and its bound, the highest bound first; bounds are tightened no sooner than they may come first."""
        order = np.argsort(-self.highest, kind="stable")
        if self.tightened is None:
            yield from zip(self.clips[order].tolist(), self.highest[order].tolist(), strict=True)
            return
        first, waiting = 0, list[tuple[float, int]]()
        while waiting or first < len(order):
            while first < len(order) and (not waiting or -waiting[0][0] < self.highest[order[first]]):
                chosen = order[first : first + TIGHTENED_TOGETHER]
                first += len(chosen)
                bounds = np.minimum(self.tightened(self.clips[chosen]), self.highest[chosen])
                for bound, number in zip((-bounds).tolist(), self.clips[chosen].tolist(), strict=True):
                    heapq.heappush(waiting, (bound, number))
            bound, number = heapq.heappop(waiting)
            yield number, -bound


@dataclass
class Best:
    """The lowest confidence among the ``count`` best so far."""

    count: int
    _heap: list[float] = field(default_factory=list)

    def add(self, confidence: float) -> None:
        """Take one more answer in."""
        if len(self._heap) < self.count:
            heapq.heappush(self._heap, confidence)
        else:
            heapq.heappushpop(self._heap, confidence)

    @property
    def lowest(self) -> float:
        """The confidence that another answer needs to be among the best."""
        return self._heap[0] if len(self._heap) == self.count else -np.inf
