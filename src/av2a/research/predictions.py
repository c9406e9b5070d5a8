"""The predictions for many clips, as arrays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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

Mask = Bool[np.ndarray, "category segment"]


@dataclass(frozen=True)
class MethodSeconds:
    """What it took to come from embeddings to events, in seconds of wall clock."""

    intervals: float
    """Decoding and encoding candidate intervals; next to nothing where they were stored."""
    method: float
    """All else: similarities, thresholds, decisions."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Where each category was found in each clip; shorter clips are filled up with False."""

    names: tuple[str, ...]
    masks: Mapping[Modality, Bool[np.ndarray, "video category segment"]]
    in_order: tuple[tuple[Candidate, ...], ...] = ()
    """Of each clip the audio-visual events in the order in which the method gave them; empty: by time, as far as known."""
    seconds: tuple["MethodSeconds", ...] = ()
    """What each clip took; empty where that is not known."""

    def __post_init__(self) -> None:
        shapes = {modality: self.masks[modality].shape for modality in STREAMS}
        if len(set(shapes.values())) != 1 or shapes[Modality.AUDIO][0] != len(self.names):
            raise ValueError(f"masks need one shape and one row for each of {len(self.names)} names, got {shapes}")
        for what, parts in (("in_order", self.in_order), ("seconds", self.seconds)):
            if len(parts) not in (0, len(self.names)):
                raise ValueError(f"{what} needs one entry for each of {len(self.names)} names, got {len(parts)}")

    def candidates(self, video: int) -> tuple[Candidate, ...]:
        """The audio-visual events of one clip, in their order."""
        if self.in_order:
            return self.in_order[video]
        return by_time(self.masks[Modality.AUDIO_VISUAL][video])


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one clip."""

    name: str
    masks: Mapping[Modality, Mask]
    in_order: tuple[Candidate, ...]
    seconds: MethodSeconds | None = None


def predict(watched: Sequence[Watched], words: Vocabulary, settings: Settings) -> Predictions:
    """What the method finds in clips that were watched with the same sampling."""
    return gathered([found_in(each, words, settings) for each in watched], categories=len(words.counted))


def found_in(watched: Watched, words: Vocabulary, settings: Settings) -> Found:
    """What the method finds in one clip."""
    assert watched.source is not None, "a trained parser has no features of its clips"
    began, waited = perf_counter(), watched.source.interval_seconds
    parsings = parsed(load_method(), watched.source, words, settings)
    waited = watched.source.interval_seconds - waited
    events = {modality: tuple(found_by(parsings, modality)) for modality in STREAMS}
    seconds = MethodSeconds(waited, perf_counter() - began - waited)
    shape = len(words.counted), watched.grid.segments
    masks = {modality: painted(found, shape) for modality, found in events.items()}
    return Found(watched.clip.name, masks, events[Modality.AUDIO_VISUAL], seconds)


def painted(events: Iterable[Candidate], shape: tuple[int, int]) -> Mask:
    """Where the events are; what lies outside is cut off.

    >>> painted([Candidate(category=1, start=1, stop=9)], (2, 3)).astype(int)
    array([[0, 0, 0],
           [0, 1, 1]])
    """
    mask = np.zeros(shape, dtype=bool)
    for each in events:
        mask[each.category, each.start : each.stop] = True
    return mask


def by_time(mask: Mask) -> tuple[Candidate, ...]:
    """The events of a mask by start, then category."""
    events = [Candidate(category, *ends) for category, row in enumerate(mask) for ends in runs(row)]
    return tuple(sorted(events, key=lambda each: (each.start, each.category)))


def gathered(found: Sequence[Found], categories: int) -> Predictions:
    """Many clips' findings as arrays."""
    segments = max((each.masks[Modality.AUDIO].shape[1] for each in found), default=1)
    return Predictions(
        names=tuple(each.name for each in found),
        masks={
            modality: stacked([each.masks[modality] for each in found], categories, segments) for modality in STREAMS
        },
        in_order=tuple(each.in_order for each in found),
        seconds=tuple(each.seconds for each in found if each.seconds is not None),
    )


def stacked(
    masks: Sequence[Bool[np.ndarray, "category _"]], categories: int, segments: int
) -> Bool[np.ndarray, "video category segment"]:
    """Masks of clips of any lengths, filled up with False to ``segments``."""
    whole = np.zeros((len(masks), categories, segments), dtype=bool)
    for video, mask in enumerate(masks):
        whole[video, :, : mask.shape[1]] = mask
    return whole


def found_by(parsings: Iterable[Parsing], modality: Modality) -> Iterator[Candidate]:
    """The events of one stream, in segments of the clip."""
    for parsing in parsings:
        for each in parsing.streams[modality].found:
            yield Candidate(each.category, parsing.first_segment + each.start, parsing.first_segment + each.stop)
