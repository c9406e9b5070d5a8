"""The two encoders of ``light``: pictures and sounds to the values of their tags, labels to the tags that they mean."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from PIL import Image

from av2a.backbones.base import Backbone, Frame, Sound, Span
from av2a.backbones.light import calibration
from av2a.backbones.light.bridge import BEHIND, Tags
from av2a.backbones.light.files import (
    LITE0,
    MINILM,
    MINILM_TOKENIZER,
    NANODET_BIN,
    NANODET_PARAM,
    PUBLISHED,
    YAMNET,
    Progress,
    require_whole,
    resolved,
)
from av2a.backbones.light.graphs import of_pixels
from av2a.backbones.light.lite0 import AREA, MEAN, SPREAD, lite0
from av2a.backbones.light.nanodet import LONGER_SIDE, MEAN_BGR, SPREAD_BGR, nanodet
from av2a.backbones.light.pth import NotTensors, read_pth
from av2a.backbones.light.sentences import SentenceEncoder
from av2a.backbones.light.things import NAMES_FILE, members, things
from av2a.backbones.light.yamnet import HOP_SAMPLES, SAMPLE_RATE_HZ, WINDOW_SAMPLES, sound_names, texts_of, yamnet
from av2a.backbones.openvino_library import cpu
from av2a.backbones.sound_slices import span_means
from av2a.backbones.weights import Sources
from av2a.embeddings import LabelEmbeddings
from av2a.errors import WeightsUnavailable
from av2a.paths import shown
from av2a.types import BackboneInfo, KnownLabel

KNOWN_FROM_SOUND = 0.60
KNOWN_FROM_PICTURE = 0.65
"""Cosines from which a label is known, as a trial measured them: of 60 names of VGGSound at random, about 33 of 35 matches were right in
sound and 17 of 22 in pictures."""

RELATIONS_VERSION = 2
"""Changes when the same label may come to mean another tag."""

STRIDE = 32
"""Sides of what both networks for pictures take are multiples of this: a picture is stretched to the nearest."""

HIGHEST_RATIO = 4.0
"""Of the sides of what EfficientNet-Lite0 takes: a longer picture is squeezed."""

SEGMENT_SAMPLES = WINDOW_SAMPLES + HOP_SAMPLES
"""Two windows, half a window apart, around each segment."""


@dataclass(eq=False)
class TagReader:
    """Reads labels for one stream: the rows of :mod:`~av2a.backbones.light.bridge`."""

    tags: Tags
    sentences: SentenceEncoder

    @cached_property
    def _tag_texts(self) -> Float32[np.ndarray, "text 384"]:
        return self.sentences.kept_rows(self.tags.texts, MINILM.sha256)

    def rows(self, labels: Sequence[str]) -> Float32[np.ndarray, "label place"]:
        """One row a label."""
        if not labels:
            return np.empty((0, len(self.tags) + BEHIND), np.float32)
        # As data sets write their names: Frying_food.
        words = [label.replace("_", " ").strip() for label in labels]
        return self.tags.rows(words, self.sentences.rows(words), self._tag_texts)


@dataclass(eq=False)
class TagEncoder:
    """What both encoders share: labels are read as tags, and an embedding has a place for each tag and more behind them."""

    reader: TagReader

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return len(self.reader.tags) + BEHIND

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit row a label, independent of the others.

        Raises:
            InvalidLabels: a label is longer than the sentence encoder takes.
        """
        return self.reader.rows(labels)


def rows_of(values: Float32[np.ndarray, "*input tag"], unknown: float) -> Float32[np.ndarray, "*input place"]:
    """The row of each input: the values of its tags, and the places behind them."""
    behind = np.zeros((*values.shape[:-1], BEHIND), np.float32)
    behind[..., 0] = unknown
    return np.concatenate([values, behind], axis=-1)


# Pictures.


@dataclass(eq=False)
class LightVisual(TagEncoder):
    """Pictures one by one: EfficientNet-Lite0 and NanoDet, both on the whole picture."""

    classifier: Any
    detector: Any
    name: str = "EfficientNet-Lite0 + NanoDet-m-416"

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One row a picture of any size."""
        if not frames:
            return np.empty((0, len(things()) + BEHIND), np.float32)
        return rows_of(thing_values(*self.probabilities(frames)), calibration.UNKNOWN_THING)

    def probabilities(
        self, frames: Sequence[Frame]
    ) -> tuple[Float32[np.ndarray, "frame thing"], Float32[np.ndarray, "frame 80"]]:
        """How probable each thing is by its ImageNet classes, and each class of COCO anywhere in the picture."""
        # Picture by picture: more at once do not fit into a processor's cache, and took a quarter longer.
        pictures = [for_detector(Image.fromarray(frame)) for frame in frames]
        found = [self.detector(np.asarray(picture)[None])[0][0] for picture in pictures]
        return np.stack([self.thing_probabilities(picture) for picture in pictures]), np.stack(found)

    def thing_probabilities(self, picture: Image.Image) -> Float32[np.ndarray, " thing"]:
        """How probable each thing is by its ImageNet classes, in a picture that is made for the detector."""
        logits = self.classifier(np.asarray(for_classifier(picture))[None])[0][0]
        odds = np.exp(logits - logits.max())
        of_things, classes = members()
        sums = np.bincount(of_things, odds[classes] / odds.sum(), minlength=len(things()))
        return sums.astype(np.float32)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """The rows of each clip's frames."""
        if not clips:
            return np.empty((0, 1, len(things()) + BEHIND), np.float32)
        return np.stack([self.embed_frames(clip) for clip in clips])

    @property
    def clips_are_frames(self) -> bool:
        """Always: these are models of single pictures."""
        return True


