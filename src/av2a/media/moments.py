"""The moments of an answer: which intervals of its video are cut, and what the clips are called."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from av2a import timeline
from av2a.errors import InvalidSetting, UnknownLabel
from av2a.media.clip_names import clip_name, folded
from av2a.types import Detection, Event, Modality


@dataclass(frozen=True)
class Moment:
    """An event as an interval to cut."""

    event: Event
    start_seconds: float
    """The start of the event, or before it."""
    stop_seconds: float
    name: str
    """The clip's file name without its ending: safe on every file system, no two of an answer the same."""


def moments(
    detection: Detection,
    *,
    labels: Sequence[str] = (),
    streams: Collection[Modality] = tuple(Modality),
    pad_seconds: float = 0.0,
    taken: set[str] | None = None,
) -> list[Moment]:
    """The events of an answer as intervals, in the order of their starts.

    >>> for moment in moments(av2a.exports.json.read("park.json"), pad_seconds=0.5):  # doctest: +SKIP
    ...     av2a.media.cut(clip, moment.start_seconds, moment.stop_seconds, moment.name + av2a.media.cut_ending(clip))

    Args:
        detection: the answer.
        labels: of these labels only; of all if there is none.
        streams: of these streams only.
        pad_seconds: how much more at either end, within the clip.
        taken: names (:func:`av2a.media.clip_names.folded`) that no moment may have; those of the moments are added. One set for
            several answers keeps their clips apart in one folder.

    Raises:
        UnknownLabel: the answer is not about one of the ``labels``.
        InvalidSetting: ``pad_seconds`` is below 0 or not a number.
    """
    if not 0 <= pad_seconds < float("inf"):
        raise InvalidSetting(f"pad_seconds must be 0 or more, got {pad_seconds}")
    for label in labels:
        if label not in detection.labels:
            raise UnknownLabel.among("label", label, detection.labels)
    chosen = [
        event
        for event in detection.rounded_events
        if event.modality in streams and (not labels or event.label in labels)
    ]
    chosen.sort(key=lambda event: (event.start_seconds, event.stop_seconds))
    taken = set() if taken is None else taken
    found = []
    for event in chosen:
        name = clip_name(detection.clip.path.stem, event.start_seconds, event.label, event.modality.word, taken)
        taken.add(folded(name))
        start = max(0.0, round(event.start_seconds - pad_seconds, 3))
        stop = min(max(detection.clip.duration_seconds, event.stop_seconds), round(event.stop_seconds + pad_seconds, 3))
        found.append(Moment(event, start, stop, name))
    return found


def united(moments: Sequence[Moment]) -> list[tuple[float, float]]:
    """The intervals of moments in order, those that overlap or touch made one, so that none is shown twice."""
    return timeline.united((moment.start_seconds, moment.stop_seconds) for moment in moments)
