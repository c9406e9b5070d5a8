"""Encoders that count what they are asked, around real ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from av2a.backbones.base import AudioEncoder, Backbone, Frame, SlicedAudioEncoder, Sound, Span, VisualEncoder


@dataclass(eq=False)
class CountingVisual:
    """Counts each picture, clip and label by its content."""

    encoder: VisualEncoder
    frames: Counter[bytes] = field(default_factory=Counter)
    clips: Counter[bytes] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.encoder.name

    @name.setter
    def name(self, name: str) -> None:
        self.encoder.name = name

    @property
    def features(self) -> int:
        return self.encoder.features

    @property
    def clips_are_frames(self) -> bool:
        return self.encoder.clips_are_frames

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        self.labels.update(labels)
        return self.encoder.embed_labels(labels)

    def embed_frames(self, frames: Sequence[Frame]) -> np.ndarray:
        self.frames.update(frame.tobytes() for frame in frames)
        self.batches.append(len(frames))
        return self.encoder.embed_frames(frames)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> np.ndarray:
        self.clips.update(b"".join(frame.tobytes() for frame in clip) for clip in clips)
        return self.encoder.embed_clips(clips)


@dataclass(eq=False)
class CountingAudio:
    """Counts each sound and label by its content, and passes over sliced sound."""

    encoder: AudioEncoder
    sounds: Counter[bytes] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    sliced: list[int] = field(default_factory=list)
    """Samples of each sound that was asked for in slices."""

    def __post_init__(self) -> None:
        self.name = self.encoder.name
        self.features = self.encoder.features
        self.sample_rate_hz = self.encoder.sample_rate_hz
        self.segment_seconds = self.encoder.segment_seconds
        self.longest_seconds = self.encoder.longest_seconds
        self.slice_seconds = getattr(self.encoder, "slice_seconds", 0.0)

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        self.labels.update(labels)
        return self.encoder.embed_labels(labels)

    def embed_sounds(self, sounds: Sequence[Sound]) -> np.ndarray:
        self.sounds.update(sound.tobytes() for sound in sounds)
        return self.encoder.embed_sounds(sounds)

    def embed_slices(self, sound: Sound) -> np.ndarray:
        assert isinstance(self.encoder, SlicedAudioEncoder)
        self.sliced.append(len(sound))
        return self.encoder.embed_slices(sound)

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> np.ndarray:
        assert isinstance(self.encoder, SlicedAudioEncoder)
        self.sliced.append(len(sound))
        return self.encoder.embed_spans(sound, spans)


@dataclass(frozen=True)
class Counted:
    """A backbone whose questions are counted."""

    backbone: Backbone
    visual: CountingVisual
    audio: CountingAudio


def counted(backbone: Backbone) -> Counted:
    """``backbone`` with counting encoders in place of its own."""
    visual, audio = CountingVisual(backbone.visual), CountingAudio(backbone.audio)
    return Counted(replace(backbone, visual=visual, audio=audio), visual, audio)
