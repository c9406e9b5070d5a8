"""What is known to be true of a video, to be drawn beneath what was found."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from av2a.errors import Av2aError
from av2a.timeline import runs
from av2a.types import Event, Modality
from av2a.world import Scene, SceneAnnotation, annotations, read_annotations


def known_truth(video: Path) -> list[Event]:
    """The true events of a video that `av2a synth` wrote; empty where no annotations lie beside it."""
    try:
        return events_of(read_annotations(video.parent).get(video.stem, []))
    except (Av2aError, OSError, ValueError, KeyError):
        # Other people's files of the same names say nothing about this video.
        return []


def scene_truth(scene: Scene) -> list[Event]:
    """The true events of a scene."""
    return events_of(annotations(scene))


def events_of(annotated: Sequence[SceneAnnotation]) -> list[Event]:
    """Annotations as events with confidence 1; what is heard and seen at once is both."""
    length = max((each.offset for each in annotated), default=0)
    events = []
    for label in dict.fromkeys(each.label for each in annotated):
        masks = {modality: np.zeros(length, dtype=bool) for modality in Modality}
        for each in annotated:
            if each.label == label:
                masks[each.modality][each.onset : each.offset] = True
        masks[Modality.AUDIO_VISUAL] = masks[Modality.AUDIO] & masks[Modality.VISUAL]
        events += [
            Event(label, modality, float(start), float(stop), confidence=1.0)
            for modality, mask in masks.items()
            for start, stop in runs(mask)
        ]
    return events
