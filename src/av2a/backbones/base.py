"""Encoder interfaces: ``VisualEncoder``, ``AudioEncoder`` and the ``Backbone`` of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, UInt8

from av2a.embeddings import LabelEmbeddings
from av2a.types import BackboneInfo, KnownLabel

# Axes without a name: the frames, or sounds, of one call may differ in size.
Frame = UInt8[np.ndarray, "_ _ 3"]
"""One frame, (height, width, 3), RGB, upright."""
Sound = Float32[np.ndarray, " _"]
"""Mono audio, (sample,), at the encoder's own sample rate."""
Span = tuple[float, float]
"""Seconds, ``[start, stop)``."""


@runtime_checkable
class VisualEncoder(Protocol):
    """Embeds frames and labels in one space. Embeddings may have any length; similarity is their inner product."""

    name: str

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        ...

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One embedding for each label, in the order given; it does not depend on the other labels.

        Raises:
            InvalidLabels: a label is longer than the text encoder takes.
        """
        ...

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One embedding for each frame."""
        ...

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """One or more embeddings for each clip: one from a video encoder, one for each frame from an image encoder.

        Clips of one call have the same number of frames.
        """
        ...

    @property
    def clips_are_frames(self) -> bool:
        """Whether ``embed_clips`` gives the embeddings of ``embed_frames``, so that a frame is embedded once."""
        ...


@runtime_checkable
class AudioEncoder(Protocol):
    """Embeds audio and labels in one space."""

    name: str
    sample_rate_hz: int
    segment_seconds: float
    """The shortest audio that gives a useful embedding: a segment is embedded in a window of at least this length."""
    longest_seconds: float
    """The longest audio that one call takes whole; longer audio is embedded in chunks and averaged."""

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        ...

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One embedding for each label, in the order given; it does not depend on the other labels.

        Raises:
            InvalidLabels: a label is longer than the text encoder takes.
        """
        ...

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One embedding for each sound; sounds may differ in length.

        Raises:
            ValueError: a sound has no samples.
        """
        ...


@runtime_checkable
class SlicedAudioEncoder(Protocol):
    """An audio encoder that embeds short slices of a sound in one pass."""

    slice_seconds: float

    def embed_slices(self, sound: Sound) -> Float[np.ndarray, "slice feature"]:
        """One embedding for each slice of a sound of any length; the last slice may be shorter.

        Raises:
            ValueError: the sound has no samples.
        """
        ...

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> Float[np.ndarray, "span feature"]:
        """One embedding for each span of seconds of a sound of any length.

        Raises:
            ValueError: the sound has no samples, or a span no part of it.
        """
        ...


@dataclass(frozen=True)
class Backbone:
    """A visual encoder and an audio encoder that are used together."""

    info: BackboneInfo
    visual: VisualEncoder
    audio: AudioEncoder
    note: str | None = None
    """What a user must know about every answer of this backbone; shown with each."""
    batch_items: int = 8
    """How many frames or sounds keep its device busy."""
    prompts_version: int | None = None
    """Changes when the words put around labels do. None: labels are embedded so fast that they are not cached on disk."""
    known: Callable[[Sequence[str], LabelEmbeddings], tuple[KnownLabel, ...]] | None = None
    """Says of labels, given with their embeddings, what they are known as; None for a backbone that reads any words."""


def embed_labels(backbone: Backbone, labels: Sequence[str]) -> LabelEmbeddings:
    """The labels as both encoders embed them."""
    return LabelEmbeddings(backbone.visual.embed_labels(labels), backbone.audio.embed_labels(labels))
