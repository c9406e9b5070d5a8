"""The generated world's clips as features: rendered to MP4 once, decoded and embedded once for each way of sampling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from av2a import media, world
from av2a.backbones.base import Backbone
from av2a.datasets.splits import Split
from av2a.detector import parsed, vocabulary_of
from av2a.embeddings import Vocabulary
from av2a.features import FeatureSource
from av2a.methods.av2a.method import av2a
from av2a.settings import Settings
from av2a.types import Modality, Parsing
from av2a.world.dataset import render_generated

STREAMS = (Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL)


@dataclass(frozen=True)
class Watched:
    """One clip, and what is true of it."""

    seed: int
    source: FeatureSource
    heard: np.ndarray  # (category, segment)
    seen: np.ndarray


def clips(split: str, count: int, folder: Path) -> list[tuple[int, Path]]:
    """The first ``count`` clips of a split as files, rendered if they are not there yet."""
    dataset = render_generated(Split.named(split), folder, limit=count)
    paths = [clip.path for clip in dataset.clips if clip.path is not None]
    return list(zip(world.SPLITS[dataset.split].seeds[:count], paths, strict=True))


def watch(wanted: Sequence[tuple[int, Path]], backbone: Backbone, settings: Settings) -> list[Watched]:
    """Each clip as the backbone sees and hears it."""
    return [_watched(seed, path, backbone, settings) for seed, path in wanted]


def _watched(seed: int, path: Path, backbone: Backbone, settings: Settings) -> Watched:
    source = FeatureSource(media.open_clip(path), backbone, settings)
    heard, seen = world.truth(world.make_scene(seed))
    return Watched(seed, source, heard.T, seen.T)


def parse(watched: Watched, words: Vocabulary, settings: Settings) -> Parsing:
    """What the method finds in one clip."""
    [parsing] = parsed(av2a, watched.source, words, settings)
    return parsing


def words_of(backbone: Backbone, labels: Sequence[str], settings: Settings) -> Vocabulary:
    """The labels against a profile's background."""
    return vocabulary_of(backbone, labels, settings)


def predictions(watched: Sequence[Watched], words: Vocabulary, settings: Settings) -> dict[Modality, np.ndarray]:
    """What is found in each clip: (video, category, segment) for each stream."""
    categories = len(words.counted)
    found = {modality: np.zeros((len(watched), categories, 10), dtype=bool) for modality in STREAMS}
    for video, each in enumerate(watched):
        parsing = parse(each, words, settings)
        for modality in STREAMS:
            for event in parsing.streams[modality].found:
                found[modality][video, event.label, event.start : event.stop] = True
    return found


def still_clips(folder: Path) -> dict[str, list[Path]]:
    """Ten-second files in which nothing happens, by kind: black and silent, noise to eye and ear of several levels and colours, grey with hum."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(16000 * 10) / 16000
    black, grey = np.zeros((144, 192, 3), np.uint8), np.full((144, 192, 3), 110, np.uint8)
    cases: dict[str, list[tuple[Callable[[int], np.ndarray], np.ndarray]]] = {
        "black, silent": [(lambda number: black, np.zeros(16000 * 10))],
        "noise": [
            (partial(_noisy_picture, spread), level * _noise(colour))
            for spread, level, colour in [
                (10, 0.003, 0),
                (40, 0.01, 0),
                (80, 0.03, 0.5),
                (10, 0.1, 0),
                (40, 0.1, 1),
                (80, 0.2, 0),
            ]
        ],
        "grey, hum": [(lambda number: grey, 0.1 * np.sin(2 * np.pi * hertz * time)) for hertz in (50, 60, 100)],
    }
    paths: dict[str, list[Path]] = {}
    for name, clips_of in cases.items():
        for number, (picture, sound) in enumerate(clips_of):
            path = folder / f"{name.replace(', ', '-')}-{number}.mp4"
            _write(path, picture, sound.astype(np.float32))
            paths.setdefault(name, []).append(path)
    return paths


def _noisy_picture(spread: float, number: int) -> np.ndarray:
    noise = np.random.default_rng(number).normal(128, spread, (144, 192, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def _noise(colour: float) -> np.ndarray:
    """Ten seconds of noise whose amplitude falls with frequency to the power ``colour``, of unit strength."""
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(size=16000 * 10))
    sound = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** colour)
    return np.asarray(sound / sound.std())


def _write(path: Path, picture: Callable[[int], np.ndarray], sound: np.ndarray) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 192, 144, "yuv420p"
        audio = out.add_stream("aac", rate=16000, layout="mono")
        for number in range(100):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        out.mux(audio.encode(frame))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
