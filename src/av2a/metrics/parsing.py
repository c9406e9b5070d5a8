"""The ten numbers of audio-visual video parsing (LLP).

Conventions
    Truth and predictions are boolean arrays, (video, category, segment). An audio-visual event is truly there where the
    category is both heard and seen: truth audio-visual = audio AND visual. Per video, F1 is the mean over the categories
    that are in the truth or in the prediction, and 1 if there are none (nothing was there and nothing was found);
    the number is the mean over videos, in percent. *Event@AV* pools the counts of audio and visual (not of
    audio-visual) within each category before taking F1; *Type@AV* is the mean of audio, visual and audio-visual. All this
    twice: segment by segment (:mod:`av2a.metrics.segment_level`) and event by event (:mod:`av2a.metrics.event_level`, overlap
    0.5). Source: Tian, Li, Xu, "Unified Multisensory Perception", ECCV 2020.

Differences from the official script
    None in the numbers for the same five arrays; values agree within 1e-9 on the LLP test and validation truth.
    The official loop makes the audio-visual prediction itself, as audio AND visual; AV²A predicts it on its own, so here
    it is an argument: pass ``audio & visual`` for the official reading. Which videos count is the caller's choice: each
    row is one, a video without predictions included. Any number of segments is taken. Numbers per category do not
    exist there; here they pool a category's counts over all videos.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from av2a.metrics.counts import Counts, Masks, require_masks
from av2a.metrics.event_level import event_counts
from av2a.metrics.segment_level import segment_counts


class ParsingMetrics(NamedTuple):
    """The ten numbers, in percent, in the order of the published tables' two halves."""

    segment_audio: float
    segment_visual: float
    segment_audio_visual: float
    segment_type: float
    """Type@AV: the mean of the three above."""
    segment_event: float
    """Event@AV: audio and visual pooled."""
    event_audio: float
    event_visual: float
    event_audio_visual: float
    event_type: float
    """Type@AV: the mean of the three above."""
    event_event: float
    """Event@AV: audio and visual pooled."""

    def as_dict(self) -> dict[str, float]:
        """The numbers by their names here."""
        return self._asdict()

    def under_official_names(self) -> dict[str, float]:
        """The numbers by the names that the official script gives them.

        >>> ParsingMetrics(*map(float, range(10))).under_official_names()["avg_type_event"]
        8.0
        """
        return dict(zip(OFFICIAL_NAMES, self, strict=True))


OFFICIAL_NAMES = (
    "F_seg_a",
    "F_seg_v",
    "F_seg_av",
    "avg_type",
    "avg_event",
    "F_event_a",
    "F_event_v",
    "F_event_av",
    "avg_type_event",
    "avg_event_level",
)
"""The official script's names, in the order of :class:`ParsingMetrics`."""


def parsing_metrics(
    truth_audio: Masks, truth_visual: Masks, audio: Masks, visual: Masks, audio_visual: Masks
) -> ParsingMetrics:
    """The ten numbers over a set of videos, in percent.

    >>> heard = np.array([[[True, True, False, False]]])
    >>> seen = np.array([[[False, True, True, True]]])
    >>> numbers = parsing_metrics(heard, seen, audio=heard, visual=heard, audio_visual=heard)
    >>> [round(number, 1) for number in numbers]
    [100.0, 40.0, 66.7, 68.9, 66.7, 100.0, 0.0, 100.0, 66.7, 50.0]

    Raises:
        ValueError: the five are not boolean arrays of one shape with at least one video.
    """
    each = video_metrics(truth_audio, truth_visual, audio, visual, audio_visual)
    return ParsingMetrics(*each.mean(axis=0).tolist())


def video_metrics(
    truth_audio: Masks, truth_visual: Masks, audio: Masks, visual: Masks, audio_visual: Masks
) -> Float[np.ndarray, "video metric"]:
    """The ten numbers of each video, in percent; columns as in :class:`ParsingMetrics`, whose values are their means.

    Raises:
        ValueError: the five are not boolean arrays of one shape with at least one video.
    """
    return _table((truth_audio, truth_visual, audio, visual, audio_visual), lambda counts: counts.video_f1)


def category_metrics(
    truth_audio: Masks, truth_visual: Masks, audio: Masks, visual: Masks, audio_visual: Masks
) -> Float[np.ndarray, "category metric"]:
    """The ten numbers of each category, its counts pooled over all videos, in percent; columns as in :class:`ParsingMetrics`.

    NaN where a category is neither there nor found; Type@AV is the mean over the streams in which it is.

    Raises:
        ValueError: the five are not boolean arrays of one shape with at least one video.
    """
    return _table((truth_audio, truth_visual, audio, visual, audio_visual), lambda counts: counts.category_f1)


def _table(
    masks: tuple[Masks, Masks, Masks, Masks, Masks], f1: Callable[[Counts], Float[np.ndarray, " row"]]
) -> Float[np.ndarray, "row metric"]:
    truth_audio, truth_visual, audio, visual, audio_visual = masks
    require_masks(
        truth_audio=truth_audio, truth_visual=truth_visual, audio=audio, visual=visual, audio_visual=audio_visual
    )
    columns: list[Float[np.ndarray, " row"]] = []
    for count in (segment_counts, event_counts):
        heard = count(truth_audio, audio)
        seen = count(truth_visual, visual)
        both = count(truth_audio & truth_visual, audio_visual)
        streams = np.stack([f1(heard), f1(seen), f1(both)])
        columns += [*streams, _mean_of_known(streams), f1(heard + seen)]
    return 100 * np.stack(columns, axis=1)


def _mean_of_known(streams: Float[np.ndarray, "stream row"]) -> Float[np.ndarray, " row"]:
    known = ~np.isnan(streams)
    count = known.sum(axis=0)
    return np.divide(np.nansum(streams, axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