def thing_values(
    by_imagenet: Float32[np.ndarray, "frame thing"], by_coco: Float32[np.ndarray, "frame 80"]
) -> Float32[np.ndarray, "frame thing"]:
    """The value of each thing: by ImageNet or by COCO, whichever is higher."""
    usual = calibration.statistics()
    values = calibration.IMAGENET.values(calibration.log_odds(by_imagenet), usual.thing_medians, usual.thing_spreads)
    values[:, [not thing.classes for thing in things()]] = calibration.IMAGENET.floor
    detected, classes = zip(
        *((n, thing.coco) for n, thing in enumerate(things()) if thing.coco is not None), strict=True
    )
    odds = calibration.log_odds(by_coco)[:, np.array(classes)]
    spreads = np.full(len(detected), calibration.COCO_SPREAD, np.float32)
    coco = calibration.COCO.values(odds, np.zeros(len(detected), np.float32), spreads)
    values[:, np.array(detected)] = np.maximum(values[:, np.array(detected)], coco)
    return values


def for_detector(picture: Image.Image) -> Image.Image:
    """The picture as NanoDet takes it: its longer side 352."""
    scale = LONGER_SIDE / max(picture.size)
    return _resized(picture, picture.width * scale, picture.height * scale)


def for_classifier(picture: Image.Image) -> Image.Image:
    """The picture as EfficientNet-Lite0 takes it: of one area whatever its shape, no longer than four times as wide or high.

    It is made of the one for the detector, which is smaller than most: that takes half the time.
    """
    ratio = min(max(picture.width / picture.height, 1 / HIGHEST_RATIO), HIGHEST_RATIO)
    return _resized(picture, math.sqrt(AREA * ratio), math.sqrt(AREA / ratio))


def _resized(picture: Image.Image, wide: float, high: float) -> Image.Image:
    sides = [max(STRIDE, round(side / STRIDE) * STRIDE) for side in (wide, high)]
    return picture.resize(sides, Image.Resampling.BILINEAR, reducing_gap=1.0)


# Sounds.


@dataclass(eq=False)
class LightAudio(TagEncoder):
    """Sounds by YAMNet, a window every 0.49 s: the log-odds of windows that lie in an interval are averaged."""

    model: Any
    name: str = "YAMNet"
    sample_rate_hz: int = SAMPLE_RATE_HZ
    segment_seconds: float = SEGMENT_SAMPLES / SAMPLE_RATE_HZ
    longest_seconds: float = 10.0
    slice_seconds: float = HOP_SAMPLES / SAMPLE_RATE_HZ

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One row a sound; one shorter than YAMNet's window stands in the middle of silence.

        Raises:
            ValueError: a sound has no samples.
        """
        if not sounds:
            return np.empty((0, len(self.reader.tags) + BEHIND), np.float32)
        return rows_of(
            sound_values(np.stack([self.windows(sound).mean(axis=0) for sound in sounds])), calibration.UNKNOWN_SOUND
        )

    def windows(self, sound: Sound) -> Float32[np.ndarray, "window 521"]:
        """The log-odds of each window within a sound; what is left at its end, shorter than half a window, is left out.

        Raises:
            ValueError: the sound has no samples.
        """
        if not len(sound):
            raise ValueError("a sound must have at least one sample, got none")
        lacking = max(0, WINDOW_SAMPLES - len(sound))
        whole = np.pad(sound, (lacking // 2, lacking - lacking // 2))
        starts = range(0, len(whole) - WINDOW_SAMPLES + 1, HOP_SAMPLES)
        return np.stack([self.model(whole[start : start + WINDOW_SAMPLES])[0][0] for start in starts])

    def embed_slices(self, sound: Sound) -> Float[np.ndarray, "slice feature"]:
        """One row for each 0.49 s of the sound, of the window around it.

        Raises:
            ValueError: the sound has no samples.
        """
        count = -(-len(sound) // HOP_SAMPLES)
        around = (WINDOW_SAMPLES - HOP_SAMPLES) // 2
        behind = count * HOP_SAMPLES - len(sound) + around
        return rows_of(
            sound_values(self.windows(np.pad(sound, (around, behind)) if count else sound)), calibration.UNKNOWN_SOUND
        )

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> Float[np.ndarray, "span feature"]:
        """One row for each span of seconds: the mean of its slices' rows."""
        return span_means(self.embed_slices(sound), spans, self.slice_seconds)


