"""What the method asks of an encoder, and batching through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8

from av2a.embeddings import LabelEmbeddings
from av2a.types import BackboneInfo

# Axes without a name: pictures and sounds of one call may differ in size.
Frame = UInt8[np.ndarray, "_ _ 3"]
"""A picture, (height, width, 3), RGB, upright."""
Sound = Float32[np.ndarray, " _"]
"""Mono sound, (sample,), at the encoder's own sample rate."""
Span = tuple[float, float]
"""Seconds, ``[start, stop)``."""


@runtime_checkable
class VisualEncoder(Protocol):
    """Pictures and names into one space. Rows may be of any length; similarity is their inner product."""

    name: str

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        ...

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "category feature"]:
        """One row a label, in the order given; a label's row does not depend on the others."""
        ...

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One row a picture."""
        ...

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """One or more rows a clip: one for a video encoder, one a frame for an image encoder.

        Clips of one call have the same number of frames.
        """
        ...

    @property
    def clips_are_frames(self) -> bool:
        """Whether ``embed_clips`` gives the rows of ``embed_frames``, so that frames already seen need not be asked again."""
        ...


@runtime_checkable
class AudioEncoder(Protocol):
    """Sounds and names into one space."""

    name: str
    sample_rate_hz: int
    segment_seconds: float
    """The length of sound that the encoder can make something of: a segment is heard in a window of at least this length."""
    longest_seconds: float
    """The longest sound that one call takes in whole; longer ones are embedded in chunks and averaged."""

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        ...

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "category feature"]:
        """One row a label, in the order given; a label's row does not depend on the others."""
        ...

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One row a sound; sounds may differ in length, none is empty."""
        ...


@runtime_checkable
class SlicedAudioEncoder(Protocol):
    """An audio encoder that tells the moments of a sound apart in one pass."""

    slice_seconds: float

    def embed_slices(self, sound: Sound) -> Float[np.ndarray, "slice feature"]:
        """One row a slice of a sound of any length, the last of which may be a part."""
        ...

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> Float[np.ndarray, "span feature"]:
        """One row for each span of seconds of a sound of any length."""
        ...


@dataclass(frozen=True)
class Backbone:
    """A visual encoder and an audio encoder that answer together."""

    info: BackboneInfo
    visual: VisualEncoder
    audio: AudioEncoder
    note: str | None = None
    """What a user must know about every answer of this backbone; shown with each."""
    batch_items: int = 8
    """How many pictures or sounds keep its device busy."""
    prompts_version: int | None = None
    """Changes when the words put around labels do. None: labels are read so fast that their rows are not kept on disk."""


def embed_labels(backbone: Backbone, labels: Sequence[str]) -> LabelEmbeddings:
    """The labels as both encoders read them."""
    return LabelEmbeddings(backbone.visual.embed_labels(labels), backbone.audio.embed_labels(labels))
