"""The released call pattern: every question asked of the encoders anew.

For each of the three streams (visual, audio, audio-visual):

* selection: 8 pictures and all labels (visual), the whole sound and all labels (audio), or all of these (audio-visual);
* segments: 10 pictures and the selected labels, the whole sound and the selected labels, or all of these;
* each candidate: 8 pictures of it and the selected labels, its sound and the selected labels, or all of these.

With no candidates that is 36 pictures, 4 passes over the whole sound, 4 readings of the labels by each text encoder, each label padded
to 77 tokens. In favour of the replay: the clip is decoded once, pictures of one question go through in one batch, and features for the
cosine are not asked for again. The benchmark also
replays with labels padded to the longest of them only, as we do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from av2a import media
from av2a.backbones.base import Backbone
from av2a.backbones.clap import Clap
from av2a.backbones.image_text import ImageTextEncoder
from av2a.detector import events_of
from av2a.embeddings import ClipFeatures, Embeddings, LabelEmbeddings, MissingIntervals, Vocabulary
from av2a.features import sampling as segments
from av2a.methods.av2a.method import av2a
from av2a.methods.av2a.scores import vocabulary
from av2a.settings import Settings
from av2a.timeline import Grid, spread_indexes
from av2a.types import Event, Modality, Parsing
from tests.parts import made_features

ONCE = np.ones(1, dtype=bool)


def padded_as_released(backbone: Backbone) -> Backbone:
    """The backbone with every label padded to the full length, which changes no row by more than rounding."""
    visual, audio = backbone.visual, backbone.audio
    assert isinstance(visual, ImageTextEncoder) and isinstance(audio, Clap)
    return replace(
        backbone,
        visual=replace(visual, prompts=replace(visual.prompts, always_full=True)),
        audio=replace(audio, prompts=replace(audio.prompts, always_full=True)),
    )


@dataclass
class Replay:
    """The clip, decoded, and how often what was asked."""

    path: Path
    labels: list[str]
    backbone: Backbone
    pictures: int = 0
    sounds: int = 0
    readings: int = 0
    frames: list[np.ndarray] = field(default_factory=list)
    sound: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def decode(self) -> Grid:
        """Every picture and all of the sound."""
        clip = media.open_clip(self.path)
        times = media.frame_times(clip)
        self.frames = [picture.pixels for picture in media.decode_frames(clip, times) if picture is not None]
        blocks = media.decode_sound(clip, self.backbone.audio.sample_rate_hz)
        self.sound = np.concatenate([block.samples for block in blocks])
        return Grid(clip.duration_seconds)

    def see(self, indexes: np.ndarray, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Rows of these pictures, and of the labels."""
        self.pictures += len(indexes)
        self.readings += 1
        rows = self.backbone.visual.embed_frames([self.frames[index] for index in indexes])
        return rows, self.backbone.visual.embed_labels(labels)

    def hear(self, start_seconds: float, stop_seconds: float, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """The row of this stretch of sound, and of the labels."""
        self.sounds += 1
        self.readings += 1
        rate = self.backbone.audio.sample_rate_hz
        first, last = segments.interval_samples(rate, len(self.sound), start_seconds, stop_seconds)
        return self.backbone.audio.embed_sounds([self.sound[first:last]])[0], self.backbone.audio.embed_labels(labels)


def replay(asked: Replay, settings: Settings) -> tuple[float, tuple[Event, ...]]:
    """Seconds, and the events, which must be ours."""
    began = perf_counter()
    grid = asked.decode()
    count, frames, everything = grid.segments, len(asked.frames), asked.labels
    end = grid.duration_seconds
    ten, eight = spread_indexes(frames, count), segments.spread_indexes(frames, segments.CLIP_FRAMES)
    for modality in Modality:
        # Selection; the survivors are asked again for segments, here as many as there are labels at most.
        if modality is not Modality.AUDIO:
            whole_rows, visual_labels = asked.see(eight, everything)
        if modality is not Modality.VISUAL:
            whole_sound, audio_labels = asked.hear(0.0, end, everything)
    spent = perf_counter() - began

    def interval(start: int, stop: int) -> Embeddings:
        indexes = segments.interval_indexes(frames, start, stop, segments=count)
        rows = asked.backbone.visual.embed_frames([asked.frames[index] for index in indexes])
        rate = asked.backbone.audio.sample_rate_hz
        first, last = segments.interval_samples(rate, len(asked.sound), start, stop)
        sound = asked.backbone.audio.embed_sounds([asked.sound[first:last]])
        return Embeddings(rows[None], sound, ONCE, ONCE)

    # What the method decides, computed outside of the clock with each thing asked once.
    rows = LabelEmbeddings(visual_labels, audio_labels)
    words = vocabulary(everything, (), rows, LabelEmbeddings(visual_labels[:0], audio_labels[:0]), 0.95)
    pictures = asked.backbone.visual.embed_frames([asked.frames[index] for index in ten])
    always = np.ones(count, dtype=bool)
    parsing = parsed(
        lambda wanted: made_features(
            segments=Embeddings(pictures[:, None], np.repeat(whole_sound[None], count, axis=0), always, always),
            windows=[Embeddings(whole_rows[None], whole_sound[None], ONCE, ONCE)],
            window_of=np.zeros(count, dtype=np.int64),
            frame_embeddings=pictures,
            intervals={ends: interval(*ends) for ends in wanted},
        ),
        words,
        settings,
    )
    began = perf_counter()
    for modality in Modality:
        ask_segments_and_candidates(asked, modality, parsing, settings, ten, end)
    return spent + perf_counter() - began, events_of([parsing], tuple(everything), grid)


def parsed(
    features: Callable[[Sequence[tuple[int, int]]], ClipFeatures], words: Vocabulary, settings: Settings
) -> Parsing:
    """What the method decides, with the intervals that it asks for."""
    try:
        [parsing] = av2a(features([]), words, settings)
    except MissingIntervals as missing:
        [parsing] = av2a(features([(each.start, each.stop) for each in missing.intervals]), words, settings)
    return parsing


def ask_segments_and_candidates(
    asked: Replay, modality: Modality, parsing: Parsing, settings: Settings, ten: np.ndarray, end: float
) -> None:
    """What one stream asks after selection, of the labels that it selected."""
    stream = parsing.streams[modality]
    survivors = [asked.labels[category] for category in np.flatnonzero(stream.trace.kept)]
    if not survivors:
        return
    if modality is not Modality.AUDIO:
        asked.see(ten, survivors)
    if modality is not Modality.VISUAL:
        asked.hear(0.0, end, survivors)
    if len(stream.candidates) == 1 and not settings.validate_single:
        return
    for found in stream.candidates:
        if modality is not Modality.AUDIO:
            indexes = segments.interval_indexes(len(asked.frames), found.start, found.stop, segments=len(ten))
            asked.see(indexes, survivors)
        if modality is not Modality.VISUAL:
            asked.hear(found.start, found.stop, survivors)
