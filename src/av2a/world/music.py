"""Draws the world's musical instruments. Each function fills about ±1 of the pen's coordinates, at any time in seconds."""

from math import pi, sin

from av2a.world.beings import beat
from av2a.world.pen import Colour, Look, Pen, blend, shade

INK = (40, 34, 34)
WHITE = (248, 246, 238)
IVORY = (244, 238, 220)
BRASS = (228, 182, 70)
WOODS = ((196, 130, 64), (150, 84, 44), (222, 170, 96), (110, 58, 36), (172, 66, 40))
PAINTS = ((200, 52, 50), (44, 96, 160), (40, 120, 90), (232, 190, 70), (96, 60, 130), (60, 60, 68))


def guitar(pen: Pen, look: Look, seconds: float) -> None:
    """An acoustic guitar, slanting, with sound hole and trembling strings."""
    wood = look.colour(0, WOODS)
    body = pen.moved(-0.34, 0.36, turn=look.between(1, 0.7, 1.2))
    body.box(-0.07, -1.36, 0.07, -0.3, (84, 54, 38))
    body.box(-0.13, -1.58, 0.13, -1.32, shade(wood, 0.6), round=0.04)
    for k in range(3):
        for side in (-1, 1):
            body.disc(side * 0.17, -1.54 + 0.08 * k, 0.035, WHITE)
    rim = shade(wood, 0.6)
    for grow, tone in ((0.05, rim), (0.0, wood)):
        body.ellipse(0.0, -0.26, 0.36 + grow, 0.32 + grow, tone)
        body.ellipse(0.0, 0.22, 0.5 + grow, 0.44 + grow, tone)
        body.box(-0.3 - grow, -0.2, 0.3 + grow, 0.1, tone)
    body.disc(0.0, -0.08, 0.19, blend(wood, WHITE, 0.4))
    body.disc(0.0, -0.08, 0.15, INK)
    body.box(-0.2, 0.3, 0.2, 0.38, (70, 46, 36))
    tremble = 0.012 * sin(2 * pi * seconds * 7)
    for x in (-0.045, 0.0, 0.045):
        body.line([(x, -1.4), (x + tremble, -0.2), (x, 0.34)], 0.012, IVORY)
    pluck = 0.14 * sin(2 * pi * seconds * look.between(2, 1.5, 3.0))
    if look.chance(3, 0.55):
        hand = look.colour(4, ((246, 206, 176), (186, 128, 88), (110, 74, 52)))
        body.limb((0.7, 0.2), (0.2, 0.06 + pluck), 0.26, 0.2, hand)


def _bowed_body(pen: Pen, wood: Colour) -> None:
    pen.box(-0.05, -1.3, 0.05, -0.3, INK)
    pen.disc(0.0, -1.36, 0.1, shade(wood, 0.6))
    for side in (-1, 1):
        for y in (-1.24, -1.14):
            pen.line([(0.0, y), (side * 0.15, y)], 0.05, INK)
    for grow, tone in ((0.05, shade(wood, 0.55)), (0.0, wood)):
        pen.ellipse(0.0, -0.36, 0.32 + grow, 0.3 + grow, tone)
        pen.ellipse(0.0, 0.3, 0.42 + grow, 0.38 + grow, tone)
        pen.box(-0.22 - grow, -0.36, 0.22 + grow, 0.3, tone)
    for side in (-1, 1):
        pen.curve((side * 0.16, -0.16), (side * 0.1, 0.0), (side * 0.2, 0.18), 0.04, INK)
    pen.box(-0.045, -0.6, 0.045, -0.06, INK)
    pen.box(-0.15, 0.06, 0.15, 0.11, (230, 200, 150))
    pen.polygon([(-0.05, 0.3), (0.05, 0.3), (0.1, 0.56), (-0.1, 0.56)], INK)
    for x in (-0.025, 0.025):
        pen.line([(x, -1.2), (x, 0.4)], 0.012, WHITE)


def _bow(pen: Pen, length: float, shift: float) -> None:
    pen.line([(-length + shift, 0.0), (length + shift, 0.0)], 0.035, WHITE)
    pen.line(
        [(-length + shift, 0.0), (0.0 + shift, -0.12), (length + shift, -0.08), (length + shift, 0.04)],
        0.045,
        (96, 52, 34),
    )
    pen.box(length - 0.1 + shift, -0.1, length + 0.06 + shift, 0.04, INK)


def violin(pen: Pen, look: Look, seconds: float) -> None:
    """A violin held aslant, the bow going to and fro across it; often with its player."""
    wood = look.colour(0, WOODS)
    stroke = 0.36 * sin(2 * pi * seconds * look.between(1, 0.6, 1.6))
    if look.chance(2, 0.4):
        skin, shirt = look.colour(3, ((246, 206, 176), (186, 128, 88), (110, 74, 52))), look.colour(4, PAINTS)
        pen.box(-1.0, 0.3, 0.3, 1.0, shirt, round=0.26)
        pen.disc(-0.44, -0.26, 0.46, shade(skin, 0.96))
        pen.polygon(
            [(-0.92, -0.22), (-0.86, -0.62), (-0.44, -0.8), (-0.02, -0.62), (0.0, -0.34), (-0.5, -0.46)], (70, 46, 34)
        )
        for x in (-0.5, -0.2):
            pen.disc(x, -0.24, 0.045, INK)
        body = pen.moved(0.06, 0.34, size=0.72, turn=1.2)
    else:
        body = pen.moved(-0.3, 0.26, size=0.96, turn=0.86)
    _bowed_body(body, wood)
    _bow(body.moved(0.0, -0.04, turn=0.1), 0.95, stroke)


