"""A clip and a backbone together: what the method asks for, and what it makes of the answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from av2a import media
from av2a.backbones.base import Backbone, Span
from av2a.features import sampling as segments
from av2a.features.audio import Sounds
from av2a.features.batching import Batches
from av2a.features.frames import Pictures, Times
from av2a.settings import Sampling, SegmentSound, Selection, Settings, SoundScope
from av2a.timeline import Grid, spread_indexes
from av2a.types import Clip, Embeddings, LabelEmbeddings

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Interval:
    """Segments ``[start, stop)`` of an observation, and whether they are to be looked at and listened to."""

    start: int
    stop: int
    seen: bool = True
    heard: bool = True


@dataclass(frozen=True)
class Observation:
    """A stretch of a clip, parsed by itself: its segments, the windows over which categories are selected, and any interval of it.

    ``window_of[t]`` is the window that segment t lies in. Times are those of the whole clip; segments count from ``first_segment``.
    """

    segments: Embeddings
    windows: tuple[Embeddings, ...]
    """The windows as the encoders embed them whole; empty when no setting asks for that."""
    window_of: Int64[np.ndarray, " segment"]
    frame_embeddings: Float32[np.ndarray, "segment feature"]
    """x_t for the cosine of Eq. 7; where there is no picture, the last one carried on."""
    intervals: Callable[[Sequence["Interval"]], list[Embeddings]] = field(repr=False)
    first_segment: int = 0


@dataclass(frozen=True)
class _Plan:
    """What is asked for a stretch of a clip that is parsed by itself."""

    pictures: list[Times]
    """Of each segment."""
    sounds: list[Span]
    """That each segment is heard in."""
    windows: list[tuple[Times, Span]]
    """The windows that are embedded whole."""
    window_of: Int64[np.ndarray, " segment"]
    interval: Callable[[int, int], tuple[Times, Span]]
    """What is asked for segments ``[start, stop)`` of the stretch."""
    first_segment: int = 0


@dataclass(frozen=True)
class Observer:
    """Asks a backbone what a profile's sampling needs, and makes observations of the answers."""

    clip: Clip
    grid: Grid
    backbone: Backbone
    settings: Settings
    widths: tuple[int, int]
    """How many features a visual and an audio row have."""
    batches: Batches
    pictures: Pictures
    sounds: Sounds
    progress: Progress
    plans: list[_Plan] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        clip: Clip,
        grid: Grid,
        backbone: Backbone,
        settings: Settings,
        labels: LabelEmbeddings,
        warn: Callable[[str], None],
        progress: Progress,
        batches: Batches | None = None,
    ) -> "Observer":
        """An observer that has seen and heard nothing yet; several may share their ``batches``."""
        batches = batches or Batches.of(backbone)
        pictures = Pictures(clip, backbone.visual, batches, settings.blank_contrast, warn)
        sounds = Sounds(clip, backbone.audio, batches, settings.silence_dbfs, warn)
        widths = labels.visual.shape[1], labels.audio.shape[1]
        return cls(clip, grid, backbone, settings, widths, batches, pictures, sounds, progress)

    def ask(self) -> None:
        """Decode the clip and ask for everything but its candidate intervals. Some rows may come later, with others' batches."""
        self.plans.extend(self._planned())
        self.pictures.look(
            (time for plan in self.plans for times in plan.pictures for time in times),
            [times for plan in self.plans for times, _ in plan.windows],
            partial(self.progress, "pictures"),
        )
        listened = partial(self.progress, "sound")
        segment_sounds = [span for plan in self.plans for span in plan.sounds]
        self.sounds.listen(
            [
                *(span for plan in self.plans for _, span in plan.windows),
                *([] if self._by_slices else segment_sounds),
            ],
            listened,
        )
        if self._by_slices:
            self.sounds.listen_in_slices(segment_sounds, listened)

    @property
    def is_answered(self) -> bool:
        """Whether all rows that were asked for are there.

        Raises what an encoder raised where one will never be.
        """
        return self.pictures.is_answered and self.sounds.is_answered

    @property
    def is_settled(self) -> bool:
        """Whether nothing is waited for any more, be it that an encoder failed."""
        try:
            return self.is_answered
        except Exception:  # noqa: BLE001 - raised again where the answer is asked for
            return True

    def observations(self) -> Iterator[Observation]:
        """By time: the whole clip at once. By index: each window by itself, as a clip of its own. Asks for what was not asked yet."""
        if not self.plans:
            self.ask()
        self._wait()
        return map(self._observation, self.plans)

    def intervals(self, stretch: int, wanted: Sequence[Interval]) -> list[Embeddings]:
        """Intervals of one of the observations, counted in their order; of the clip nothing else is asked."""
        if not self.plans:
            self.plans.extend(self._planned())
        return self._intervals(self.plans[stretch], wanted)

    def _wait(self) -> None:
        if not self.is_answered:
            self.batches.flush()
            assert self.is_answered

    @property
    def _by_slices(self) -> bool:
        return self.settings.sound is SoundScope.SEGMENT and self.settings.segment_sound is SegmentSound.SLICES

    def _planned(self) -> list[_Plan]:
        windows = self.grid.windows(max(1, round(self.settings.window_seconds / self.settings.segment_seconds)))
        if self.settings.sampling is Sampling.TIME:
            return [self._by_time(windows)]
        frames = media.frame_times(self.clip) if self.clip.video is not None else np.zeros(0)
        return [self._by_index(frames, start, stop) for start, stop in windows]

    def _by_time(self, windows: Sequence[tuple[int, int]]) -> _Plan:
        each, count = self.settings.frames_per_segment, self.grid.segments
        times = segments.frame_times(self.grid, 0, count, each)

        def interval(start: int, stop: int) -> tuple[Times, Span]:
            stretch = self.grid.seconds(start, stop)
            if self.backbone.visual.clips_are_frames:
                return tuple(times[start * each : stop * each].tolist()), stretch
            return tuple(segments.spread_times(*stretch, segments.CLIP_FRAMES).tolist()), stretch

        window_of = np.repeat(np.arange(len(windows)), [stop - start for start, stop in windows])
        return _Plan(
            pictures=[tuple(part) for part in times.reshape(count, each).tolist()],
            sounds=self._segment_sounds([self.grid.seconds(*windows[window]) for window in window_of.tolist()]),
            windows=[interval(*window) for window in windows] if self._by_windows else [],
            window_of=window_of,
            interval=interval,
        )

    def _by_index(self, frames: Float[np.ndarray, " frame"], start: int, stop: int) -> _Plan:
        count, length = stop - start, self.settings.segment_seconds
        first, last = self.grid.seconds(start, stop)
        own = frames[(frames >= first - 1e-6) & ((frames < last) | (stop == self.grid.segments))]

        def at(indexes: Int64[np.ndarray, " index"]) -> Times:
            return tuple(own[indexes].tolist()) if len(own) else ()

        def interval(begin: int, end: int) -> tuple[Times, Span]:
            # Its sound ends on the grid, also where the clip is a little longer (behaviour 26).
            stretch = first + begin * length, first + end * length
            return at(segments.interval_indexes(len(own), begin, end, segments=count)) if len(own) else (), stretch

        return _Plan(
            pictures=[(time,) for time in at(spread_indexes(len(own), count))] or [()] * count,
            sounds=self._segment_sounds([(first, last)] * self.grid.segments)[start:stop],
            windows=[(at(spread_indexes(len(own), segments.CLIP_FRAMES)), (first, last))] if self._by_windows else [],
            window_of=np.zeros(count, dtype=np.int64),
            interval=interval,
            first_segment=start,
        )

    @property
    def _by_windows(self) -> bool:
        return self.settings.selection is Selection.WHOLE

    def _segment_sounds(self, windows: list[Span]) -> list[Span]:
        """What each segment is heard in; ``windows`` holds the window of each."""
        if self.settings.sound is SoundScope.CLIP:
            return windows
        audio = self.backbone.audio
        least = getattr(audio, "slice_seconds", audio.segment_seconds) if self._by_slices else audio.segment_seconds
        return segments.sound_windows(self.grid, least)

    def _observation(self, plan: _Plan) -> Observation:
        heard = self.sounds.slice_row if self._by_slices else self.sounds.row
        embedded = self._embeddings(
            [self.pictures.rows(times) for times in plan.pictures], [heard(span) for span in plan.sounds]
        )
        return Observation(
            segments=embedded,
            windows=tuple(self._whole(*window) for window in plan.windows),
            window_of=plan.window_of,
            frame_embeddings=_carried(embedded.visual.mean(axis=1, dtype=np.float32), embedded.seen),
            intervals=partial(self._intervals, plan),
            first_segment=plan.first_segment,
        )

    def _intervals(self, plan: _Plan, wanted: Sequence[Interval]) -> list[Embeddings]:
        asked = [plan.interval(each.start, each.stop) for each in wanted]
        times: list[Times] = [times if each.seen else () for each, (times, _) in zip(wanted, asked, strict=True)]
        spans = [span if each.heard else None for each, (_, span) in zip(wanted, asked, strict=True)]
        self.pictures.look((), times, partial(self.progress, "candidates, pictures"))
        self.sounds.listen([span for span in spans if span is not None], partial(self.progress, "candidates, sound"))
        self._wait()
        return [self._whole(*each) for each in zip(times, spans, strict=True)]

    def _whole(self, times: Times, stretch: Span | None) -> Embeddings:
        return self._embeddings([self.pictures.views(times)], [None if stretch is None else self.sounds.row(stretch)])

    def _embeddings(
        self,
        views: Sequence[Float[np.ndarray, "_ feature"] | None],
        sounds: Sequence[Float[np.ndarray, " _"] | None],
    ) -> Embeddings:
        most = max((len(each) for each in views if each is not None), default=1)
        width, sound_width = self.widths
        # A segment of which some pictures are missing is seen in the others.
        shown = [
            np.zeros((most, width), np.float32) if each is None else each[np.arange(most) * len(each) // most]
            for each in views
        ]
        heard = [np.zeros(sound_width, np.float32) if each is None else each for each in sounds]
        return Embeddings(
            visual=np.stack(shown),
            audio=np.stack(heard),
            seen=np.array([each is not None for each in views]),
            heard=np.array([each is not None for each in sounds]),
        )


def _carried(
    rows: Float32[np.ndarray, "segment feature"], seen: Bool[np.ndarray, " segment"]
) -> Float32[np.ndarray, "segment feature"]:
    """Each row, or where nothing was seen the last one before it (the first one, before any)."""
    if not seen.any():
        return rows
    last = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), -1))
    return rows[np.where(last < 0, int(np.argmax(seen)), last)]
