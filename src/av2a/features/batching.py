"""Inputs that wait for an encoder, to be embedded together, also those of several clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float

from av2a.backbones.base import Backbone, Frame, Sound
from av2a.backbones.encoder_warnings import COLLECTED
from av2a.features.sampling import CLIP_FRAMES

Item = TypeVar("Item")

Embedding = Float[np.ndarray, "*view feature"]

MOST_BYTES = 200_000_000
"""A batch is computed earlier than full when its inputs take this much memory."""


NOTHING = np.empty(0, np.float32)


@dataclass(eq=False)
class Pending:
    """The embedding of one input, there once the batch that holds the input has been computed."""

    embedding: Embedding = field(default_factory=lambda: NOTHING)
    is_done: bool = False
    error: Exception | None = None
    """Why there will be no embedding."""
    warnings: tuple[str, ...] = ()
    """What the encoder warned of while it computed the batch."""


@dataclass(eq=False)
class Batch(Generic[Item]):
    """Inputs of one encoder that wait to be embedded together."""

    embed: Callable[[Sequence[Item]], Float[np.ndarray, "item *view feature"]]
    items: int
    _waiting: list[tuple[Item, Pending]] = field(default_factory=list)
    _bytes: int = 0

    def add(self, item: Item) -> Pending:
        """Queue one input; it is embedded at once or by a later call."""
        pending = Pending()
        self._waiting.append((item, pending))
        self._bytes += sum(each.nbytes for each in item) if isinstance(item, list) else getattr(item, "nbytes", 0)
        if len(self._waiting) >= self.items or self._bytes >= MOST_BYTES:
            self.flush()
        return pending

    def flush(self) -> None:
        """Embed everything that waits."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if waiting:
            self._compute(waiting)

    def _compute(self, waiting: Sequence[tuple[Item, Pending]]) -> None:
        warnings: list[str] = []
        token = COLLECTED.set(warnings)
        try:
            embeddings = list(self.embed([item for item, _ in waiting]))
        except Exception as error:  # noqa: BLE001 - raised where the embedding is used
            # An input that cannot be embedded must not take others' embeddings with it: they may be of other clips.
            if len(waiting) > 1:
                for each in waiting:
                    self._compute([each])
            else:
                waiting[0][1].error, waiting[0][1].is_done = error, True
            return
        finally:
            COLLECTED.reset(token)
        for (_, pending), embedding in zip(waiting, embeddings, strict=True):
            pending.embedding, pending.warnings, pending.is_done = embedding, tuple(warnings), True


@dataclass(frozen=True)
class Batches:
    """The inputs that wait for a backbone: frames, clips of frames, and audio windows."""

    frames: Batch[Frame]
    clips: Batch[list[Frame]]
    sounds: Batch[Sound]

    @classmethod
    def of(cls, backbone: Backbone) -> "Batches":
        """Empty ones, of the size that keeps the backbone's device busy."""
        size, visual, audio = backbone.batch_items, backbone.visual, backbone.audio
        return cls(
            Batch(visual.embed_frames, size),
            Batch(visual.embed_clips, max(1, size // CLIP_FRAMES)),
            Batch(audio.embed_sounds, size),
        )

    def flush(self) -> None:
        """Embed everything that waits."""
        self.frames.flush()
        self.clips.flush()
        self.sounds.flush()
