"""Inputs collected until there are enough for one call of an encoder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float

from av2a.backbones.base import Backbone, Frame, Sound
from av2a.features.sampling import CLIP_FRAMES

Item = TypeVar("Item")
Key = TypeVar("Key")

Row = Float[np.ndarray, "*view feature"]
Take = Callable[[Row | Exception], None]
"""Called with the row of one input, once it is known, or with why there is none."""

MOST_BYTES = 200_000_000
"""A batch goes out earlier than full when its inputs take this much memory."""


@dataclass(eq=False)
class Batch(Generic[Item]):
    """Inputs of one encoder that wait for their rows. Those of several clips may wait together."""

    embed: Callable[[Sequence[Item]], Float[np.ndarray, "item *view feature"]]
    items: int
    size_bytes: Callable[[Item], int]
    _waiting: list[tuple[Item, Take]] = field(default_factory=list)
    _bytes: int = 0

    def add(self, item: Item, take: Take) -> None:
        """Ask for the row of one input; ``take`` may be called at once or by a later call."""
        self._waiting.append((item, take))
        self._bytes += self.size_bytes(item)
        if len(self._waiting) >= self.items or self._bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Ask the encoder for all rows that are still waited for."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if not waiting:
            return
        for (_, take), row in zip(waiting, self._rows([item for item, _ in waiting]), strict=True):
            take(row)

    def _rows(self, items: Sequence[Item]) -> Sequence[Row | Exception]:
        try:
            return list(self.embed(items))
        except Exception as error:  # noqa: BLE001 - told to those whom it concerns
            # An input that cannot be embedded must not take others' rows with it: they may be of other clips.
            return [error] if len(items) == 1 else [row for item in items for row in self._rows([item])]


@dataclass(eq=False)
class Asked(Generic[Key]):
    """The rows of one clip by what they are rows of; None for what shows or sounds nothing."""

    rows: dict[Key, Row | None] = field(default_factory=dict)
    waiting: int = 0
    """How many were asked for and are not there yet."""
    error: Exception | None = None
    """Why one will never be there."""

    def ask(self, key: Key, item: Item, batch: Batch[Item]) -> None:
        """Have the row of ``key`` made of ``item``, now or with a later batch."""

        def take(row: Row | Exception) -> None:
            if isinstance(row, Exception):
                self.error = row
            else:
                self.rows[key] = row
            self.waiting -= 1

        self.waiting += 1
        batch.add(item, take)
        self.check()

    def check(self) -> None:
        """Raise what the encoder raised."""
        if self.error is not None:
            raise self.error


@dataclass(frozen=True)
class Batches:
    """What a backbone is asked for: pictures, clips and sounds."""

    frames: Batch[Frame]
    clips: Batch[list[Frame]]
    sounds: Batch[Sound]

    @classmethod
    def of(cls, backbone: Backbone) -> "Batches":
        """Empty ones, of the size that keeps the backbone's device busy."""
        size, visual, audio = backbone.batch_items, backbone.visual, backbone.audio
        return cls(
            Batch(visual.embed_frames, size, lambda frame: frame.nbytes),
            Batch(visual.embed_clips, max(1, size // CLIP_FRAMES), lambda clip: sum(frame.nbytes for frame in clip)),
            Batch(audio.embed_sounds, size, lambda sound: sound.nbytes),
        )

    def flush(self) -> None:
        """Ask for everything that is still waited for."""
        self.frames.flush()
        self.clips.flush()
        self.sounds.flush()
