"""One clip as a backbone sees and hears it: what the method asks of the encoders, each thing asked once.

Every distinct picture is embedded once, every distinct stretch of sound once; segments, windows and candidate intervals are put
together from them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from av2a import media, segments
from av2a.embeddings import AudioEncoder, Backbone, Frame, Sound, VisualEncoder
from av2a.records import Clip, Embeddings, LabelEmbeddings
from av2a.settings import Sampling, Selection, Settings, SoundScope
from av2a.timeline import Grid

_FRAME_BATCH = 8  # pictures held at full size at a time
_SOUND_BATCH = 16

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""


@dataclass
class Pictures:
    """The pictures of one clip, decoded in the order of time and embedded once each."""

    clip: Clip
    encoder: VisualEncoder
    blank_contrast: float | None
    warn: Callable[[str], None]
    _shown_at: dict[float, float | None] = field(default_factory=dict)  # asked time to the picture's own
    _row_of: dict[float, np.ndarray | None] = field(default_factory=dict)  # by the picture's own time; None: blank

    def look(self, times_seconds: Iterable[float], progress: Callable[[int, int], None] | None = None) -> None:
        """Decode and embed the pictures shown at these times, those not yet known."""
        asked = sorted(set(times_seconds) - self._shown_at.keys())
        waiting: list[tuple[float, Frame]] = []
        for done, (time, picture) in enumerate(zip(asked, self._decoded(asked), strict=True), start=1):
            self._shown_at[time] = None if picture is None else picture.seconds
            if picture is not None and picture.seconds not in self._row_of:
                self._row_of[picture.seconds] = None
                if not self._blank(picture.pixels):
                    waiting.append((picture.seconds, picture.pixels))
            if len(waiting) == _FRAME_BATCH or done == len(asked):
                self._embed(waiting)
                waiting = []
            if progress is not None:
                progress(done, len(asked))

    def rows(self, times_seconds: Iterable[float]) -> Float[np.ndarray, "frame feature"] | None:
        """One row for each picture that was looked at and shows something; None when there is none."""
        shown = [seconds for time in times_seconds if (seconds := self._shown_at[time]) is not None]
        known = [row for seconds in shown if (row := self._row_of[seconds]) is not None]
        return np.stack(known) if known else None

    def views(self, times_seconds: Sequence[float]) -> Float[np.ndarray, "view feature"] | None:
        """A stretch as the encoder embeds clips; None where nothing is to be seen.

        An image encoder's are the rows of its pictures, looked at already or not; a video encoder is shown them together.
        """
        if self.encoder.clips_are_frames:
            self.look(times_seconds)
            return self.rows(times_seconds)
        frames = [
            picture.pixels
            for picture in self._decoded(sorted(times_seconds))
            if picture is not None and not self._blank(picture.pixels)
        ]
        if not frames:
            return None
        # A video encoder takes a fixed number of frames: where some are missing the others are repeated.
        full = [frames[place * len(frames) // len(times_seconds)] for place in range(len(times_seconds))]
        return self.encoder.embed_clips([full])[0]

    def _decoded(self, times_seconds: Sequence[float]) -> Iterable[media.Picture | None]:
        if self.clip.video is None:
            return [None] * len(times_seconds)
        return media.decode_frames(self.clip, times_seconds, warn=self.warn)

    def _blank(self, frame: Frame) -> bool:
        return self.blank_contrast is not None and float(frame[::4, ::4].mean(axis=2).std()) < self.blank_contrast

    def _embed(self, waiting: list[tuple[float, Frame]]) -> None:
        if waiting:
            rows = self.encoder.embed_frames([frame for _, frame in waiting])
            self._row_of.update(zip([seconds for seconds, _ in waiting], rows, strict=True))


@dataclass
class Sounds:
    """The sound of one clip, decoded in the order of time, each stretch embedded once."""

    clip: Clip
    encoder: AudioEncoder
    silence_dbfs: float | None
    warn: Callable[[str], None]
    _row_of: dict[tuple[float, float], np.ndarray | None] = field(default_factory=dict)

    def listen(
        self, stretches_seconds: Iterable[tuple[float, float]], progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Decode and embed these stretches, those not yet known."""
        asked = sorted(set(stretches_seconds) - self._row_of.keys())
        if not asked:
            return
        waiting: list[tuple[tuple[float, float], Sound]] = []
        for done, (stretch, sound) in enumerate(zip(asked, self._heard(asked), strict=True), start=1):
            self._row_of[stretch] = None
            if sound is not None and not self._silent(sound):
                waiting.append((stretch, sound))
            if len(waiting) == _SOUND_BATCH or done == len(asked):
                self._embed(waiting)
                waiting = []
            if progress is not None:
                progress(done, len(asked))

    def row(self, stretch_seconds: tuple[float, float]) -> Float[np.ndarray, " feature"] | None:
        """The row of a stretch that was listened to; None where there was no sound."""
        return self._row_of[stretch_seconds]

    def _heard(self, asked: Sequence[tuple[float, float]]) -> Iterable[Sound | None]:
        if self.clip.audio is None:
            return [None] * len(asked)
        rate = self.encoder.sample_rate_hz
        blocks = media.decode_sound(
            self.clip,
            rate,
            start_seconds=asked[0][0],
            stop_seconds=max(stop for _, stop in asked),
            warn=self.warn,
        )
        samples = [(int(start * rate), int(stop * rate)) for start, stop in asked]
        return segments.cut_sounds(((block.start_sample, block.samples) for block in blocks), samples)

    def _silent(self, sound: Sound) -> bool:
        if self.silence_dbfs is None:
            return False
        level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
        return level < 10 ** (self.silence_dbfs / 20)

    def _embed(self, waiting: list[tuple[tuple[float, float], Sound]]) -> None:
        chunks = [self._chunks(sound) for _, sound in waiting]
        if not chunks:
            return
        rows = self.encoder.embed_sounds([chunk for each in chunks for chunk in each])
        ends = np.cumsum([len(each) for each in chunks])
        for (stretch, _), part in zip(waiting, np.split(rows, ends[:-1]), strict=True):
            self._row_of[stretch] = part.mean(axis=0)

    def _chunks(self, sound: Sound) -> list[np.ndarray]:
        # Equal parts, so that no part is a short rest.
        longest = int(self.encoder.longest_seconds * self.encoder.sample_rate_hz)
        return np.array_split(sound, -(-len(sound) // longest))


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
    intervals: Callable[[Sequence[tuple[int, int]]], list[Embeddings]] = field(repr=False)
    first_segment: int = 0


@dataclass(frozen=True)
class Observer:
    """A clip and a backbone together: makes the observations that a profile's sampling asks for."""

    clip: Clip
    grid: Grid
    backbone: Backbone
    settings: Settings
    widths: tuple[int, int]
    """How many features a visual and an audio row have."""
    pictures: Pictures
    sounds: Sounds
    progress: Progress

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
    ) -> "Observer":
        """An observer that has seen and heard nothing yet."""
        pictures = Pictures(clip, backbone.visual, settings.blank_contrast, warn)
        sounds = Sounds(clip, backbone.audio, settings.silence_dbfs, warn)
        widths = labels.visual.shape[1], labels.audio.shape[1]
        return cls(clip, grid, backbone, settings, widths, pictures, sounds, progress)

    def observations(self) -> Iterable[Observation]:
        """By time: the whole clip at once. By index: each window by itself, as a clip of its own."""
        windows = self.grid.windows(max(1, round(self.settings.window_seconds / self.settings.segment_seconds)))
        if self.settings.sampling is Sampling.TIME:
            yield self._by_time(windows)
        else:
            frames = media.frame_times(self.clip) if self.clip.video is not None else np.zeros(0)
            for start, stop in windows:
                yield self._by_index(frames, start, stop)

    def _by_time(self, windows: Sequence[tuple[int, int]]) -> Observation:
        each = self.settings.frames_per_segment
        count = self.grid.segments
        times = segments.frame_times(self.grid, 0, count, each)
        heard_in = segments.sound_windows(self.grid, self.backbone.audio.segment_seconds)
        window_seconds = [self.grid.seconds(start, stop) for start, stop in windows]
        by_clip = self.settings.sound is SoundScope.CLIP
        whole = self.settings.selection is Selection.WHOLE
        self.pictures.look(times.tolist(), lambda done, total: self.progress("pictures", done, total))
        self.sounds.listen(
            [*(window_seconds if by_clip or whole else []), *([] if by_clip else heard_in)],
            lambda done, total: self.progress("sound", done, total),
        )
        window_of = np.repeat(np.arange(len(windows)), [stop - start for start, stop in windows])
        if by_clip:
            heard_in = [window_seconds[window] for window in window_of]

        def asked(start: int, stop: int) -> Sequence[float]:
            if self.backbone.visual.clips_are_frames:
                return list(times[start * each : stop * each].tolist())
            return list(segments.spread_times(*self.grid.seconds(start, stop), segments.CLIP_FRAMES).tolist())

        def intervals(wanted: Sequence[tuple[int, int]]) -> list[Embeddings]:
            stretches = [self.grid.seconds(start, stop) for start, stop in wanted]
            return self._intervals([asked(start, stop) for start, stop in wanted], stretches)

        return self._observation(
            [self.pictures.rows(part) for part in times.reshape(count, each).tolist()],
            [self.sounds.row(stretch) for stretch in heard_in],
            [
                self._whole(asked(start, stop), stretch)
                for (start, stop), stretch in zip(
                    windows if whole else [], window_seconds if whole else [], strict=True
                )
            ],
            window_of,
            intervals,
            first_segment=0,
        )

    def _by_index(self, frames: Float[np.ndarray, " frame"], start: int, stop: int) -> Observation:
        count = stop - start
        length = self.settings.segment_seconds
        first, last = self.grid.seconds(start, stop)
        own = frames[(frames >= first - 1e-6) & ((frames < last) | (stop == self.grid.segments))]
        times = own[segments.spread_indexes(len(own), count)].tolist() if len(own) else []
        whole_times = own[segments.spread_indexes(len(own), segments.CLIP_FRAMES)].tolist() if len(own) else []
        self.pictures.look(
            [*times, *(whole_times if self.backbone.visual.clips_are_frames else [])],
            lambda done, total: self.progress("pictures", done, total),
        )
        heard_in = [(first, last)] * count
        if self.settings.sound is SoundScope.SEGMENT:
            heard_in = segments.sound_windows(self.grid, self.backbone.audio.segment_seconds)[start:stop]
        self.sounds.listen([(first, last), *heard_in], lambda done, total: self.progress("sound", done, total))

        def asked(begin: int, end: int) -> Sequence[float]:
            if not len(own):
                return []
            return list(own[segments.interval_indexes(len(own), begin, end, segments=count)].tolist())

        def intervals(wanted: Sequence[tuple[int, int]]) -> list[Embeddings]:
            stretches = [(first + begin * length, first + end * length) for begin, end in wanted]
            return self._intervals([asked(begin, end) for begin, end in wanted], stretches)

        return self._observation(
            [self.pictures.rows([time]) for time in times] or [None] * count,
            [self.sounds.row(stretch) for stretch in heard_in],
            [self._whole(whole_times, (first, last))] if self.settings.selection is Selection.WHOLE else [],
            np.zeros(count, dtype=np.int64),
            intervals,
            first_segment=start,
        )

    def _intervals(
        self, times: Sequence[Sequence[float]], stretches: Sequence[tuple[float, float]]
    ) -> list[Embeddings]:
        if self.backbone.visual.clips_are_frames:
            self.pictures.look({time for each in times for time in each})
        self.sounds.listen(stretches)
        found = []
        for done, (each, stretch) in enumerate(zip(times, stretches, strict=True), start=1):
            found.append(self._whole(each, stretch))
            self.progress("candidates", done, len(times))
        return found

    def _whole(self, times: Sequence[float], stretch: tuple[float, float]) -> Embeddings:
        return self._embeddings([self.pictures.views(times) if times else None], [self.sounds.row(stretch)])

    def _embeddings(
        self,
        views: Sequence[Float[np.ndarray, "view feature"] | None],
        sounds: Sequence[Float[np.ndarray, " feature"] | None],
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

    def _observation(
        self,
        views: Sequence[Float[np.ndarray, "view feature"] | None],
        sounds: Sequence[Float[np.ndarray, " feature"] | None],
        windows: Sequence[Embeddings],
        window_of: np.ndarray,
        intervals: Callable[[Sequence[tuple[int, int]]], list[Embeddings]],
        first_segment: int,
    ) -> Observation:
        embedded = self._embeddings(views, sounds)
        return Observation(
            segments=embedded,
            windows=tuple(windows),
            window_of=window_of,
            frame_embeddings=_carried(embedded.visual.mean(axis=1, dtype=np.float32), embedded.seen),
            intervals=intervals,
            first_segment=first_segment,
        )


def _carried(
    rows: Float32[np.ndarray, "segment feature"], seen: Bool[np.ndarray, " segment"]
) -> Float32[np.ndarray, "segment feature"]:
    """Each row, or where nothing was seen the last one before it (the first one, before any)."""
    if not seen.any():
        return rows
    last = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), -1))
    return rows[np.where(last < 0, int(np.argmax(seen)), last)]
