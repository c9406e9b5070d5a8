"""Draws backdrops, and unlabelled objects behind and in front of the labelled ones."""

from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from av2a.world.pen import Colour, Pen, blend, shade
from av2a.world.scene import Backdrop

MARGIN = 40
"""Pixels drawn beyond each side of the frame, for the camera to move over."""

_WALLS = (
    (214, 202, 184),
    (186, 204, 206),
    (222, 196, 178),
    (176, 186, 160),
    (204, 190, 214),
    (236, 230, 220),
    (120, 130, 146),
)
_FLOORS = ((166, 124, 84), (134, 106, 82), (150, 146, 142), (186, 160, 126), (104, 92, 96))
_SKIES = ((150, 204, 240), (190, 216, 232), (240, 200, 160), (206, 212, 218), (120, 170, 220))
_GRASS = ((118, 168, 84), (150, 176, 96), (96, 140, 80), (196, 184, 120), (226, 232, 236))
_THINGS = (
    (200, 80, 70),
    (70, 120, 180),
    (230, 180, 70),
    (110, 160, 110),
    (150, 110, 160),
    (120, 120, 128),
    (236, 226, 210),
)


@lru_cache(maxsize=24)
def backdrop(place: Backdrop, seed: int, width: int, height: int) -> Image.Image:
    """The backdrop without labelled objects, ``MARGIN`` larger on each side than the given size in pixels."""
    rng = np.random.default_rng(seed)
    size = (width + 2 * MARGIN, height + 2 * MARGIN)
    image = Image.new("RGB", size)
    pen = Pen(ImageDraw.Draw(image, "RGBA"), size[0] / 2, size[1] / 2, height / 2)
    _PAINTERS[place](pen, rng)
    return _textured(image, rng)


def foreground(pen: Pen, seed: int) -> None:
    """Unlabelled objects in front: at most two low or narrow ones, so that nothing is completely hidden."""
    rng = np.random.default_rng([seed, 1])
    for _ in range(int(rng.choice(3, p=(0.55, 0.33, 0.12)))):
        kind, x, tone = int(rng.integers(3)), float(rng.uniform(-1.2, 1.2)), _pick(rng, _THINGS)
        if kind == 0:
            for k in range(5):
                pen.disc(x - 0.2 + 0.1 * k, 0.96 - 0.05 * (k % 2), 0.13, shade((84, 130, 76), 0.8 + 0.1 * (k % 3)))
        elif kind == 1:
            pen.box(x - 0.05, -1.3, x + 0.05, 1.3, shade(tone, 0.6))
        else:
            pen.box(-1.6, 0.86, 1.6, 1.3, shade(tone, 0.7))


