"""Draws flat shapes with a position, size, tilt and mirroring; random traits of individuals."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import cos, hypot, pi, sin

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, ...]
"""RGB or RGBA, 0 to 255."""
Point = tuple[float, float]

_CIRCLE = tuple((cos(2 * pi * k / 24), sin(2 * pi * k / 24)) for k in range(24))
_SMALL_CIRCLE = _CIRCLE[::3]
_SMALL_PIXELS = 5.0


@dataclass(frozen=True)
class Look:
    """The traits of one individual: numbers in [0, 1) that decide shape, colour and speed."""

    traits: tuple[float, ...]

    def between(self, trait: int, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.traits[trait]

    def chance(self, trait: int, probability: float) -> bool:
        """True for a fraction ``probability`` of the individuals."""
        return self.traits[trait] < probability

    def colour(self, trait: int, palette: Sequence[Colour]) -> Colour:
        """One colour of the palette, made a little lighter or darker."""
        position = self.traits[trait] * len(palette)
        return shade(palette[int(position)], 0.86 + 0.28 * (position % 1))


@lru_cache(maxsize=512)
def look_of(seed: int) -> Look:
    """The individual of that seed."""
    return Look(tuple(np.random.default_rng(seed).random(10).tolist()))


def shade(colour: Colour, gain: float) -> Colour:
    """The colour made darker (gain below 1) or lighter (above), its opacity kept."""
    return (*(min(255, int(part * gain)) for part in colour[:3]), *colour[3:])


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """The colour at the fraction ``share`` of the way from one to the other."""
    return tuple(int(a + (b - a) * share) for a, b in zip(one[:3], other[:3], strict=True))


class Pen:
    """Draws on an image; shapes are given in the object's own coordinates: x right, y down, roughly within ±1."""

    def __init__(
        self, draw: ImageDraw.ImageDraw, x: float, y: float, size: float, *, turn: float = 0.0, mirrored: bool = False
    ) -> None:
        """One unit becomes ``size`` pixels, the origin (x, y); ``turn`` in radians, clockwise."""
        flip = -1.0 if mirrored else 1.0
        self._draw = draw
        self._matrix = (size * cos(turn) * flip, -size * sin(turn), x, size * sin(turn) * flip, size * cos(turn), y)
        self.pixels = size

    def moved(self, x: float, y: float, *, size: float = 1.0, turn: float = 0.0) -> "Pen":
        """A pen whose origin lies at (x, y) of this one, for a part that is drawn in its own coordinates."""
        a, b, _, d, e, _ = self._matrix
        (origin,) = self._placed([(x, y)])
        c, s = size * cos(turn), size * sin(turn)
        part = Pen(self._draw, *origin, self.pixels * size)
        part._matrix = (a * c + b * s, b * c - a * s, origin[0], d * c + e * s, e * c - d * s, origin[1])
        return part

    def _placed(self, points: Sequence[Point]) -> list[Point]:
        a, b, c, d, e, f = self._matrix
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon(self._placed(points), fill=colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, turn: float = 0.0) -> None:
        """A filled ellipse around (x, y), turned clockwise by ``turn`` radians."""
        circle = _SMALL_CIRCLE if max(rx, ry) * self.pixels < _SMALL_PIXELS else _CIRCLE
        c, s = cos(turn), sin(turn)
        self.polygon([(x + rx * u * c - ry * v * s, y + rx * u * s + ry * v * c) for u, v in circle], colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        self.ellipse(x, y, radius, radius, colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """A circle's outline, ``width`` thick."""
        self.line([(x + radius * u, y + radius * v) for u, v in (*_CIRCLE, _CIRCLE[0])], width, colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour, *, round: float = 0.0) -> None:
        """A filled rectangle whose corners are cut by ``round``."""
        if round == 0:
            self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)
            return
        r, q = round, round * 0.3
        self.polygon(
            [
                (left + r, top), (right - r, top), (right - q, top + q), (right, top + r),
                (right, bottom - r), (right - q, bottom - q), (right - r, bottom), (left + r, bottom),
                (left + q, bottom - q), (left, bottom - r), (left, top + r), (left + q, top + q),
            ],
            colour,
        )  # fmt: skip

    def line(self, points: Sequence[Point], width: float, colour: Colour, *, capped: bool = False) -> None:
        """A line through the points, never thinner than a pixel; ``capped`` rounds its two ends."""
        pixels = max(1, int(width * self.pixels + 0.5))
        self._draw.line(self._placed(points), fill=colour, width=pixels, joint="curve" if pixels > 3 else None)
        if capped:
            for x, y in (points[0], points[-1]):
                self.disc(x, y, width / 2, colour)

    def curve(self, start: Point, bend: Point, end: Point, width: float, colour: Colour) -> None:
        """A quadratic Bézier curve with rounded ends."""
        self.line(bezier(start, bend, end), width, colour, capped=True)

    def limb(self, start: Point, end: Point, thick: float, thin: float, colour: Colour) -> None:
        """A tapering limb, ``thick`` wide at its start and ``thin`` at its end, both ends round."""
        (x0, y0), (x1, y1) = start, end
        length = hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = (y0 - y1) / length / 2, (x1 - x0) / length / 2
        self.polygon(
            [(x0 + nx * thick, y0 + ny * thick), (x0 - nx * thick, y0 - ny * thick),
             (x1 - nx * thin, y1 - ny * thin), (x1 + nx * thin, y1 + ny * thin)],
            colour,
        )  # fmt: skip
        self.disc(x0, y0, thick / 2, colour)
        self.disc(x1, y1, thin / 2, colour)


def bezier(start: Point, bend: Point, end: Point, *, steps: int = 8) -> list[Point]:
    """Points along a quadratic Bézier curve."""
    shares = [k / steps for k in range(steps + 1)]
    return [
        (
            (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * bend[0] + t * t * end[0],
            (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * bend[1] + t * t * end[1],
        )
        for t in shares
    ]