def cello(pen: Pen, look: Look, seconds: float) -> None:
    """A cello standing on its spike before a chair or a player, the bow across its waist."""
    wood = look.colour(0, WOODS)
    stroke = 0.26 * sin(2 * pi * seconds * look.between(1, 0.3, 0.9))
    if look.chance(2, 0.55):
        skin, coat = look.colour(3, ((246, 206, 176), (186, 128, 88), (110, 74, 52))), look.colour(4, PAINTS)
        pen.limb((-0.34, 0.3), (-0.62, 0.96), 0.26, 0.2, shade(coat, 0.6))
        pen.limb((0.3, 0.3), (0.58, 0.96), 0.26, 0.2, shade(coat, 0.6))
        pen.limb((0.0, 0.3), (-0.04, -0.32), 0.56, 0.5, coat)
        pen.disc(-0.1, -0.72, 0.25, skin)
        pen.ellipse(-0.14, -0.84, 0.27, 0.16, (60, 40, 32))
        pen.disc(0.0, -0.7, 0.03, INK)
        pen.limb((0.26, -0.3), (0.7, 0.1), 0.16, 0.13, shade(coat, 0.86))
    body = pen.moved(0.08, 0.24, size=0.84, turn=-0.12)
    body.line([(0.0, 0.6), (0.0, 0.9)], 0.04, (120, 120, 126))
    _bowed_body(body, wood)
    _bow(body.moved(0.1, -0.04, turn=0.06), 0.78, stroke)


def piano(pen: Pen, look: Look, seconds: float) -> None:
    """A piano, upright or grand, keys going down."""
    case = look.colour(0, (INK, (110, 62, 40), (84, 46, 34), (232, 228, 220)))
    if look.chance(1, 0.5):
        pen.box(-0.98, -0.84, 0.98, 0.9, case)
        pen.box(-1.04, -0.92, 1.04, -0.8, shade(case, 1.25))
        pen.box(-0.8, -0.66, 0.8, -0.1, shade(case, 0.75))
        pen.box(-0.36, -0.5, 0.36, -0.12, WHITE)
        for k in range(3):
            pen.line([(-0.3, -0.42 + 0.1 * k), (0.3, -0.42 + 0.1 * k)], 0.02, (120, 120, 120))
        _keys(pen.moved(0.0, 0.1), look, seconds, wide=0.98, high=0.26)
        pen.box(-1.02, 0.34, 1.02, 0.44, shade(case, 1.2))
        for x in (-0.92, 0.78):
            pen.box(x, 0.44, x + 0.14, 0.98, shade(case, 1.1))
    else:
        for x in (-0.8, 0.0, 0.84):
            pen.line([(x, 0.4), (x, 0.95)], 0.1, shade(case, 0.8))
        pen.polygon([(-0.5, -0.06), (-0.4, -0.94), (0.5, -0.86), (1.0, -0.36), (1.0, -0.1)], shade(case, 0.8))
        pen.line([(0.3, 0.1), (0.16, -0.5)], 0.05, BRASS)
        pen.polygon([(-1.0, 0.0), (-0.5, -0.1), (1.02, -0.1), (1.02, 0.42), (-1.0, 0.44)], case)
        _keys(pen.moved(-0.38, 0.06), look, seconds, wide=0.62, high=0.24)


def _keys(pen: Pen, look: Look, seconds: float, *, wide: float, high: float) -> None:
    pen.box(-wide, 0.0, wide, high, IVORY)
    step = 2 * wide / 14
    played = int(seconds * look.between(2, 2.0, 5.0))
    for k in range(14):
        x = -wide + step * k
        if (played * 5 + k * 3) % 11 == 0:
            pen.box(x, 0.0, x + step, high, (250, 206, 90))
        pen.line([(x, 0.0), (x, high)], 0.02, (110, 104, 100))
        if k % 7 not in (0, 3):
            pen.box(x - step * 0.3, 0.0, x + step * 0.3, high * 0.6, INK)


