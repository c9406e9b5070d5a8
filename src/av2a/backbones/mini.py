"""The built-in backbone: two small convolutional encoders and a bag of hashed words, run in NumPy.

Trained by ``scripts/train_mini`` on the training seeds of :mod:`av2a.world`. It knows that world and no
other: its answers about real video mean nothing, and its ``note`` says so with each of them.

Every input is encoded by itself, so a row never depends on what else was in the batch, nor does memory grow with it.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8
from PIL import Image

from av2a.backbones.base import Backbone
from av2a.errors import WeightsUnavailable
from av2a.types import CAUTION, BackboneInfo

WEIGHTS_FILE = "mini.npz"

PICTURE_PIXELS = 96 * 72
"""Pictures are brought to about this area, their aspect ratio kept."""
SMALLEST_SIDE = 24
"""Pixels; keeps very long or very tall pictures legible to four strides of two."""

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FOURIER_SAMPLES = 512
MEL_BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 50.0, 8000.0
POWER_FLOOR = 1e-9
"""−90 dB: what is quieter is silence. Also keeps the logarithm finite."""

TEXT_BUCKETS = 6144
NGRAM_LENGTHS = (3, 4, 5)

SHARPNESS = 2.0
"""How near the soft maximum over an input's parts comes to the maximum."""

# Axes that begin with "_" are not compared: the pictures, or sounds, of one call may differ in size.
Frame = UInt8[np.ndarray, "_height _width 3"]
Sound = Float32[np.ndarray, " _sample"]

Weights = Mapping[str, Float32[np.ndarray, "..."]]
"""Parameters by the part of the model they belong to: ``visual``, ``audio`` and ``text``, as ``mini_training`` names them."""


# Layers. Convolutions see (height, width, channel); the weights are torch's (out, in, 3, 3).

LARGEST_PRODUCT = 1 << 18
"""Multiplications in one matrix product: the library under NumPy computes products up to this size in the calling thread.

For larger ones it starts its threads, which gain little here, wait most of the time beside other processes, and change last bits.
How many there are can be set for the whole process only, which is not ours to do.
"""


