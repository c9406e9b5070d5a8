"""The method with every question asked by itself: one input a call, each stream anew, nothing remembered.

What ``av2a.features`` saves must not change a decision; this is what it is held against.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np

from av2a import media
from av2a.backbones.base import Backbone, embed_labels
from av2a.detector import events_of
from av2a.embeddings import ClipFeatures, Embeddings, LabelEmbeddings
from av2a.features import sampling as segments
from av2a.methods.av2a.method import av2a
from av2a.methods.av2a.scores import vocabulary
from av2a.settings import Settings
from av2a.timeline import Grid, spread_indexes
from av2a.types import Clip, Event, Modality, Parsing
from tests.parts import made_features

ONCE = np.ones(1, dtype=bool)


def plain_events(path: Path, labels: Sequence[str], backbone: Backbone, settings: Settings) -> tuple[Event, ...]:
    """The events of a clip of one window with both streams, sampled by index and with its sound heard whole, as released."""
    clip = media.open_clip(path)
    grid = Grid(clip.duration_seconds, settings.segment_seconds)
    streams = {modality: _parsed(clip, grid, labels, backbone, settings).streams[modality] for modality in Modality}
    return events_of([Parsing(streams)], tuple(labels), grid)


def _parsed(clip: Clip, grid: Grid, labels: Sequence[str], backbone: Backbone, settings: Settings) -> Parsing:
    alone = [embed_labels(backbone, [label]) for label in labels]
    rows = LabelEmbeddings(
        np.concatenate([each.visual for each in alone]), np.concatenate([each.audio for each in alone])
    )
    none = LabelEmbeddings(rows.visual[:0], rows.audio[:0])
    words = vocabulary(labels, (), rows, none, settings.synonym_similarity, unit_labels=settings.unit_labels)
    [parsing] = av2a(_features(clip, grid, backbone), words, settings)
    return parsing


def _features(clip: Clip, grid: Grid, backbone: Backbone) -> ClipFeatures:
    times = media.frame_times(clip)
    count = grid.segments
    rate = backbone.audio.sample_rate_hz
    blocks = [(block.start_sample, block.samples) for block in media.decode_sound(clip, rate)]
    # Decoded beforehand to save time: it is the encoders' questions that are asked one by one.
    frames = [picture.pixels for picture in media.decode_frames(clip, times) if picture is not None]

    def embedded(indexes: Sequence[int], start_seconds: float, stop_seconds: float) -> Embeddings:
        views = backbone.visual.embed_clips([[frames[index] for index in indexes]])
        return Embeddings(views, heard(blocks, backbone, start_seconds, stop_seconds)[None], ONCE, ONCE)

    def interval(start: int, stop: int) -> Embeddings:
        return embedded(segments.interval_indexes(len(times), start, stop, segments=count).tolist(), start, stop)

    pictures = np.concatenate(
        [backbone.visual.embed_frames([frames[index]]) for index in spread_indexes(len(times), count)]
    )
    whole = embedded(spread_indexes(len(times), segments.CLIP_FRAMES).tolist(), *grid.seconds(0, count))
    always = np.ones(count, dtype=bool)
    return made_features(
        segments=Embeddings(
            pictures[:, None],
            np.stack([heard(blocks, backbone, *grid.seconds(0, count)) for _ in range(count)]),
            always,
            always,
        ),
        windows=[whole],
        window_of=np.zeros(count, dtype=np.int64),
        frame_embeddings=pictures,
        intervals={ends: interval(*ends) for ends in combinations(range(count + 1), 2)},
    )


Blocks = list[tuple[int, np.ndarray]]


def heard(blocks: Blocks, backbone: Backbone, start_seconds: float, stop_seconds: float) -> np.ndarray:
    """The row of a stretch of sound; of one longer than the encoder takes, the mean over equal parts."""
    rate, longest = backbone.audio.sample_rate_hz, backbone.audio.longest_seconds
    parts = max(1, int(np.ceil((stop_seconds - start_seconds - 0.5) / longest)))
    edges = np.linspace(start_seconds, stop_seconds, parts + 1)
    rows = []
    for first, last in pairwise(edges.tolist()):
        [sound] = segments.cut_sounds(blocks, [(int(first * rate), int(last * rate))])
        assert sound is not None
        rows.append(backbone.audio.embed_sounds([sound])[0])
    return np.mean(rows, axis=0)
