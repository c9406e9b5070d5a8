"""Decodes the frames and the audio windows that are sampled of one clip, and queues each for embedding exactly once."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar, cast

import numpy as np
from jaxtyping import Float

from av2a import media
from av2a.backbones.base import AudioEncoder, Frame, SlicedAudioEncoder, Sound, Span, VisualEncoder
from av2a.backbones.encoder_warnings import collected_warnings
from av2a.errors import InvalidSetting
from av2a.features.batching import Batches, Embedding, Pending
from av2a.features.sampling import Times, cut_sounds
from av2a.settings import Channels
from av2a.types import Clip

Item = TypeVar("Item")

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done, and how much there is."""

DECODED_AHEAD = 4
"""Frames or audio windows that wait while the encoder computes."""

OPEN_BYTES = 200_000_000
"""Memory limit for the frames held for inputs of several frames; at least one such input is always held."""

KEPT_SECONDS = 60.0
"""The audio of a clip no longer than this is kept and decoded once; longer clips are decoded again for their candidates."""

OVERHANG_SECONDS = 0.5
"""Audio this much longer than an encoder takes is still embedded whole: files of "ten seconds" carry some hundredths more."""

BLOCK_SECONDS = 60.0
MARGIN_SECONDS = 1.0
"""Slices are embedded a block of audio at a time, with so much audio around it."""