def product(
    inputs: Float32[np.ndarray, "*stack row feature"],
    matrix: Float32[np.ndarray, "feature out"],
    out: Float32[np.ndarray, "*stack row out"] | None = None,
) -> Float32[np.ndarray, "*stack row out"]:
    """``inputs @ matrix`` in the calling thread."""
    rows = inputs.shape[-2]
    pieces = -(-rows * matrix.size // LARGEST_PRODUCT)
    if pieces == 1:
        return np.matmul(inputs, matrix, out=out)
    if out is None:
        out = np.empty((*inputs.shape[:-1], matrix.shape[1]), np.float32)
    for piece in range(pieces):
        some = slice(rows * piece // pieces, rows * (piece + 1) // pieces)
        np.matmul(inputs[..., some, :], matrix, out=out[..., some, :])
    return out


def convolve(
    inputs: Float32[np.ndarray, "height width channel"],
    kernel: Float32[np.ndarray, "out channel 3 3"],
    bias: Float32[np.ndarray, " out"],
    stride: tuple[int, int],
) -> Float32[np.ndarray, "out_height out_width out"]:
    """A 3×3 convolution with one pixel of zeros around the inputs, followed by max(0, x)."""
    down, across = stride
    filters, channels = kernel.shape[:2]
    height, width = -(-inputs.shape[0] // down), -(-inputs.shape[1] // across)
    padded = np.zeros((inputs.shape[0] + 2, inputs.shape[1] + 2, channels), np.float32)
    padded[1:-1, 1:-1] = inputs
    taps = [padded[row::down, column::across][:height, :width] for row in range(3) for column in range(3)]
    # As many taps in one product as stay in one thread.
    together = next((some for some in (9, 3) if width * some * channels * filters <= LARGEST_PRODUCT), 1)
    matrices = kernel.transpose(2, 3, 1, 0).reshape(9 // together, together * channels, filters)
    outputs = np.empty((height, width, filters), np.float32)
    part = np.empty_like(outputs)
    for number, matrix in enumerate(matrices):
        some = taps[number * together : (number + 1) * together]
        product(some[0] if together == 1 else np.concatenate(some, axis=2), matrix, part if number else outputs)
        if number:
            outputs += part
    outputs += bias
    return np.maximum(outputs, 0, out=outputs)


def linear(inputs: Float32[np.ndarray, "row feature"], weights: Weights, name: str) -> Float32[np.ndarray, "row out"]:
    """The affine map called ``name``."""
    return product(inputs, weights[f"{name}.weight"].T) + weights[f"{name}.bias"]


def anywhere(strengths: Float32[np.ndarray, "part known"]) -> Float32[np.ndarray, " known"]:
    """The strength of each class in the input: a soft maximum over its parts, whatever their number."""
    highest = strengths.max(axis=0)
    shares = np.exp(SHARPNESS * (strengths - highest)).mean(axis=0)
    return highest + np.log(shares) / np.float32(SHARPNESS)


def row_of(strengths: Float32[np.ndarray, " known"], weights: Weights, stream: str) -> Float32[np.ndarray, " feature"]:
    """Unit embedding: the sum of class directions weighted by detected strength, and a fixed "nothing" direction."""
    there = 1 / (1 + np.exp(-strengths))
    return unit(product(there[None], weights[f"{stream}.directions"])[0] + weights[f"{stream}.nothing"])


def unit(row: Float32[np.ndarray, " feature"]) -> Float32[np.ndarray, " feature"]:
    """``row`` scaled to length 1."""
    return row / max(float(np.linalg.norm(row)), 1e-12)


# Frames.

VISUAL_STRIDES = ((2, 2), (2, 2), (1, 1), (2, 2), (1, 1))


def working_size(width: int, height: int) -> tuple[int, int]:
    """The size a picture is brought to: about :data:`PICTURE_PIXELS`, aspect ratio kept, no side too short.

    >>> working_size(192, 144), working_size(1280, 720)
    ((96, 72), (111, 62))
    """
    scale = (PICTURE_PIXELS / (width * height)) ** 0.5
    longest = PICTURE_PIXELS // SMALLEST_SIDE
    wide, high = (min(max(round(side * scale), SMALLEST_SIDE), longest) for side in (width, height))
    return wide, high


def pixels(frame: Frame) -> Float32[np.ndarray, "high wide 3"]:
    """The picture at its working size, in about [−1, 1]."""
    picture = Image.fromarray(frame)
    small = picture.resize(working_size(*picture.size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(small, np.float32) / 127.5 - 1


def picture_row(picture: Float32[np.ndarray, "height width 3"], weights: Weights) -> Float32[np.ndarray, " feature"]:
    """The unit embedding of one frame from :func:`pixels`."""
    hidden = _convolutions(picture, weights, "visual", VISUAL_STRIDES)
    places = linear(hidden.reshape(-1, hidden.shape[2]), weights, "visual.part")
    return row_of(anywhere(places), weights, "visual")


def _convolutions(
    hidden: Float32[np.ndarray, "height width channel"],
    weights: Weights,
    tower: str,
    strides: Sequence[tuple[int, int]],
) -> Float32[np.ndarray, "out_height out_width out"]:
    for layer, stride in enumerate(strides):
        name = f"{tower}.convolutions.{layer}"
        hidden = convolve(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"], stride)
    return hidden


# Audio.

AUDIO_STRIDES = ((2, 2), (2, 2), (1, 1), (2, 2), (1, 2))


@cache
def mel_filters() -> Float32[np.ndarray, "frequency band"]:
    """Triangles evenly spaced on the mel scale (HTK's formula), each summing to 1: a band's value is a mean power."""
    mels = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), MEL_BANDS + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    frequencies = np.fft.rfftfreq(FOURIER_SAMPLES, 1 / SAMPLE_RATE_HZ)[:, None]
    rising = (frequencies - corners[:-2]) / np.diff(corners)[:-1]
    falling = (corners[2:] - frequencies) / np.diff(corners)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    # Low bands are narrower than one frequency bin: those take the bin nearest to their centre.
    nearest = np.abs(frequencies - corners[1:-1]).argmin(axis=0)
    triangles[nearest, np.arange(MEL_BANDS)] += 1e-3
    return np.asarray(triangles / triangles.sum(axis=0), np.float32)


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


def mel_power(sound: Sound) -> Float32[np.ndarray, "window band"]:
    """The power in each band, 100 times a second; a full-scale sine has about 0.25 in its bin."""
    taper = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW_SAMPLES)[::HOP_SAMPLES] * taper
    spectrum = np.fft.rfft(windows, FOURIER_SAMPLES) / taper.sum()
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return product(power, mel_filters())


def decibels(power: Float32[np.ndarray, "window band"]) -> Float32[np.ndarray, "window band"]:
    """Power on a logarithmic scale, about [−1, 3] for audible sound."""
    return (np.log10(power + np.float32(POWER_FLOOR)) + np.float32(7)) / np.float32(2)


def sound_row(levels: Float32[np.ndarray, "window band"], weights: Weights) -> Float32[np.ndarray, " feature"]:
    """The unit embedding of one sound from :func:`decibels`."""
    hidden = _convolutions(levels[:, :, None], weights, "audio", AUDIO_STRIDES)
    # Pitch matters, time does not: bands stay apart, moments are pooled.
    moments = linear(hidden.reshape(len(hidden), -1), weights, "audio.part")
    return row_of(anywhere(moments), weights, "audio")


# Labels.


def text_features(text: str) -> Int64[np.ndarray, " token"]:
    """The hash buckets of a text's words and of their beginnings, middles and ends.

    >>> bool(set(text_features("Dog")) <= set(text_features("a dog barking")))
    True
    """
    folded = text.casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in folded).split()
    tokens = [token for word in words or [folded] for token in _tokens(f"<{word}>")]
    # crc32, because hash() differs from run to run.
    return np.array([zlib.crc32(token.encode("utf-8", "replace")) % TEXT_BUCKETS for token in tokens], np.int64)


def _tokens(word: str) -> list[str]:
    ngrams = [
        word[start : start + length] for length in NGRAM_LENGTHS for start in range(max(0, len(word) - length + 1))
    ]
    return [f"word {word}", *ngrams]


def text_row(text: str, weights: Weights) -> Float32[np.ndarray, " feature"]:
    """The unit embedding of a text, for frames and audio alike."""
    bag = weights["text.bag.weight"][text_features(text)].mean(axis=0)
    hidden = np.maximum(linear(bag[None], weights, "text.hidden"), 0)
    return unit(linear(hidden, weights, "text.head")[0])


# The backbone.


@dataclass(eq=False)
class MiniVisual:
    """Frames and labels in one space of unit embeddings; the embeddings of a clip are those of its frames."""

    weights: Weights
    name: str = "mini-visual"

    @cached_property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return _features(self.weights)

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit embedding for each label, independent of the others."""
        return _rows(labels, lambda label: text_row(label, self.weights), self.weights)

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One unit embedding for each frame of any size."""
        return _rows(frames, lambda frame: picture_row(pixels(frame), self.weights), self.weights)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """The embeddings of each clip's frames."""
        if not clips:
            return np.empty((0, 1, self.features), np.float32)
        return np.stack([self.embed_frames(clip) for clip in clips])

    @property
    def clips_are_frames(self) -> bool:
        """Always: this is an image encoder."""
        return True


@dataclass(eq=False)
class MiniAudio:
    """Audio and labels in one space of unit embeddings."""

    weights: Weights
    name: str = "mini-audio"
    sample_rate_hz: int = SAMPLE_RATE_HZ
    segment_seconds: float = 1.0
    longest_seconds: float = 10.0

    @cached_property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return _features(self.weights)

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit embedding for each label, independent of the others."""
        return _rows(labels, lambda label: text_row(label, self.weights), self.weights)

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One unit embedding for each sound; one shorter than ``segment_seconds`` is repeated to that length."""
        return _rows(sounds, lambda sound: sound_row(self._levels(sound), self.weights), self.weights)

    def _levels(self, sound: Sound) -> Float32[np.ndarray, "window band"]:
        if not len(sound):
            raise ValueError("a sound must have at least one sample, got none")
        shortest = round(self.segment_seconds * self.sample_rate_hz)
        return decibels(mel_power(sound if len(sound) >= shortest else np.resize(sound, shortest)))


def _rows(
    items: Sequence[Any], row: Callable[[Any], Float32[np.ndarray, " feature"]], weights: Weights
) -> Float32[np.ndarray, "item feature"]:
    if not len(items):
        return np.empty((0, _features(weights)), np.float32)
    return np.stack([row(item) for item in items])


def _features(weights: Weights) -> int:
    return len(weights["text.head.bias"])


def weights_from(data: bytes) -> dict[str, Float32[np.ndarray, "..."]]:
    """The arrays of an ``.npz`` file, in single precision.

    Raises:
        WeightsUnavailable: the bytes are not such a file.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            return {name: _laid_out(arrays[name].astype(np.float32)) for name in arrays.files}
    except (BadZipFile, ValueError, EOFError, AttributeError) as broken:
        raise WeightsUnavailable(f"the weights of 'mini' cannot be read ({broken}): reinstall av2a") from broken


def _laid_out(values: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """The same array; a kernel in memory as :func:`convolve` multiplies by it, so that it need not copy it for each input."""
    return np.ascontiguousarray(values.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1) if values.ndim == 4 else values


@cache
def load() -> Backbone:
    """The backbone with the weights that ship in the package.

    Raises:
        WeightsUnavailable: the weights file is missing or damaged.
    """
    try:
        data = files("av2a.backbones").joinpath(WEIGHTS_FILE).read_bytes()
    except FileNotFoundError as missing:
        raise WeightsUnavailable(f"{WEIGHTS_FILE} is missing from the package: reinstall av2a") from missing
    return backbone_from(data)


def backbone_from(data: bytes) -> Backbone:
    """The backbone with the weights of an ``.npz`` file's bytes.

    Raises:
        WeightsUnavailable: the bytes are not such a file.
    """
    weights = weights_from(data)
    visual, audio = MiniVisual(weights), MiniAudio(weights)
    return Backbone(
        BackboneInfo("mini", visual.name, audio.name, sha256(data).hexdigest()), visual, audio, note=CAUTION
    )
