"""Predictions for many clips: the events of each, and as masks for scoring."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from jaxtyping import Bool

from av2a.detector import parsed
from av2a.embeddings import Vocabulary
from av2a.methods.registry import load_method
from av2a.research.watching import Watched
from av2a.settings import Settings
from av2a.timeline import runs
from av2a.types import Candidate, Modality, Parsing

STREAMS = (Modality.AUDIO, Modality.VISUAL, Modality.AUDIO_VISUAL)

Mask = Bool[np.ndarray, "segment label"]
Masks = Bool[np.ndarray, "video segment label"]


@dataclass(frozen=True)
class MethodSeconds:
    """Seconds of wall clock from embeddings to events."""

    intervals: float
    """Decoding and encoding candidate intervals; next to nothing where they were stored."""
    method: float
    """All else: similarities, thresholds, decisions."""


@dataclass(frozen=True, eq=False)
class ClipPredictions:
    """The events of one clip of each modality, in the order in which the method gave them."""

    name: str
    events: Mapping[Modality, Sequence[Candidate]]
    segments: int
    seconds: MethodSeconds | None = None

    @classmethod
    def joined(
        cls, name: str, parsings: Sequence[Parsing], segments: int, seconds: MethodSeconds | None = None
    ) -> "ClipPredictions":
        """Those of a clip's parts, in segments of the whole clip."""
        events = {
            modality: [
                Candidate(each.label, part.first_segment + each.start, part.first_segment + each.stop)
                for part in parsings
                for each in part.streams[modality].found
            ]
            for modality in STREAMS
        }
        return cls(name, events, segments, seconds)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Where each label was found in each clip; shorter clips are filled up with False."""

    names: tuple[str, ...]
    masks: Mapping[Modality, Masks]
    in_order: tuple[tuple[Candidate, ...], ...] = ()
    """The audio-visual events of each clip in the order of the method; empty where only the masks are known."""
    seconds: tuple[MethodSeconds, ...] = ()
    """Of each clip; empty where not measured."""

    def __post_init__(self) -> None:
        shapes = {modality: self.masks[modality].shape for modality in STREAMS}
        if len(set(shapes.values())) != 1 or shapes[Modality.AUDIO][0] != len(self.names):
            raise ValueError(f"masks need one shape and one row for each of {len(self.names)} names, got {shapes}")
        for what, parts in (("in_order", self.in_order), ("seconds", self.seconds)):
            if len(parts) not in (0, len(self.names)):
                raise ValueError(f"{what} needs one entry for each of {len(self.names)} names, got {len(parts)}")

    @classmethod
    def of(cls, clips: Sequence[ClipPredictions], labels: int) -> "Predictions":
        """The predictions of all clips together; ``labels`` is the number of labels."""
        segments = max((clip.segments for clip in clips), default=1)
        return cls(
            names=tuple(clip.name for clip in clips),
            masks={
                modality: stacked(
                    [painted(clip.events[modality], (clip.segments, labels)) for clip in clips], segments, labels
                )
                for modality in STREAMS
            },
            in_order=tuple(tuple(clip.events[Modality.AUDIO_VISUAL]) for clip in clips),
            seconds=tuple(clip.seconds for clip in clips if clip.seconds is not None),
        )

    def candidates(self, video: int, modality: Modality = Modality.AUDIO_VISUAL) -> tuple[Candidate, ...]:
        """The events of one clip: the audio-visual ones in the order of the method where it is known, else by time."""
        if modality is Modality.AUDIO_VISUAL and self.in_order:
            return self.in_order[video]
        return by_time(self.masks[modality][video])


def predict(watched: Sequence[Watched], words: Vocabulary, settings: Settings) -> Predictions:
    """Run the method on clips that were watched with the same sampling."""
    return Predictions.of([predict_clip(each, words, settings) for each in watched], len(words.counted))


def predict_clip(watched: Watched, words: Vocabulary, settings: Settings) -> ClipPredictions:
    """Run the method on one clip."""
    began, waited = perf_counter(), watched.source.interval_seconds
    parsings = parsed(load_method(), watched.source, words, settings)
    waited = watched.source.interval_seconds - waited
    seconds = MethodSeconds(waited, perf_counter() - began - waited)
    return ClipPredictions.joined(watched.clip.name, parsings, watched.grid.segments, seconds)


def painted(events: Iterable[Candidate], shape: tuple[int, int]) -> Mask:
    """Events as a mask of (segments, labels); what lies outside is cut off.

    >>> painted([Candidate(label=1, start=1, stop=9)], (3, 2)).astype(int)
    array([[0, 0],
           [0, 1],
           [0, 1]])
    """
    mask = np.zeros(shape, dtype=bool)
    for each in events:
        mask[each.start : each.stop, each.label] = True
    return mask


def by_time(mask: Mask) -> tuple[Candidate, ...]:
    """The events of a mask by start, then label."""
    events = [Candidate(label, *ends) for label, column in enumerate(mask.T) for ends in runs(column)]
    return tuple(sorted(events, key=lambda each: (each.start, each.label)))


def stacked(masks: Sequence[Bool[np.ndarray, "_ label"]], segments: int, labels: int) -> Masks:
    """Masks of clips of any lengths, filled up with False to ``segments``."""
    whole = np.zeros((len(masks), segments, labels), dtype=bool)
    for video, mask in enumerate(masks):
        whole[video, : len(mask)] = mask
    return whole