@dataclass(eq=False)
class FrameEmbedder:
    """The frames of one clip. Times that show the same frame share one embedding."""

    clip: Clip
    encoder: VisualEncoder
    batches: Batches
    blank_contrast: float | None
    warn: Callable[[str], None]
    progress: Progress | None = None
    shown_at: dict[float, float | None] = field(default_factory=dict)
    """The time of the frame that is shown at each sampled time; None where there is none."""
    frames: dict[float, Pending | None] = field(default_factory=dict)
    """By the frame's own time; None where it is blank."""
    clips: dict[Times, Pending | None] = field(default_factory=dict)
    """Inputs of several frames, for a video encoder; None where all frames are blank or missing."""

    def embed(self, times_seconds: Iterable[float], clips: Iterable[Times], stage: str = "pictures") -> None:
        """Decode the frames at these times and of these inputs, those not queued yet, and queue them."""
        times, wanted = set(times_seconds), set(clips) - {()}
        if self.encoder.clips_are_frames:
            times, wanted = times.union(*wanted), set()
        times -= self.shown_at.keys()
        wanted -= self.clips.keys()
        if self.clip.video is None:
            self.shown_at.update(dict.fromkeys(times))
            self.clips.update(dict.fromkeys(wanted))
            return
        first, *others = [*passes(wanted, self._most_open(wanted))] or [[]]
        self._pass(times, first, stage)
        for more in others:
            self._pass(set(), more, stage)

    def segment_views(self, segments: Iterable[Times]) -> list[Float[np.ndarray, "frame feature"] | None]:
        """What :meth:`frame_views` gives for the frames of each segment."""
        return [self.frame_views(times) for times in segments]

    def frame_views(self, times_seconds: Iterable[float]) -> Float[np.ndarray, "frame feature"] | None:
        """One embedding for each time at which a frame is shown that is not blank; None when there is none."""
        shown = [seconds for time in times_seconds if (seconds := self.shown_at[time]) is not None]
        found = [pending.embedding for seconds in shown if (pending := self.frames[seconds]) is not None]
        return np.stack(found) if found else None

    def clip_views(self, times: Times) -> Float[np.ndarray, "view feature"] | None:
        """An input of several frames as the encoder embeds clips; None where nothing is to be seen."""
        if self.encoder.clips_are_frames:
            return self.frame_views(times)
        pending = self.clips[times] if times else None
        return None if pending is None else pending.embedding

    def _pass(self, times: set[float], clips: Sequence[Times], stage: str) -> None:
        sampled = sorted(times.union(*clips))
        if not sampled:
            return
        open_clips = _OpenClips(clips)
        with ahead(self._decoded(sampled), DECODED_AHEAD) as decoded:
            for number, (time, frame) in enumerate(zip(sampled, decoded, strict=True), start=1):
                pixels = None if frame is None or self._blank(frame.pixels) else frame.pixels
                if time in times:
                    self.shown_at[time] = None if frame is None else frame.seconds
                    if frame is not None and frame.seconds not in self.frames:
                        pending = self.frames[frame.seconds] = (
                            None if pixels is None else self.batches.frames.add(pixels)
                        )
                        # A broken encoder ends the work at once.
                        if pending is not None and pending.error is not None:
                            raise pending.error
                for clip, frames in open_clips.closed_by(time, pixels):
                    # A video encoder takes a fixed number of frames: where some are missing the others are repeated.
                    full = [frames[index * len(frames) // len(clip)] for index in range(len(clip))] if frames else []
                    self.clips[clip] = self.batches.clips.add(full) if full else None
                if self.progress is not None:
                    self.progress(stage, number, len(sampled))

    def _decoded(self, times_seconds: Sequence[float]) -> Iterator[media.Picture | None]:
        """A generator, so that the file is opened by the thread that reads it."""
        yield from media.decode_frames(self.clip, times_seconds, warn=self.warn)

    def _blank(self, frame: Frame) -> bool:
        return self.blank_contrast is not None and contrast(frame) < self.blank_contrast

    def _most_open(self, clips: set[Times]) -> int:
        if not clips or self.clip.video is None:
            return 1
        frame_bytes = 3 * self.clip.video.width * self.clip.video.height
        return max(1, OPEN_BYTES // (frame_bytes * max(map(len, clips))))


def contrast(frame: Frame) -> float:
    """The standard deviation of a frame's grey levels, of every fourth pixel of every fourth line.

    >>> frame = np.zeros((8, 8, 3), np.uint8)
    >>> frame[4:] = 255
    >>> contrast(frame)
    127.5
    """
    # Colour by colour: a mean over three neighbours takes four times as long.
    red, green, blue = (frame[::4, ::4, colour].astype(np.int32) for colour in range(3))
    return float((red + green + blue).std()) / 3


class _OpenClips:
    """The frames of inputs whose last frame has not been decoded yet."""

    def __init__(self, clips: Sequence[Times]) -> None:
        self._left = sorted(clips, key=lambda times: times[-1], reverse=True)
        self._uses = Counter(time for times in clips for time in set(times))
        self._held: dict[float, Frame | None] = {}

    def closed_by(self, time: float, frame: Frame | None) -> Iterator[tuple[Times, list[Frame]]]:
        """The inputs that end with the frame at ``time``, and their frames."""
        if time in self._uses:
            self._held[time] = frame
        while self._left and self._left[-1][-1] <= time:
            times = self._left.pop()
            frames = [frame for each in times if (frame := self._held[each]) is not None]
            for each in set(times):
                self._uses[each] -= 1
                if not self._uses[each]:
                    del self._held[each]
            yield times, frames


def passes(clips: Iterable[Times], most_open: int) -> Iterator[list[Times]]:
    """The inputs in passes over the file, in each of which at most ``most_open`` overlap anywhere.

    >>> list(passes([(0.0, 4.0), (1.0, 5.0), (6.0, 8.0)], most_open=1))
    [[(0.0, 4.0), (6.0, 8.0)], [(1.0, 5.0)]]
    """
    left = sorted(clips)
    while left:
        taken: list[Times] = []
        later: list[Times] = []
        ends: list[float] = []
        for times in left:
            ends = [end for end in ends if end >= times[0]]
            if len(ends) < most_open:
                taken.append(times)
                ends.append(times[-1])
            else:
                later.append(times)
        yield taken
        left = later


@dataclass(eq=False)
class AudioEmbedder:
    """The audio windows of one clip."""

    clip: Clip
    encoder: AudioEncoder
    batches: Batches
    silence_dbfs: float | None
    warn: Callable[[str], None]
    progress: Progress | None = None
    channels: Channels = Channels.MEAN
    windows: dict[Span, Pending | None] = field(default_factory=dict)
    """None where there is no audio, or silence."""
    slices: dict[Span, Embedding | None] = field(default_factory=dict)
    _kept: list[tuple[int, Sound]] | None = None

    def embed(self, spans_seconds: Iterable[Span], stage: str = "sound") -> None:
        """Decode and queue these spans, those not queued yet; long ones in parts that the encoder takes whole."""
        wanted = sorted({part for span in spans_seconds for part in self._parts(span)} - self.windows.keys())
        with ahead(self._decoded_windows(wanted), DECODED_AHEAD) as decoded:
            for number, (span, sound) in enumerate(zip(wanted, decoded, strict=True), start=1):
                audible = sound is not None and not self._is_silent(sound)
                pending = self.windows[span] = self.batches.sounds.add(sound) if sound is not None and audible else None
                if pending is not None and pending.error is not None:
                    raise pending.error
                if self.progress is not None:
                    self.progress(stage, number, len(wanted))

    def segment_windows(self, spans_seconds: Iterable[Span]) -> list[Float[np.ndarray, " feature"] | None]:
        """The embedding of each segment's span, as a window or as a slice."""
        return [self.slices[span] if span in self.slices else self.window(span) for span in spans_seconds]

    def window(self, span_seconds: Span) -> Float[np.ndarray, " feature"] | None:
        """The embedding of a span, the mean of its parts'; None where there was no audio."""
        found = [pending.embedding for part in self._parts(span_seconds) if (pending := self.windows[part]) is not None]
        return np.mean(found, axis=0) if len(found) > 1 else found[0] if found else None

    def embed_slices(self, spans_seconds: Sequence[Span]) -> None:
        """Embed these spans, sorted and side by side, as parts of passes over longer spans of audio.

        Raises:
            InvalidSetting: the encoder embeds no slices.
        """
        encoder = self.encoder
        if not isinstance(encoder, SlicedAudioEncoder):
            raise InvalidSetting(
                f"segment_sound = slices: {encoder.name} does not tell the moments of a sound apart; set segment_sound = windows"
            )
        if self.clip.audio is None:
            self.slices.update(dict.fromkeys(spans_seconds))
            return
        blocks = [*_blocks(spans_seconds, self.encoder.longest_seconds + OVERHANG_SECONDS)]
        ranges = [(max(0.0, block[0][0] - MARGIN_SECONDS), block[-1][1] + MARGIN_SECONDS) for block in blocks]
        if len(blocks) == 1:
            ranges = [(blocks[0][0][0], blocks[0][-1][1])]
        present: list[tuple[int, int]] = []
        finished = 0
        with ahead(self._unbroken(ranges, present), 1) as sounds:
            for block, (start, _), sound in zip(blocks, ranges, sounds, strict=True):
                self._embed_block(encoder, block, start, sound, present)
                finished += len(block)
                if self.progress is not None:
                    self.progress("sound", finished, len(spans_seconds))

    def _embed_block(
        self,
        encoder: SlicedAudioEncoder,
        spans: Sequence[Span],
        start_seconds: float,
        sound: Sound,
        present: Sequence[tuple[int, int]],
    ) -> None:
        audible = [span for span in spans if self._is_audible(span, start_seconds, sound, present)]
        self.slices.update(dict.fromkeys(spans))
        if not audible:
            return
        longest = self.encoder.longest_seconds
        beyond = len(sound) / self.encoder.sample_rate_hz - longest
        # A little over what one pass takes is not worth a second one.
        if 0 < beyond <= OVERHANG_SECONDS and audible[-1][0] - start_seconds <= longest - encoder.slice_seconds:
            sound = sound[: int(longest * self.encoder.sample_rate_hz)]
        with collected_warnings() as warnings:
            spans_in = [(first - start_seconds, last - start_seconds) for first, last in audible]
            found = encoder.embed_spans(sound, spans_in)
        for message in warnings:
            self.warn(message)
        self.slices.update(zip(audible, found, strict=True))

    def _is_audible(self, span: Span, start_seconds: float, sound: Sound, present: Sequence[tuple[int, int]]) -> bool:
        rate = self.encoder.sample_rate_hz
        first, last = int(span[0] * rate), int(span[1] * rate)
        there = sum(max(0, min(last, stop) - max(first, start)) for start, stop in present)
        begin = int(start_seconds * rate)
        return there >= max(0.5 * (last - first), 1) and not self._is_silent(sound[first - begin : last - begin])

    def _parts(self, span: Span) -> list[Span]:
        start, stop = span
        count = max(1, int(np.ceil((stop - start - OVERHANG_SECONDS) / self.encoder.longest_seconds)))
        if count == 1:
            return [span]
        # Equal parts, so that no part is a short rest.
        return list(pairwise(np.linspace(start, stop, count + 1).tolist()))

    def _decoded_windows(self, spans: Sequence[Span]) -> Iterable[Sound | None]:
        if self.clip.audio is None or not spans:
            return [None] * len(spans)
        return cut_sounds(self._decoded(spans), self._samples(spans))

    def _unbroken(self, ranges: Sequence[Span], present: list[tuple[int, int]]) -> Iterator[Sound]:
        """The audio of each span, silent where there is none; where there is some is noted in ``present``."""
        samples = self._samples(ranges)
        whole = _without_gaps(
            self._decoded(ranges),
            samples[0][0],
            max(last for _, last in samples),
            self.encoder.sample_rate_hz,
            present,
        )
        for sound in cut_sounds(whole, samples):
            assert sound is not None
            yield sound

    def _samples(self, spans: Sequence[Span]) -> list[tuple[int, int]]:
        rate = self.encoder.sample_rate_hz
        return [(int(start * rate), int(stop * rate)) for start, stop in spans]

    def _decoded(self, spans: Sequence[Span]) -> Iterator[tuple[int, Sound]]:
        if self.clip.duration_seconds > KEPT_SECONDS:
            yield from self._decoded_anew(spans[0][0], max(stop for _, stop in spans))
            return
        if self._kept is None:
            self._kept = [*self._decoded_anew(0.0, None)]
        yield from self._kept

    def _decoded_anew(self, start_seconds: float, stop_seconds: float | None) -> Iterator[tuple[int, Sound]]:
        blocks = media.decode_sound(
            self.clip,
            self.encoder.sample_rate_hz,
            start_seconds=start_seconds,
            stop_seconds=stop_seconds,
            channels=self.channels,
            warn=self.warn,
        )
        return ((block.start_sample, block.samples) for block in blocks)

    def _is_silent(self, sound: Sound) -> bool:
        if self.silence_dbfs is None:
            return False
        level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
        return level < 10 ** (self.silence_dbfs / 20)


def _blocks(spans: Sequence[Span], longest_seconds: float) -> Iterator[list[Span]]:
    """The spans in blocks of a minute; all of them when one pass of the encoder holds them."""
    if spans and spans[-1][1] - spans[0][0] <= longest_seconds:
        yield list(spans)
        return
    block: list[Span] = []
    for span in spans:
        if block and span[1] - block[0][0] > BLOCK_SECONDS:
            yield block
            block = []
        block.append(span)
    if block:
        yield block


def _without_gaps(
    blocks: Iterable[tuple[int, Sound]], first: int, last: int, most: int, present: list[tuple[int, int]]
) -> Iterator[tuple[int, Sound]]:
    """The blocks from sample ``first`` to ``last``, with silence of at most ``most`` samples a block where there are none.

    Notes in ``present`` where there are some.
    """
    at = first
    for start, samples in blocks:
        yield from _silence(at, start, most)
        if start + len(samples) > first:
            at = start + len(samples)
            if present and present[-1][1] == start:
                present[-1] = (present[-1][0], at)
            else:
                present.append((start, at))
            yield start, samples
    yield from _silence(at, last, most)


def _silence(start: int, stop: int, most: int) -> Iterator[tuple[int, Sound]]:
    for begin in range(start, stop, most):
        yield begin, np.zeros(min(most, stop - begin), np.float32)


@contextmanager
def ahead(source: Iterable[Item], most: int) -> Iterator[Iterator[Item]]:
    """The items of ``source``, made by a thread of its own, at most ``most`` of them waiting.

    What the source raises is raised here, after the items before it. At the end of the block the thread has ended and has closed what it
    opened, whether it was the last item, an error or Ctrl-C.

    >>> with ahead(range(3), most=1) as items:
    ...     list(items)
    [0, 1, 2]
    """
    items, end = iter(source), object()
    with ThreadPoolExecutor(1, "av2a ahead") as thread:
        waiting = deque(thread.submit(next, items, end) for _ in range(most + 1))

        def made() -> Iterator[Item]:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(thread.submit(next, items, end))
                yield cast(Item, item)

        try:
            yield made()
        finally:
            for future in waiting:
                future.cancel()
            if isinstance(items, Generator):
                thread.submit(items.close)
