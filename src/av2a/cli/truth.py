"""What is true of a video, as events to be drawn beneath what was found."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from av2a.datasets.folder import read_truth
from av2a.datasets.rows import composed
from av2a.types import Event, Modality
from av2a.world import Scene, annotations

Intervals = list[tuple[float, float]]


def truth_of(videos: Sequence[Path], file: Path) -> dict[Path, list[Event]]:
    """The true events of each video that ``file`` names, as ``av2a evaluate --annotations`` reads it.

    Raises:
        DataUnavailable: there are no annotations.
        InvalidAnnotations: they are malformed; the error names the line.
    """
    names = {composed(video.with_suffix("").as_posix()): video for video in videos}
    truth = read_truth(file, names)
    return {
        names[name]: _events(
            [
                (each.label, modality, each.onset_seconds, each.offset_seconds)
                for each in found
                for modality, counts in ((Modality.AUDIO, each.is_heard), (Modality.VISUAL, each.is_seen))
                if counts
            ]
        )
        for name, found in truth.items()
    }


def scene_truth(scene: Scene) -> list[Event]:
    """The true events of a scene of the generated world."""
    return _events([(each.label, each.modality, float(each.onset), float(each.offset)) for each in annotations(scene)])


def _events(rows: Sequence[tuple[str, Modality, float, float]]) -> list[Event]:
    """Events with confidence 1, label by label; what is heard and seen at once is "both" as well."""
    events: list[Event] = []
    for label in dict.fromkeys(label for label, *_ in rows):
        heard, seen = (
            _united((start, stop) for name, kind, start, stop in rows if (name, kind) == (label, modality))
            for modality in (Modality.AUDIO, Modality.VISUAL)
        )
        both = list(_common(heard, seen))
        for modality, intervals in zip(Modality, (heard, seen, both), strict=True):
            events += [Event(label, modality, start, stop, confidence=1.0) for start, stop in intervals]
    return events


def _united(intervals: Iterable[tuple[float, float]]) -> Intervals:
    """The intervals in order, those that touch made one."""
    united: Intervals = []
    for start, stop in sorted(intervals):
        if united and start <= united[-1][1]:
            united[-1] = united[-1][0], max(stop, united[-1][1])
        else:
            united.append((start, stop))
    return united


def _common(first: Intervals, second: Intervals) -> Iterator[tuple[float, float]]:
    for start, stop in first:
        for other_start, other_stop in second:
            if max(start, other_start) < min(stop, other_stop):
                yield max(start, other_start), min(stop, other_stop)
