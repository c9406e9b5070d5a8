"""The lengths of a data set's clips, and remarks on annotations that reach beyond them."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from av2a import media
from av2a.datasets.dataset import Dataset, LabelledClip, touched_segments
from av2a.timeline import Grid
from av2a.wording import counted, some

Progress = Callable[[str, int, int], None]
"""Called with a stage, how many clips are done, and how many there are."""


def with_lengths(dataset: Dataset, progress: Progress | None = None) -> Dataset:
    """The same with the length of each clip's file, where the clips have no common length.

    A clip whose file is missing or cannot be opened stays without one.
    """
    if dataset.clip_seconds is not None:
        return dataset
    clips = []
    for clip in dataset.clips:
        clips.append(replace(clip, seconds=_seconds_of(clip)))
        if progress is not None:
            progress("lengths", len(clips), len(dataset.clips))
    return replace(dataset, clips=tuple(clips))


def _seconds_of(clip: LabelledClip) -> float | None:
    if clip.seconds is not None or clip.path is None:
        return clip.seconds
    try:
        return media.open_clip(clip.path).duration_seconds
    except Exception:  # noqa: BLE001 - whatever it is, the other clips have lengths
        return None


def cut_remarks(clips: Iterable[tuple[LabelledClip, float | None]], segment_seconds: float = 1.0) -> tuple[str, ...]:
    """How many annotations are cut at their clip's end, or begin after it, with the names of the clips.

    Each clip comes with its end in seconds, None where that is not known. An annotation that ends within the clip's last segment is not
    counted: files are a little shorter than what was annotated.
    """
    cut: list[str] = []
    behind: list[str] = []
    for clip, end in clips:
        for each in clip.annotations or ():
            if end is None or each.offset_seconds <= end:
                continue
            segments = Grid(end, segment_seconds).segments
            _, stop = touched_segments(each.onset_seconds, each.offset_seconds, segments, segment_seconds)
            if each.onset_seconds >= end:
                behind.append(clip.name)
            elif stop > segments:
                cut.append(clip.name)
    return tuple(
        f"{verb} {counted(len(names), 'annotation')} {what} the clip's end ({some(names)})"
        for verb, what, names in (("cut", "reaching beyond", cut), ("left out", "beginning after", behind))
        if names
    )
