"""The sound of one clip, each stretch embedded once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from av2a import media
from av2a.backbones.base import AudioEncoder, SlicedAudioEncoder, Sound, Span
from av2a.errors import InvalidSetting
from av2a.features import sampling as segments
from av2a.features.batching import Asked, Batches, Row
from av2a.features.frames import Told
from av2a.features.prefetch import ahead
from av2a.types import Clip

DECODED_AHEAD = 4
"""Stretches that wait while the encoder computes."""

KEPT_SECONDS = 60.0
"""The sound of a clip no longer than this is kept and decoded once; longer clips are decoded again for their candidates."""

OVERHANG_SECONDS = 0.5
"""Sound this much longer than an encoder takes still goes to it whole: files of "ten seconds" carry some hundredths more."""

BLOCK_SECONDS = 60.0
MARGIN_SECONDS = 1.0
"""Slices are asked for a block of sound at a time, with so much sound around it."""


@dataclass(eq=False)
class Sounds:
    """What was listened to, and its rows."""

    clip: Clip
    encoder: AudioEncoder
    batches: Batches
    silence_dbfs: float | None
    warn: Callable[[str], None]
    parts: Asked[Span] = field(default_factory=Asked)
    _slices_of: dict[Span, Row | None] = field(default_factory=dict)
    _kept: list[tuple[int, Sound]] | None = None

    def listen(self, stretches_seconds: Iterable[Span], told: Told | None = None) -> None:
        """Decode and ask for these stretches, those not yet known; long ones in parts that the encoder takes whole."""
        asked = sorted({part for each in stretches_seconds for part in self._parts(each)} - self.parts.rows.keys())
        with ahead(self._heard(asked), DECODED_AHEAD) as heard:
            for done, (part, sound) in enumerate(zip(asked, heard, strict=True), start=1):
                self.parts.rows[part] = None
                if sound is not None and not self._silent(sound):
                    self.parts.ask(part, sound, self.batches.sounds)
                if told is not None:
                    told(done, len(asked))

    @property
    def is_answered(self) -> bool:
        """Whether every row that was asked for is there.

        Raises what the encoder raised where one will never be.
        """
        self.parts.check()
        return not self.parts.waiting

    def row(self, stretch_seconds: Span) -> Float[np.ndarray, " feature"] | None:
        """The row of a stretch that was listened to, the mean of its parts'; None where there was no sound."""
        rows = [row for part in self._parts(stretch_seconds) if (row := self.parts.rows[part]) is not None]
        return np.mean(rows, axis=0) if len(rows) > 1 else rows[0] if rows else None

    def listen_in_slices(self, spans_seconds: Sequence[Span], told: Told | None = None) -> None:
        """Ask for these spans, sorted and side by side, as parts of passes over longer stretches of sound.

        Raises:
            InvalidSetting: the encoder cannot tell the moments of a sound apart.
        """
        encoder = self.encoder
        if not isinstance(encoder, SlicedAudioEncoder):
            raise InvalidSetting(
                f"segment_sound = slices: {encoder.name} does not tell the moments of a sound apart; set segment_sound = windows"
            )
        if self.clip.audio is None:
            self._slices_of.update(dict.fromkeys(spans_seconds))
            return
        blocks = [*_blocks(spans_seconds, self.encoder.longest_seconds + OVERHANG_SECONDS)]
        stretches = [(max(0.0, block[0][0] - MARGIN_SECONDS), block[-1][1] + MARGIN_SECONDS) for block in blocks]
        if len(blocks) == 1:
            stretches = [(blocks[0][0][0], blocks[0][-1][1])]
        present: list[tuple[int, int]] = []
        done = 0
        with ahead(self._unbroken(stretches, present), 1) as sounds:
            for block, (start, _), sound in zip(blocks, stretches, sounds, strict=True):
                self._ask_slices(encoder, block, start, sound, present)
                done += len(block)
                if told is not None:
                    told(done, len(spans_seconds))

    def slice_row(self, span_seconds: Span) -> Float[np.ndarray, " feature"] | None:
        """The row of a span that was listened to in slices; None where there was no sound."""
        return self._slices_of[span_seconds]

    def _ask_slices(
        self,
        encoder: SlicedAudioEncoder,
        spans: Sequence[Span],
        start_seconds: float,
        sound: Sound,
        present: Sequence[tuple[int, int]],
    ) -> None:
        audible = [span for span in spans if self._audible(span, start_seconds, sound, present)]
        self._slices_of.update(dict.fromkeys(spans))
        if not audible:
            return
        longest = self.encoder.longest_seconds
        beyond = len(sound) / self.encoder.sample_rate_hz - longest
        # A little over what one pass takes is not worth a second one.
        if 0 < beyond <= OVERHANG_SECONDS and audible[-1][0] - start_seconds <= longest - encoder.slice_seconds:
            sound = sound[: int(longest * self.encoder.sample_rate_hz)]
        rows = encoder.embed_spans(sound, [(first - start_seconds, last - start_seconds) for first, last in audible])
        self._slices_of.update(zip(audible, rows, strict=True))

    def _audible(self, span: Span, start_seconds: float, sound: Sound, present: Sequence[tuple[int, int]]) -> bool:
        rate = self.encoder.sample_rate_hz
        first, last = int(span[0] * rate), int(span[1] * rate)
        there = sum(max(0, min(last, stop) - max(first, start)) for start, stop in present)
        begin = int(start_seconds * rate)
        return there >= max(0.5 * (last - first), 1) and not self._silent(sound[first - begin : last - begin])

    def _parts(self, stretch: Span) -> list[Span]:
        start, stop = stretch
        count = max(1, int(np.ceil((stop - start - OVERHANG_SECONDS) / self.encoder.longest_seconds)))
        if count == 1:
            return [stretch]
        # Equal parts, so that no part is a short rest.
        edges = np.linspace(start, stop, count + 1).tolist()
        return list(pairwise(edges))

    def _heard(self, asked: Sequence[Span]) -> Iterable[Sound | None]:
        if self.clip.audio is None or not asked:
            return [None] * len(asked)
        return segments.cut_sounds(self._decoded(asked), self._samples(asked))

    def _unbroken(self, stretches: Sequence[Span], present: list[tuple[int, int]]) -> Iterator[Sound]:
        """The sound of each stretch, silent where there is none; where there is some is noted in ``present``."""
        samples = self._samples(stretches)
        whole = _without_gaps(
            self._decoded(stretches),
            samples[0][0],
            max(last for _, last in samples),
            self.encoder.sample_rate_hz,
            present,
        )
        for sound in segments.cut_sounds(whole, samples):
            assert sound is not None
            yield sound

    def _samples(self, stretches: Sequence[Span]) -> list[tuple[int, int]]:
        rate = self.encoder.sample_rate_hz
        return [(int(start * rate), int(stop * rate)) for start, stop in stretches]

    def _decoded(self, asked: Sequence[Span]) -> Iterator[tuple[int, Sound]]:
        if self.clip.duration_seconds > KEPT_SECONDS:
            yield from self._decoded_anew(asked[0][0], max(stop for _, stop in asked))
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
            warn=self.warn,
        )
        return ((block.start_sample, block.samples) for block in blocks)

    def _silent(self, sound: Sound) -> bool:
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
    place = first
    for start, samples in blocks:
        yield from _silence(place, start, most)
        if start + len(samples) > first:
            place = start + len(samples)
            if present and present[-1][1] == start:
                present[-1] = (present[-1][0], place)
            else:
                present.append((start, place))
            yield start, samples
    yield from _silence(place, last, most)


def _silence(start: int, stop: int, most: int) -> Iterator[tuple[int, Sound]]:
    for begin in range(start, stop, most):
        yield begin, np.zeros(min(most, stop - begin), np.float32)
