"""What is true of a video, as events to be drawn beneath what was found."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from av2a.datasets.folder import read_truth
from av2a.datasets.rows import composed
from av2a.timeline import united
from av2a.types import Event, Modality


def truth_of(videos: Sequence[Path], file: Path) -> dict[Path, list[Event]]:
    """The true events of each video that ``file`` names, as ``av2a evaluate --annotations`` reads it.

    Raises:
        DataUnavailable: there are no annotations.
        InvalidAnnotations: they are malformed; the error names the line.
    """
    names = {composed(video.with_suffix("").as_posix()): video for video in videos}
    return {
        names[name]: true_events(
            (each.label, modality, each.onset_seconds, each.offset_seconds)
            for each in found
            for modality, counts in ((Modality.AUDIO, each.is_heard), (Modality.VISUAL, each.is_seen))
            if counts
        )
        for name, found in read_truth(file, names).items()
    }


def true_events(rows: Iterable[tuple[str, Modality, float, float]]) -> list[Event]:
    """Events with confidence 1, label by label; what is heard and seen at once is "both" as well."""
    intervals: dict[str, dict[Modality, list[tuple[float, float]]]] = {}
    for label, modality, start, stop in rows:
        intervals.setdefault(label, {}).setdefault(modality, []).append((start, stop))
    events: list[Event] = []
    for label, found in intervals.items():
        heard, seen = (united(found.get(modality, [])) for modality in (Modality.AUDIO, Modality.VISUAL))
        shared = [(max(one[0], other[0]), min(one[1], other[1])) for one in heard for other in seen]
        both = [(start, stop) for start, stop in shared if start < stop]
        for modality, spans in zip(Modality, (heard, seen, both), strict=True):
            events += [Event(label, modality, start, stop, confidence=1.0) for start, stop in spans]
    return events