def drum(pen: Pen, look: Look, seconds: float) -> None:
    """A drum with two sticks, or a small kit with cymbals."""
    shell = look.colour(0, PAINTS)
    rate = look.between(1, 1.2, 2.2)
    if look.chance(2, 0.45):
        for x, turn in ((-0.82, 0.2), (0.82, -0.2)):
            pen.line([(x, -0.5), (x * 0.9, 0.94)], 0.04, (150, 150, 156))
            pen.ellipse(x, -0.54, 0.34, 0.07, BRASS, turn=turn + 0.12 * sin(2 * pi * seconds * rate))
        for x in (-0.36, 0.36):
            _drum_can(pen.moved(x, -0.28, size=0.36), shade(shell, 1.1))
        pen.disc(0.0, 0.4, 0.56, shade(shell, 0.7))
        pen.disc(0.0, 0.4, 0.47, WHITE)
        pen.disc(0.0, 0.4, 0.18 + 0.05 * beat(seconds, rate), shell)
    else:
        _drum_can(pen.moved(0.0, 0.3, size=0.84), shell)
    for side in (-1, 1):
        lift = max(0.0, sin(2 * pi * (seconds * rate + 0.25 * side)))
        pen.limb((side * 0.9, -0.9), (side * 0.14, -0.2 - 0.44 * lift), 0.08, 0.06, (222, 186, 130))
        pen.disc(side * 0.14, -0.2 - 0.44 * lift, 0.06, (222, 186, 130))


def _drum_can(pen: Pen, shell: Colour) -> None:
    pen.ellipse(0.0, 0.62, 0.9, 0.24, shade(shell, 0.8))
    pen.box(-0.9, -0.4, 0.9, 0.62, shell)
    for k in range(5):
        x = -0.9 + 0.45 * k
        pen.line([(x, -0.36), (x + 0.2, 0.14), (x, 0.64)], 0.05, IVORY)
    pen.ellipse(0.0, -0.4, 0.94, 0.28, shade(shell, 0.6))
    pen.ellipse(0.0, -0.42, 0.86, 0.23, WHITE)


def accordion(pen: Pen, look: Look, seconds: float) -> None:
    """An accordion: pleated bellows going in and out between keys and buttons."""
    paint = look.colour(0, PAINTS)
    pull = 0.3 + 0.26 * sin(2 * pi * seconds * look.between(1, 0.3, 0.7))
    folds = 8
    for k in range(folds):
        x0, x1 = -pull + 2 * pull * k / folds, -pull + 2 * pull * (k + 1) / folds
        middle, droop = (x0 + x1) / 2, 0.06 * sin(pi * (k + 0.5) / folds)
        tone = IVORY if k % 2 else shade(paint, 0.66)
        pen.polygon(
            [(x0, -0.62 + droop), (middle, -0.7 + droop), (x1, -0.62 + droop), (x1, 0.62 + droop), (x0, 0.62 + droop)],
            tone,
        )
    right, left = pen.moved(pull, 0.0, turn=0.06), pen.moved(-pull, 0.0, turn=-0.06)
    right.box(0.0, -0.76, 0.4, 0.76, paint, round=0.08)
    right.box(0.38, -0.76, 0.62, 0.76, IVORY)
    for k in range(9):
        right.line([(0.38, -0.68 + 0.17 * k), (0.62, -0.68 + 0.17 * k)], 0.02, INK)
        if k % 4 != 3:
            right.box(0.38, -0.72 + 0.17 * k, 0.5, -0.64 + 0.17 * k, INK)
    left.box(-0.46, -0.74, 0.0, 0.74, paint, round=0.08)
    for k in range(10):
        left.disc(-0.34 + 0.18 * (k % 2), -0.54 + 0.27 * (k // 2), 0.06, WHITE)
    right.box(0.1, -0.5, 0.24, 0.5, shade(paint, 1.35), round=0.05)


def trumpet(pen: Pen, look: Look, seconds: float) -> None:
    """A trumpet: bell, three valves, a loop of tube."""
    metal = look.colour(0, (BRASS, (206, 150, 60), (200, 204, 210)))
    lift = 0.05 * sin(2 * pi * seconds * look.between(1, 0.5, 1.2))
    horn = pen.moved(0.0, 0.0, turn=lift - 0.06)
    dark = shade(metal, 0.72)
    horn.line([(-0.96, -0.2), (0.4, -0.2)], 0.1, metal, capped=True)
    horn.line([(-0.52, 0.02), (-0.58, 0.3), (-0.36, 0.4), (0.34, 0.4), (0.52, 0.2), (0.34, 0.0)], 0.1, dark)
    horn.polygon([(0.3, -0.26), (0.7, -0.32), (1.0, -0.62), (1.0, 0.22), (0.7, -0.08), (0.3, -0.14)], metal)
    horn.ellipse(1.0, -0.2, 0.09, 0.42, shade(metal, 1.2))
    horn.ellipse(1.01, -0.2, 0.05, 0.32, dark)
    for k in range(3):
        x = -0.26 + 0.22 * k
        down = 0.08 * ((int(seconds * 4) + k * 2) % 3 == 0)
        horn.line([(x, -0.44 + down), (x, -0.3)], 0.05, (230, 230, 230))
        horn.box(x - 0.08, -0.34, x + 0.08, 0.46, shade(metal, 0.88), round=0.03)
        horn.ellipse(x, -0.46 + down, 0.08, 0.04, WHITE)
    horn.ellipse(-0.98, -0.2, 0.06, 0.12, shade(metal, 0.9))
