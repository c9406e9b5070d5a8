"""The pictures of one clip, each decoded and embedded once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from av2a import media
from av2a.backbones.base import Frame, VisualEncoder
from av2a.features.batching import Asked, Batches
from av2a.features.prefetch import ahead
from av2a.types import Clip

DECODED_AHEAD = 4
"""Pictures that wait while the encoder computes."""

OPEN_BYTES = 200_000_000
"""Pictures of clips that are not complete yet take no more memory than this; at least one clip is always open."""

Times = tuple[float, ...]
"""When the pictures of one stretch are looked at, rising; also the stretch's name."""

Told = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""


@dataclass(eq=False)
class Pictures:
    """What was looked at, and its rows. Times that show the same picture share one row."""

    clip: Clip
    encoder: VisualEncoder
    batches: Batches
    blank_contrast: float | None
    warn: Callable[[str], None]
    frames: Asked[float] = field(default_factory=Asked)
    """By the picture's own time."""
    clips: Asked[Times] = field(default_factory=Asked)
    """Of a video encoder."""
    _shown_at: dict[float, float | None] = field(default_factory=dict)  # asked time to the picture's own

    def look(self, times_seconds: Iterable[float], stretches: Iterable[Times] = (), told: Told | None = None) -> None:
        """Decode and ask for the pictures shown at these times and in these stretches, those not yet known, in one pass."""
        times, wanted = set(times_seconds), set(stretches) - {()}
        if self.encoder.clips_are_frames:
            times, wanted = times.union(*wanted), set()
        times -= self._shown_at.keys()
        wanted -= self.clips.rows.keys()
        first, *others = [*passes(wanted, self._most_open(wanted))] or [[]]
        self._pass(times, first, told)
        for more in others:
            self._pass(set(), more, told)

    @property
    def is_answered(self) -> bool:
        """Whether every row that was asked for is there.

        Raises what the encoder raised where one will never be.
        """
        self.frames.check()
        self.clips.check()
        return not self.frames.waiting and not self.clips.waiting

    def rows(self, times_seconds: Iterable[float]) -> Float[np.ndarray, "frame feature"] | None:
        """One row for each picture that was looked at and shows something; None when there is none."""
        shown = [seconds for time in times_seconds if (seconds := self._shown_at[time]) is not None]
        known = [row for seconds in shown if (row := self.frames.rows[seconds]) is not None]
        return np.stack(known) if known else None

    def views(self, stretch: Times) -> Float[np.ndarray, "view feature"] | None:
        """A stretch that was looked at, as the encoder embeds clips; None where nothing is to be seen."""
        if self.encoder.clips_are_frames:
            return self.rows(stretch)
        return self.clips.rows[stretch] if stretch else None

    def _pass(self, times: set[float], stretches: Sequence[Times], told: Told | None) -> None:
        asked = sorted(times.union(*stretches))
        if self.clip.video is None:
            self._shown_at.update(dict.fromkeys(times))
            self.clips.rows.update(dict.fromkeys(stretches))
            return
        open_clips = _OpenClips(stretches)
        with ahead(media.decode_frames(self.clip, asked, warn=self.warn), DECODED_AHEAD) as decoded:
            for done, (time, picture) in enumerate(zip(asked, decoded, strict=True), start=1):
                blank = picture is None or self._blank(picture.pixels)
                if time in times:
                    self._ask_frame(time, picture, blank)
                for stretch, frames in open_clips.closed_by(time, None if picture is None or blank else picture.pixels):
                    self._ask_clip(stretch, frames)
                if told is not None:
                    told(done, len(asked))

    def _ask_frame(self, time: float, picture: media.Picture | None, blank: bool) -> None:
        self._shown_at[time] = None if picture is None else picture.seconds
        if picture is None or picture.seconds in self.frames.rows:
            return
        self.frames.rows[picture.seconds] = None
        if not blank:
            self.frames.ask(picture.seconds, picture.pixels, self.batches.frames)

    def _ask_clip(self, stretch: Times, frames: list[Frame]) -> None:
        self.clips.rows[stretch] = None
        if frames:
            # A video encoder takes a fixed number of frames: where some are missing the others are repeated.
            full = [frames[place * len(frames) // len(stretch)] for place in range(len(stretch))]
            self.clips.ask(stretch, full, self.batches.clips)

    def _blank(self, frame: Frame) -> bool:
        return self.blank_contrast is not None and float(frame[::4, ::4].mean(axis=2).std()) < self.blank_contrast

    def _most_open(self, stretches: set[Times]) -> int:
        if not stretches or self.clip.video is None:
            return 1
        frame_bytes = 3 * self.clip.video.width * self.clip.video.height
        return max(1, OPEN_BYTES // (frame_bytes * max(map(len, stretches))))


class _OpenClips:
    """The pictures of stretches whose last one has not come yet."""

    def __init__(self, stretches: Sequence[Times]) -> None:
        self._left = sorted(stretches, key=lambda stretch: stretch[-1], reverse=True)
        self._uses = Counter(time for stretch in stretches for time in set(stretch))
        self._held: dict[float, Frame | None] = {}

    def closed_by(self, time: float, frame: Frame | None) -> Iterator[tuple[Times, list[Frame]]]:
        """The stretches that end with the picture at ``time``, and what is to be seen in them."""
        if time in self._uses:
            self._held[time] = frame
        while self._left and self._left[-1][-1] <= time:
            stretch = self._left.pop()
            frames = [frame for each in stretch if (frame := self._held[each]) is not None]
            for each in set(stretch):
                self._uses[each] -= 1
                if not self._uses[each]:
                    del self._held[each]
            yield stretch, frames


def passes(stretches: Iterable[Times], most_open: int) -> Iterator[list[Times]]:
    """The stretches in passes over the clip, in each of which at most ``most_open`` overlap anywhere.

    >>> list(passes([(0.0, 4.0), (1.0, 5.0), (6.0, 8.0)], most_open=1))
    [[(0.0, 4.0), (6.0, 8.0)], [(1.0, 5.0)]]
    """
    left = sorted(stretches)
    while left:
        taken: list[Times] = []
        later: list[Times] = []
        ends: list[float] = []
        for stretch in left:
            ends = [end for end in ends if end >= stretch[0]]
            if len(ends) < most_open:
                taken.append(stretch)
                ends.append(stretch[-1])
            else:
                later.append(stretch)
        yield taken
        left = later
