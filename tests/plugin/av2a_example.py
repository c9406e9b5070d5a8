"""An example plug-in for av2a: a backbone, a method, a dataset and an exporter."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from av2a.backbones.base import Backbone, Frame, Sound
from av2a.datasets.dataset import Annotation, Dataset, LabelledClip, Task
from av2a.embeddings import ClipFeatures, Vocabulary
from av2a.settings import Settings
from av2a.timeline import runs
from av2a.types import BackboneInfo, Candidate, Detection, Event, Modality, Parsing, StreamParsing, Trace

# A backbone: a visual encoder and an audio encoder.

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
PITCHES = {"hum": (1, 0, 0), "whistle": (0, 1, 0), "hiss": (0, 0, 1)}


class ColourEncoder:
    """Embeds a frame as its mean colour, and a label as the colour of that name."""

    name = "mean colour"
    features = 3
    clips_are_frames = True

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        return unit_rows([COLOURS.get(label) or drawn(label) for label in labels])

    def embed_frames(self, frames: Sequence[Frame]) -> np.ndarray:
        return unit_rows([frame.mean(axis=(0, 1)) for frame in frames])

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> np.ndarray:
        return np.array([self.embed_frames(frames) for frames in clips])


class PitchEncoder:
    """Embeds audio as its energies below 1 kHz, up to 4 kHz and above."""

    name = "three bands"
    features = 3
    sample_rate_hz = 16_000
    segment_seconds = 1.0
    longest_seconds = 60.0

    def embed_labels(self, labels: Sequence[str]) -> np.ndarray:
        return unit_rows([PITCHES.get(label) or drawn(label) for label in labels])

    def embed_sounds(self, sounds: Sequence[Sound]) -> np.ndarray:
        return unit_rows([self._energies(sound) for sound in sounds])

    def _energies(self, sound: Sound) -> list[float]:
        power = np.abs(np.fft.rfft(sound)) ** 2
        borders = [len(sound) * hertz // self.sample_rate_hz for hertz in (1000, 4000)]
        return [float(band.sum()) for band in np.split(power, borders)]


def drawn(label: str) -> np.ndarray:
    """A direction for a label that is neither a colour nor a pitch, always the same one."""
    return np.random.default_rng(list(label.encode())).normal(size=3)


def unit_rows(rows: Sequence[Sequence[float] | np.ndarray]) -> np.ndarray:
    """The rows as an array, each scaled to unit length; a row of zeros stays as it is."""
    array = np.array(rows, dtype=np.float32).reshape(-1, 3)
    return array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-12)


def load(*, device: str, precision: str, weights: Path | None) -> Backbone:
    """The backbone ``colours``. It needs no weights, so its own source stands for them in the digest."""
    digest = sha256(Path(__file__).read_bytes()).hexdigest()
    info = BackboneInfo("colours", ColourEncoder.name, PitchEncoder.name, digest)
    return Backbone(info, ColourEncoder(), PitchEncoder())


# A method: from embeddings to events.


def nearest(features: ClipFeatures, vocabulary: Vocabulary, settings: Settings) -> list[Parsing]:
    """The method ``nearest``: in each segment the label with the highest similarity is there, and no other."""
    return [parsed(features, part, vocabulary) for part in range(len(features))]


def parsed(features: ClipFeatures, part: int, vocabulary: Vocabulary) -> Parsing:
    segments = features.segments(part)
    audio = segments.audio @ vocabulary.labels.audio.T
    visual = segments.visual.mean(axis=1) @ vocabulary.labels.visual.T
    streams = {
        Modality.AUDIO: stream(Modality.AUDIO, audio, segments.heard),
        Modality.VISUAL: stream(Modality.VISUAL, visual, segments.seen),
        Modality.AUDIO_VISUAL: stream(Modality.AUDIO_VISUAL, audio + visual, segments.heard & segments.seen),
    }
    return Parsing(streams, features.first_segment(part))


def stream(modality: Modality, scores: np.ndarray, observed: np.ndarray) -> StreamParsing:
    present = (scores == scores.max(axis=1, keepdims=True)) & observed[:, None]
    found = tuple(
        Candidate(label, start, stop) for label in range(scores.shape[1]) for start, stop in runs(present[:, label])
    )
    known = np.where(observed[:, None], scores, np.nan)
    selected, thresholds = np.ones_like(present), np.full_like(known, np.nan)
    trace = Trace(modality, window_scores=known[:0], selected=selected, scores=known, thresholds=thresholds)
    confidences = tuple(float(scores[each.start : each.stop, each.label].mean()) for each in found)
    return StreamParsing(trace, candidates=found, found=found, confidences=confidences)


# A dataset: clips and their ground truth.

SECONDS = 3.0


def read(*, split: str | None, videos: Path | None, annotations: Path | None) -> Dataset:
    """The dataset ``named-clips``: MP4 files of three seconds, each of which shows what its name says."""
    files = sorted(videos.glob("*.mp4")) if videos else []
    names = tuple(file.stem for file in files)
    truths = [(Annotation(name, Modality.VISUAL, 0.0, SECONDS),) for name in names]
    clips = tuple(map(LabelledClip, names, files, truths))
    return Dataset("named-clips", split or "all", Task.PARSING, names, names, clips, clip_seconds=SECONDS)


# An exporter: a module with a function ``write``.


def write(detection: Detection, path: Path, truth: Sequence[Event] = ()) -> None:
    """One line an event: start and end in seconds, then the label."""
    lines = [f"{event.start_seconds} {event.stop_seconds} {event.label}\n" for event in detection.events]
    path.write_text("".join(lines), encoding="utf-8")