def _pick(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Colour:
    return shade(palette[int(rng.integers(len(palette)))], float(rng.uniform(0.85, 1.1)))


def _textured(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Uneven light and a little grain, as surfaces have them."""
    width, height = image.size
    coarse = rng.normal(0, rng.uniform(2, 9), (6, 8)).astype(np.float32)
    fine = rng.normal(0, rng.uniform(0, 7), (height // 4, width // 4)).astype(np.float32)
    fine += np.asarray(Image.fromarray(coarse).resize((width // 4, height // 4), Image.Resampling.BILINEAR))
    patches = np.asarray(Image.fromarray(fine).resize((width, height), Image.Resampling.BILINEAR)).astype(np.int16)
    pixels = np.asarray(image) + patches[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def _gradient(pen: Pen, top: Colour, bottom: Colour, start: float, stop: float) -> None:
    steps = 14
    for k in range(steps):
        y0, y1 = (start + (stop - start) * (k + part) / steps for part in (0, 1))
        pen.box(-2.2, y0 - 0.01, 2.2, y1 + 0.01, blend(top, bottom, k / (steps - 1)))


def _scatter(pen: Pen, rng: np.random.Generator, kinds: tuple[str, ...], most: int, y: tuple[float, float]) -> None:
    for _ in range(int(rng.integers(most + 1))):
        part = pen.moved(float(rng.uniform(-1.5, 1.5)), float(rng.uniform(*y)), size=float(rng.uniform(0.12, 0.34)))
        _clutter(part, rng, kinds[int(rng.integers(len(kinds)))])


def _clutter(pen: Pen, rng: np.random.Generator, kind: str) -> None:
    """One object from outside the vocabulary."""
    tone = _pick(rng, _THINGS)
    if kind == "tree":
        pen.box(-0.12, 0.0, 0.12, 1.0, (110, 80, 58))
        green = _pick(rng, _GRASS[:3])
        for x, y in ((-0.36, -0.1), (0.36, -0.1), (0.0, -0.5), (0.0, 0.0)):
            pen.disc(x, y, 0.5, shade(green, 0.84))
    elif kind == "cup":
        pen.ring(0.5, 0.0, 0.26, 0.14, tone)
        pen.polygon([(-0.5, -0.5), (0.5, -0.5), (0.36, 0.6), (-0.36, 0.6)], tone)
    elif kind == "chair":
        pen.box(-0.5, -1.0, -0.36, 1.0, tone)
        pen.box(-0.5, 0.1, 0.5, 0.26, tone)
        pen.box(0.36, 0.2, 0.5, 1.0, shade(tone, 0.8))
        pen.box(-0.46, -0.9, -0.3, -0.4, shade(tone, 0.8))
    elif kind == "lamp":
        pen.box(-0.05, -0.3, 0.05, 1.0, (90, 90, 96))
        pen.polygon([(-0.3, -1.0), (0.3, -1.0), (0.52, -0.3), (-0.52, -0.3)], (250, 226, 160))
    elif kind == "picture":
        pen.box(-0.7, -0.5, 0.7, 0.5, shade(tone, 0.6))
        pen.box(-0.58, -0.38, 0.58, 0.38, blend(tone, (255, 255, 255), 0.5))
        pen.disc(0.2, 0.0, 0.2, tone)
    elif kind == "ball":
        pen.disc(0.0, 0.5, 0.46, tone)
        pen.ellipse(0.0, 0.5, 0.44, 0.12, blend(tone, (255, 255, 255), 0.6), turn=0.4)
    elif kind == "box":
        pen.box(-0.7, -0.2, 0.7, 0.9, (196, 154, 104))
        pen.box(-0.12, -0.2, 0.12, 0.9, (224, 196, 150))
    elif kind == "flower":
        pen.line([(0.0, 1.0), (0.0, 0.0)], 0.1, (90, 140, 80))
        for k in range(5):
            pen.disc(0.3 * cos(1.257 * k), 0.3 * sin(1.257 * k) - 0.1, 0.24, tone)
        pen.disc(0.0, -0.1, 0.2, (250, 220, 110))
    elif kind == "balloon":
        pen.line([(0.0, 0.4), (0.1, 1.2)], 0.04, (120, 120, 120))
        pen.ellipse(0.0, -0.2, 0.5, 0.62, tone)
    else:
        corners = np.sort(rng.uniform(0, 2 * pi, int(rng.integers(3, 7))))
        pen.polygon([(0.8 * cos(angle), 0.8 * sin(angle)) for angle in corners.tolist()], tone)


def _cloud(pen: Pen, rng: np.random.Generator) -> None:
    x, y, size = float(rng.uniform(-1.6, 1.6)), float(rng.uniform(-1.1, -0.4)), float(rng.uniform(0.08, 0.2))
    for k in range(4):
        pen.ellipse(x + size * (k - 1.5), y - size * 0.4 * (k in (1, 2)), size, size * 0.6, (250, 250, 252, 200))


def _meadow(pen: Pen, rng: np.random.Generator) -> None:
    sky, grass, horizon = _pick(rng, _SKIES), _pick(rng, _GRASS), float(rng.uniform(-0.25, 0.35))
    _gradient(pen, sky, blend(sky, (255, 255, 255), 0.5), -1.4, horizon)
    for _ in range(int(rng.integers(4))):
        _cloud(pen, rng)
    for k in range(int(rng.integers(3))):
        pen.ellipse(float(rng.uniform(-1.5, 1.5)), horizon + 0.1, 1.1, 0.36, blend(grass, sky, 0.55 - 0.15 * k))
    _gradient(pen, grass, shade(grass, 0.78), horizon, 1.4)
    _scatter(pen, rng, ("tree", "tree", "shape"), 3, (horizon - 0.2, horizon + 0.1))
    _scatter(pen, rng, ("flower", "ball", "shape"), 3, (0.5, 1.0))


def _street(pen: Pen, rng: np.random.Generator) -> None:
    sky, horizon = _pick(rng, _SKIES), float(rng.uniform(0.1, 0.35))
    _gradient(pen, sky, blend(sky, (255, 255, 255), 0.5), -1.4, horizon)
    left = -2.0
    while left < 2.0:
        wide, top, wall = float(rng.uniform(0.3, 0.75)), float(rng.uniform(-1.2, -0.1)), _pick(rng, _WALLS)
        pen.box(left, top, left + wide, horizon, shade(wall, 0.86))
        for row in range(int((horizon - top) / 0.28)):
            for k in range(int(wide / 0.2)):
                x, y = left + 0.07 + 0.2 * k, top + 0.1 + 0.28 * row
                pen.box(x, y, x + 0.1, y + 0.14, (250, 232, 170) if rng.random() < 0.2 else (110, 126, 142))
        left += wide + float(rng.uniform(0, 0.12))
    pen.box(-2.2, horizon, 2.2, horizon + 0.14, (176, 172, 166))
    pen.box(-2.2, horizon + 0.14, 2.2, 1.4, shade((96, 98, 104), float(rng.uniform(0.8, 1.2))))
    for k in range(9):
        pen.box(-2.0 + 0.5 * k, 0.72, -1.74 + 0.5 * k, 0.76, (230, 226, 210))
    _scatter(pen, rng, ("tree", "lamp", "box", "shape"), 3, (horizon - 0.2, horizon))


def _room(pen: Pen, rng: np.random.Generator) -> None:
    wall, floor, edge = _pick(rng, _WALLS), _pick(rng, _FLOORS), float(rng.uniform(0.3, 0.6))
    _gradient(pen, blend(wall, (255, 255, 255), 0.2), shade(wall, 0.86), -1.4, edge)
    if rng.random() < 0.4:
        for k in range(12):
            pen.box(-2.1 + 0.36 * k, -1.4, -1.98 + 0.36 * k, edge, shade(wall, 0.92))
    if rng.random() < 0.5:
        x, sky = float(rng.uniform(-1.2, 0.7)), _pick(rng, _SKIES)
        pen.box(x, -0.9, x + 0.66, -0.1, (246, 244, 238))
        pen.box(x + 0.06, -0.84, x + 0.3, -0.16, sky)
        pen.box(x + 0.36, -0.84, x + 0.6, -0.16, sky)
    _gradient(pen, floor, shade(floor, 0.75), edge, 1.4)
    pen.box(-2.2, edge - 0.05, 2.2, edge, shade(wall, 0.7))
    if rng.random() < 0.4:
        pen.ellipse(float(rng.uniform(-0.6, 0.6)), 0.95, 1.0, 0.2, _pick(rng, _THINGS))
    _scatter(pen, rng, ("picture", "shape"), 2, (-0.8, -0.3))
    _scatter(pen, rng, ("cup", "chair", "lamp", "box", "flower", "balloon"), 4, (edge - 0.2, 0.8))


def _stage(pen: Pen, rng: np.random.Generator) -> None:
    cloth, boards = shade(_pick(rng, _THINGS), 0.6), _pick(rng, _FLOORS)
    for k in range(16):
        pen.box(-2.0 + 0.25 * k, -1.4, -1.75 + 0.25 * k, 0.6, shade(cloth, 0.8 + 0.14 * (k % 3)))
    _gradient(pen, boards, shade(boards, 0.7), 0.56, 1.4)
    for _ in range(int(rng.integers(3))):
        x = float(rng.uniform(-1.2, 1.2))
        pen.polygon([(x - 0.08, -1.4), (x + 0.08, -1.4), (x + 0.5, 0.8), (x - 0.5, 0.8)], (255, 246, 210, 36))
        pen.ellipse(x, 0.8, 0.5, 0.12, (255, 246, 210, 60))
    _scatter(pen, rng, ("chair", "box", "shape"), 2, (0.4, 0.7))


def _night(pen: Pen, rng: np.random.Generator) -> None:
    sky = _pick(rng, ((24, 30, 62), (16, 22, 40), (46, 34, 72), (20, 44, 70)))
    horizon = float(rng.uniform(0.4, 0.8))
    _gradient(pen, sky, blend(sky, (110, 100, 140), 0.4), -1.4, horizon)
    for x, y in rng.uniform(-1, 1, (int(rng.integers(6, 30)), 2)).tolist():
        pen.disc(1.6 * x, 0.9 * y - 0.3, 0.012, (236, 236, 220))
    if rng.random() < 0.4:
        pen.disc(float(rng.uniform(-1.2, 1.2)), -0.7, 0.16, (244, 240, 214))
    _gradient(pen, shade(blend(sky, (60, 90, 60), 0.5), 0.8), shade(sky, 0.5), horizon, 1.4)
    _scatter(pen, rng, ("tree", "shape"), 3, (horizon - 0.2, horizon))


def _plain(pen: Pen, rng: np.random.Generator) -> None:
    one, other = _pick(rng, (*_WALLS, *_THINGS)), _pick(rng, (*_WALLS, *_FLOORS))
    _gradient(pen, one, blend(one, other, float(rng.uniform(0.2, 1))), -1.4, 1.4)
    kinds = ("shape", "shape", "cup", "balloon", "ball", "picture", "chair", "flower")
    _scatter(pen, rng, kinds, 5, (-0.9, 0.9))


_PAINTERS = {
    Backdrop.MEADOW: _meadow,
    Backdrop.STREET: _street,
    Backdrop.ROOM: _room,
    Backdrop.STAGE: _stage,
    Backdrop.NIGHT: _night,
    Backdrop.PLAIN: _plain,
}
