"""Times as frames, for editors that count nothing else.

``[start, stop)`` in frames of the video's own rate, 25 where there is no picture. Halves are rounded up, never to even, and an
event has at least one frame.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from av2a.types import Clip, Event

USUAL_RATE = Fraction(25)

_NTSC = Fraction(1000, 1001)
_NTSC_TOLERANCE = 2e-4


@dataclass(frozen=True)
class Frames:
    """Frames at a rate."""

    rate: Fraction

    @classmethod
    def of(cls, clip: Clip) -> "Frames":
        """The frames of a clip's video. Rates that are written as 23.976, 29.97 or 59.94 are multiples of 1000/1001.

        >>> Frames.at(29.97), Frames.at(25.0), Frames.at(12.5)
        (Frames(rate=Fraction(30000, 1001)), Frames(rate=Fraction(25, 1)), Frames(rate=Fraction(25, 2)))
        """
        return cls.at(clip.video.frame_rate_hz if clip.video else None)

    @classmethod
    def at(cls, rate_hz: float | None) -> "Frames":
        """Frames at a rate that is known as a number only."""
        if not rate_hz or not 0.01 < rate_hz < 1e5:
            return cls(USUAL_RATE)
        ntsc = ceil(rate_hz) * _NTSC
        if abs(rate_hz / float(ntsc) - 1) < _NTSC_TOLERANCE:
            return cls(ntsc)
        return cls(Fraction(rate_hz).limit_denominator(1000))

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"a frame rate must be positive, got {self.rate}")

    def at_or_near(self, seconds: float) -> int:
        """The frame that begins nearest to a time.

        >>> Frames(Fraction(25)).at_or_near(3.46), Frames(Fraction(25)).at_or_near(3.5)
        (87, 88)
        """
        # In whole numbers: floor(t·rate + ½).
        halves, unit = 2 * round(1000 * seconds) * self.rate.numerator, 1000 * self.rate.denominator
        return (halves + unit) // (2 * unit)

    def interval(self, event: Event) -> tuple[int, int]:
        """The event's frames ``[start, stop)``."""
        start = self.at_or_near(event.start_seconds)
        return start, max(start + 1, self.at_or_near(event.stop_seconds))

    def length(self, clip: Clip) -> int:
        """How many frames a clip has, those that a last event needs included."""
        return max(1, ceil(Fraction(clip.duration_seconds) * self.rate), self.at_or_near(clip.duration_seconds))

    def seconds(self, frame: int) -> float:
        """When a frame begins, to the microsecond."""
        return round(frame * self.rate.denominator / self.rate.numerator, 6)

    def timecode(self, frame: int) -> str:
        """Hours, minutes, seconds and frames, without dropping: at 29.97 an hour reads 00:59:56:12.

        >>> Frames(Fraction(30000, 1001)).timecode(107892)
        '00:59:56:12'
        """
        whole, rest = divmod(frame, self._frames_each_second)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{rest:02d}"

    def frame(self, timecode: str) -> int:
        """Undoes :meth:`timecode`.

        Raises:
            ValueError: it is no time code.
        """
        hours, minutes, seconds, frames = map(int, timecode.replace(";", ":").split(":"))
        return ((hours * 60 + minutes) * 60 + seconds) * self._frames_each_second + frames

    @property
    def _frames_each_second(self) -> int:
        return max(1, round(self.rate))