def sound_values(log_odds: Float32[np.ndarray, "sound 521"]) -> Float32[np.ndarray, "sound 521"]:
    """The value of each class of AudioSet."""
    usual = calibration.statistics()
    return calibration.SOUND.values(log_odds, usual.sound_medians, usual.sound_spreads)


# Both.


def sound_tags(file: Path) -> Tags:
    """What YAMNet can tell apart."""
    names = sound_names(file)
    texts = [(text, number) for number, name in enumerate(names) for text in texts_of(name)]
    return Tags(tuple(names), tuple(text for text, _ in texts), tuple(tag for _, tag in texts), KNOWN_FROM_SOUND)


def thing_tags() -> Tags:
    """What can be seen."""
    texts = [(text, number) for number, thing in enumerate(things()) for text in thing.known_by]
    return Tags(
        tuple(thing.name for thing in things()),
        tuple(text for text, _ in texts),
        tuple(tag for _, tag in texts),
        KNOWN_FROM_PICTURE,
        heads_only=True,
    )


@dataclass(frozen=True)
class Knowledge:
    """Says of labels what they are known as."""

    heard: Tags
    seen: Tags

    def __call__(self, labels: Sequence[str], rows: LabelEmbeddings) -> tuple[KnownLabel, ...]:
        """Each label and the tags that stand for it; ``rows`` are the labels as the encoders read them."""
        heard, seen = self.heard.meant_by(rows.audio), self.seen.meant_by(rows.visual)
        return tuple(KnownLabel(*each) for each in zip(labels, heard, seen, strict=True))


def load(sources: Sources, threads: int, progress: Progress | None = None) -> Backbone:
    """The backbone; weights that are not on this machine are fetched. The sentence encoder is read when a label is new.

    Raises:
        WeightsUnavailable: weights are not on this machine, or are not what was published.
    """
    paths = resolved(sources, progress)
    for file in PUBLISHED:
        require_whole(file, paths[file])
    sentences = SentenceEncoder(paths[MINILM], paths[MINILM_TOKENIZER], threads)
    heard, seen = sound_tags(paths[YAMNET]), thing_tags()
    compiled, usual = cpu(threads), calibration.statistics()
    visual = LightVisual(
        TagReader(seen, sentences),
        compiled(lite0_of_pixels(paths[LITE0], usual.lite0_reaches.tolist())),
        compiled(nanodet_of_pixels(paths[NANODET_PARAM], paths[NANODET_BIN], usual.nanodet_reaches.tolist())),
    )
    audio = LightAudio(TagReader(heard, sentences), compiled(yamnet(paths[YAMNET])))
    info = BackboneInfo("light", visual.name, audio.name, _digest())
    return Backbone(info, visual, audio, prompts_version=RELATIONS_VERSION, known=Knowledge(heard, seen))


def lite0_of_pixels(path: Path, reaches: Sequence[float] | None) -> Any:
    """EfficientNet-Lite0 from pixels.

    Raises:
        WeightsUnavailable: the file is damaged.
    """
    try:
        return of_pixels(lite0(read_pth(path.read_bytes()), reaches), MEAN, SPREAD)
    except (NotTensors, KeyError) as wrong:
        raise WeightsUnavailable(f"{shown(path)} is not EfficientNet-Lite0: fetch it again") from wrong


def nanodet_of_pixels(param: Path, weights: Path, reaches: Sequence[float] | None) -> Any:
    """NanoDet from pixels."""
    return of_pixels(nanodet(param, weights, reaches), MEAN_BGR, SPREAD_BGR, blue_first=True)


def _digest() -> str:
    """Changes with everything that rows of pictures, sounds and labels depend on: weights, names, calibration, the sizes of pictures."""
    curves = (calibration.SOUND, calibration.IMAGENET, calibration.COCO, calibration.COCO_SPREAD)
    unknown = (calibration.UNKNOWN_SOUND, calibration.UNKNOWN_THING)
    sizes = (AREA, HIGHEST_RATIO, LONGER_SIDE)
    names = files("av2a.backbones.light").joinpath(NAMES_FILE).read_bytes()
    parts = [*(file.sha256.encode() for file in PUBLISHED), repr((curves, unknown, sizes, things())).encode()]
    return hashlib.sha256(b"\n".join([*parts, names, calibration.statistics_bytes()])).hexdigest()
