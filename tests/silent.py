"""Encoders that read labels and refuse everything else: whoever gets an answer from them has decoded and encoded nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from av2a.backbones.base import AudioEncoder, Backbone, Frame, Sound, Span, VisualEncoder


@dataclass(eq=False)
class SilentVisual:
    """Refuses pictures."""

    encoder: VisualEncoder
    name: str = "silent"

    @property
    def features(self) -> int:
        return self.encoder.features

    @property
    def clips_are_frames(self) -> bool:
        return self.encoder.clips_are_frames

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        return self.encoder.embed_labels(labels)

    def embed_frames(self, frames: Sequence[Frame]) -> NoReturn:
        raise AssertionError(f"{len(frames)} pictures were encoded")

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> NoReturn:
        raise AssertionError(f"{len(clips)} clips were encoded")


@dataclass(eq=False)
class SilentAudio:
    """Refuses sounds."""

    encoder: AudioEncoder

    def __post_init__(self) -> None:
        self.name = self.encoder.name
        self.features = self.encoder.features
        self.sample_rate_hz = self.encoder.sample_rate_hz
        self.segment_seconds = self.encoder.segment_seconds
        self.longest_seconds = self.encoder.longest_seconds

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        return self.encoder.embed_labels(labels)

    def embed_sounds(self, sounds: Sequence[Sound]) -> NoReturn:
        raise AssertionError(f"{len(sounds)} sounds were encoded")

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> NoReturn:
        raise AssertionError(f"{len(spans)} spans were encoded")


def silent(backbone: Backbone) -> Backbone:
    """``backbone``, which from now on only reads labels."""
    return replace(backbone, visual=SilentVisual(backbone.visual), audio=SilentAudio(backbone.audio))
