"""Draws the world's vehicles and tools. Each function fills about ±1 of the pen's coordinates, at any time in seconds."""

from math import cos, pi, sin

from av2a.world.pen import Colour, Look, Pen, blend, shade

INK = (40, 40, 46)
STEEL = (150, 156, 166)
GLASS = (176, 214, 232)
WHITE = (246, 246, 242)
WOOD = (150, 104, 62)
BRASS = (216, 170, 66)
_LIVERIES = ((244, 244, 240), (240, 240, 244), (236, 204, 60), (206, 54, 50))
_SCREENS = ((110, 190, 220), (150, 210, 150), (180, 150, 220), (240, 190, 130))
PAINTS = ((206, 56, 52), (52, 104, 180), (240, 190, 50), (64, 140, 86), (230, 228, 222), (70, 72, 84), (230, 120, 50))


def _wheel(pen: Pen, x: float, y: float, radius: float, seconds: float, *, spokes: int = 5) -> None:
    pen.disc(x, y, radius, INK)
    pen.disc(x, y, radius * 0.58, (190, 194, 200))
    for k in range(spokes):
        angle = 2 * pi * (k / spokes + seconds * 0.9)
        pen.line([(x, y), (x + radius * 0.55 * cos(angle), y + radius * 0.55 * sin(angle))], radius * 0.16, INK)


def car(pen: Pen, look: Look, seconds: float) -> None:
    """A car from the side: saloon, hatchback or estate, with turning wheels."""
    paint = look.colour(0, PAINTS)
    high, back = look.between(1, -0.5, -0.36), look.between(2, -0.86, -0.5)
    bounce = 0.02 * sin(2 * pi * seconds * 3)
    body = pen.moved(0.0, bounce)
    body.polygon([(back, 0.02), (back + 0.16, high), (0.3, high), (0.58, 0.02)], paint)
    body.polygon([(back + 0.12, 0.0), (back + 0.24, high + 0.1), (-0.12, high + 0.1), (-0.12, 0.0)], GLASS)
    body.polygon([(-0.04, 0.0), (-0.04, high + 0.1), (0.26, high + 0.1), (0.46, 0.0)], GLASS)
    body.box(-0.98, -0.02, 0.98, 0.42, paint, round=0.14)
    body.box(-0.98, 0.26, 0.98, 0.36, shade(paint, 0.7))
    body.line([(-0.08, 0.02), (-0.08, 0.36)], 0.02, shade(paint, 0.6))
    body.box(-0.02, 0.08, 0.1, 0.12, shade(paint, 0.5))
    body.ellipse(0.92, 0.1, 0.07, 0.07, (255, 240, 170))
    body.ellipse(-0.94, 0.1, 0.05, 0.07, (200, 40, 40))
    for x in (-0.56, 0.58):
        _wheel(pen, x, 0.42, 0.24, seconds)


def bus(pen: Pen, look: Look, seconds: float) -> None:
    """A bus from the side: a long box with a row of windows, one or two decks."""
    paint = look.colour(0, PAINTS)
    top = -0.8 if look.chance(1, 0.3) else -0.46
    body = pen.moved(0.0, 0.015 * sin(2 * pi * seconds * 2.5))
    body.box(-1.1, top, 1.1, 0.5, paint, round=0.1)
    body.box(-1.1, 0.14, 1.1, 0.24, blend(paint, WHITE, 0.6))
    rows = (-0.34,) if top > -0.6 else (-0.7, -0.18)
    for row in rows:
        for k in range(5):
            body.box(-1.0 + 0.34 * k, row, -0.74 + 0.34 * k, row + 0.34, GLASS)
        body.box(0.76, row, 1.1, row + 0.38, shade(GLASS, 0.9))
    body.box(0.46, -0.1, 0.68, 0.46, shade(paint, 0.62))
    body.ellipse(1.06, 0.36, 0.05, 0.06, (255, 240, 170))
    for x in (-0.62, 0.66):
        _wheel(pen, x, 0.52, 0.21, seconds)


def motorcycle(pen: Pen, look: Look, seconds: float) -> None:
    """A motorcycle from the side, mostly with a rider in a helmet."""
    paint = look.colour(0, PAINTS)
    for x in (-0.62, 0.64):
        pen.disc(x, 0.52, 0.36, INK)
        pen.disc(x, 0.52, 0.24, (186, 190, 196))
        _wheel(pen, x, 0.52, 0.2, seconds, spokes=6)
    pen.line([(0.64, 0.52), (0.4, -0.16)], 0.08, STEEL)
    pen.line([(0.42, -0.14), (0.26, -0.26)], 0.07, INK)
    pen.line([(-0.62, 0.52), (0.1, 0.56), (0.4, 0.0)], 0.1, STEEL)
    pen.box(-0.22, 0.2, 0.2, 0.56, (110, 114, 122), round=0.08)
    pen.limb((-0.3, 0.6), (-0.92, 0.56), 0.09, 0.13, (196, 200, 206))
    pen.ellipse(0.14, 0.04, 0.32, 0.19, paint, turn=-0.15)
    pen.limb((-0.1, 0.08), (-0.72, -0.02), 0.2, 0.13, INK)
    pen.disc(0.52, -0.04, 0.11, (255, 240, 180))
    if look.chance(1, 0.75):
        coat = look.colour(2, ((60, 60, 70), (140, 50, 50), (50, 80, 120), (110, 84, 60)))
        pen.limb((-0.26, -0.02), (0.12, 0.34), 0.24, 0.18, shade(coat, 0.7))
        pen.limb((-0.26, -0.04), (-0.02, -0.5), 0.32, 0.3, coat)
        pen.limb((0.0, -0.42), (0.32, -0.22), 0.14, 0.11, shade(coat, 1.2))
        pen.disc(0.08, -0.74, 0.23, look.colour(3, PAINTS))
        pen.box(0.1, -0.82, 0.32, -0.66, INK, round=0.04)


def train(pen: Pen, look: Look, seconds: float) -> None:
    """A train on its rails: a steam engine with smoke, or a modern one."""
    paint = look.colour(0, PAINTS)
    pen.line([(-1.4, 0.86), (1.4, 0.86)], 0.06, (110, 100, 96))
    for k in range(9):
        pen.box(-1.36 + 0.33 * k, 0.88, -1.22 + 0.33 * k, 0.96, (96, 72, 56))
    if look.chance(1, 0.5):
        _steam_engine(pen, look, seconds, paint)
    else:
        _rail_car(pen, look, seconds, paint)


def _steam_engine(pen: Pen, look: Look, seconds: float, paint: Colour) -> None:
    for k in range(3):
        age = (seconds * 0.8 + k / 3) % 1.0
        pen.disc(0.66 - 0.9 * age, -0.62 - 0.3 * age, 0.1 + 0.16 * age, (225, 225, 228, int(230 - 190 * age)))
    pen.box(-1.3, 0.0, -0.72, 0.62, shade(paint, 0.8))
    pen.box(-0.62, -0.58, -0.1, 0.62, paint)
    pen.box(-0.68, -0.66, -0.04, -0.54, INK)
    pen.box(-0.52, -0.44, -0.2, -0.1, GLASS)
    pen.box(-0.1, -0.22, 0.94, 0.4, shade(paint, 0.9), round=0.12)
    for x in (0.2, 0.5):
        pen.box(x, -0.22, x + 0.05, 0.4, BRASS)
    pen.polygon([(0.6, -0.2), (0.56, -0.54), (0.84, -0.54), (0.8, -0.2)], INK)
    pen.disc(0.3, -0.24, 0.11, BRASS)
    pen.polygon([(0.94, 0.5), (1.18, 0.82), (0.7, 0.82)], (90, 90, 98))
    for x, radius in ((-1.14, 0.17), (-0.86, 0.17), (-0.38, 0.26), (0.22, 0.26), (0.7, 0.19)):
        _wheel(pen, x, 0.84 - radius, radius, seconds, spokes=6)


def _rail_car(pen: Pen, look: Look, seconds: float, paint: Colour) -> None:
    pen.box(-1.34, -0.38, -0.52, 0.66, paint)
    pen.polygon([(-0.46, -0.38), (0.66, -0.38), (1.04, 0.0), (1.24, 0.66), (-0.46, 0.66)], paint)
    pen.box(-1.34, 0.28, 1.14, 0.4, blend(paint, WHITE, 0.65))
    for k in range(2):
        pen.box(-1.24 + 0.36 * k, -0.22, -0.96 + 0.36 * k, 0.14, GLASS)
    for k in range(3):
        pen.box(-0.36 + 0.34 * k, -0.22, -0.1 + 0.34 * k, 0.14, GLASS)
    pen.polygon([(0.7, -0.24), (0.98, 0.06), (0.7, 0.06)], shade(GLASS, 0.8))
    pen.line([(-0.2, -0.38), (0.0, -0.62), (0.24, -0.66)], 0.04, INK)
    pen.line([(-1.4, -0.7), (1.4, -0.7)], 0.025, INK)
    pen.disc(1.12, 0.52, 0.06, (255, 244, 190))
    for x in (-1.12, -0.76, -0.2, 0.2, 0.7):
        _wheel(pen, x, 0.71, 0.13, seconds, spokes=4)


def helicopter(pen: Pen, look: Look, seconds: float) -> None:
    """A helicopter from the side: bubble cockpit, tail boom, a rotor in motion."""
    paint = look.colour(0, PAINTS)
    bob = 0.04 * sin(2 * pi * seconds * 0.6)
    hull = pen.moved(0.0, bob)
    hull.polygon([(-0.1, -0.14), (-1.02, -0.12), (-1.02, 0.0), (-0.1, 0.24)], shade(paint, 0.86))
    hull.polygon([(-1.1, -0.4), (-0.9, -0.4), (-0.86, -0.04), (-1.02, 0.02)], paint)
    angle = seconds * 21.0
    hull.line(
        [(-1.0 + 0.2 * cos(angle), -0.2 + 0.2 * sin(angle)), (-1.0 - 0.2 * cos(angle), -0.2 - 0.2 * sin(angle))],
        0.04,
        INK,
    )
    hull.ellipse(0.22, 0.08, 0.5, 0.38, paint)
    hull.polygon([(0.3, -0.26), (0.56, -0.2), (0.72, 0.08), (0.3, 0.1)], GLASS)
    hull.box(-0.06, -0.18, 0.2, 0.1, GLASS, round=0.06)
    for x in (0.06, 0.4):
        hull.line([(x, 0.4), (x, 0.62)], 0.05, INK)
    hull.line([(-0.3, 0.62), (0.7, 0.62), (0.78, 0.54)], 0.06, INK)
    hull.box(0.1, -0.46, 0.26, -0.26, (80, 82, 90))
    reach = 0.35 + 0.65 * abs(cos(seconds * 17.0))
    hull.ellipse(0.18, -0.48, 1.0, 0.07, (120, 124, 130, 90))
    hull.line([(0.18 - reach, -0.48), (0.18 + reach, -0.48)], 0.05, INK)


def ambulance(pen: Pen, look: Look, seconds: float) -> None:
    """An ambulance, or another emergency van: a stripe, a cross, a flashing blue light."""
    paint, stripe = look.colour(0, _LIVERIES), (214, 48, 48)
    if sum(paint) < 600:
        stripe = (44, 108, 76) if paint[1] > 150 else (246, 236, 200)
    roof, nose, band = look.between(2, -0.68, -0.44), look.between(3, 0.82, 1.02), look.between(4, 0.02, 0.2)
    pen.polygon(
        [(-1.0, roof), (0.38, roof), (0.46, -0.38), (0.62, -0.36), (nose, 0.08), (nose, 0.5), (-1.0, 0.5)], paint
    )
    pen.box(-1.0, band, nose, band + 0.13, stripe)
    pen.polygon([(0.46, -0.28), (0.6, -0.26), (nose - 0.12, 0.04), (0.46, 0.04)], GLASS)
    pen.line([(0.4, roof + 0.1), (0.4, 0.48)], 0.025, (150, 150, 150))
    cross = pen.moved(look.between(5, -0.62, -0.2), (roof + band) / 2, size=look.between(6, 0.7, 1.1))
    cross.box(-0.22, -0.07, 0.22, 0.07, stripe)
    cross.box(-0.07, -0.22, 0.07, 0.22, stripe)
    pen.disc(nose - 0.05, 0.36, 0.06, (255, 240, 170))
    lit = (seconds * look.between(1, 1.6, 3.0)) % 1.0 < 0.5
    pen.box(-0.02, roof - 0.14, 0.26, roof, (60, 140, 255) if lit else (40, 60, 120), round=0.05)
    if lit:
        pen.disc(0.12, roof - 0.1, 0.3, (90, 170, 255, 110))
    for x in (-0.58, 0.58):
        _wheel(pen, x, 0.52, 0.22, seconds)


def church_bell(pen: Pen, look: Look, seconds: float) -> None:
    """A bell swinging from a beam."""
    metal = look.colour(0, (BRASS, (176, 120, 60), (110, 140, 120), (140, 140, 150)))
    swing = 0.38 * sin(2 * pi * seconds * look.between(1, 0.45, 0.8))
    for x in (-0.86, 0.86):
        pen.box(x - 0.1, -0.96, x + 0.1, 1.0, (112, 84, 60))
    pen.box(-1.0, -0.98, 1.0, -0.78, (130, 96, 66))
    bell = pen.moved(0.0, -0.82, turn=swing)
    bell.disc(-0.6 * swing, 1.44, 0.15, shade(metal, 0.5))
    bell.box(-0.1, 0.0, 0.1, 0.26, (90, 70, 56))
    outline = [
        (-0.2, 0.2),
        (-0.36, 0.36),
        (-0.42, 0.86),
        (-0.68, 1.34),
        (0.68, 1.34),
        (0.42, 0.86),
        (0.36, 0.36),
        (0.2, 0.2),
    ]
    bell.polygon(outline, metal)
    bell.polygon(
        [(-0.2, 0.34), (-0.28, 0.86), (-0.46, 1.26), (-0.3, 1.26), (-0.16, 0.86), (-0.1, 0.34)], shade(metal, 1.3)
    )
    bell.box(-0.68, 1.26, 0.68, 1.38, shade(metal, 0.72), round=0.05)
    bell.line([(-0.44, 0.88), (0.44, 0.88)], 0.05, shade(metal, 0.72))


def clock(pen: Pen, look: Look, seconds: float) -> None:
    """A clock with moving hands: on the wall, or in a case with a pendulum."""
    rim, face = look.colour(0, (*PAINTS, WOOD)), look.colour(1, (WHITE, (236, 222, 190), (50, 52, 60)))
    hands = INK if sum(face) > 300 else WHITE
    tall = look.chance(2, 0.35)
    dial = pen.moved(0.0, -0.45, size=0.5) if tall else pen.moved(0.0, 0.0, size=0.94)
    if tall:
        pen.box(-0.58, -0.98, 0.58, 1.0, WOOD, round=0.1)
        pen.box(-0.36, 0.12, 0.36, 0.88, shade(WOOD, 0.55))
        rod = pen.moved(0.0, 0.08, turn=0.3 * sin(2 * pi * seconds * 0.9))
        rod.line([(0.0, 0.0), (0.0, 0.6)], 0.04, BRASS)
        rod.disc(0.0, 0.6, 0.12, BRASS)
    dial.disc(0.0, 0.0, 1.0, rim)
    dial.disc(0.0, 0.0, 0.84, face)
    for k in range(12):
        c, s = cos(pi * k / 6), sin(pi * k / 6)
        dial.line([(0.64 * c, 0.64 * s), (0.78 * c, 0.78 * s)], 0.09 if k % 3 == 0 else 0.05, hands)
    tick = int(seconds * 2) / 2
    turns = ((look.traits[3], 0.4, 0.1), (look.traits[4], 0.62, 0.07), (tick / 12, 0.7, 0.035))
    for turn, length, width in turns:
        angle = 2 * pi * turn
        tone = (210, 50, 50) if width < 0.05 else hands
        dial.line([(0.0, 0.0), (length * cos(angle), length * sin(angle))], width, tone)
    dial.disc(0.0, 0.0, 0.09, hands)


def telephone(pen: Pen, look: Look, seconds: float) -> None:
    """A telephone that shakes as it rings: an old one with a dial, or a pocket one."""
    paint = look.colour(0, (INK, (190, 50, 48), (60, 120, 90), (226, 216, 190), (50, 90, 160)))
    ringing = (seconds * look.between(1, 0.7, 1.0)) % 1.0 < 0.75
    shake = 0.1 * sin(2 * pi * seconds * 9) if ringing else 0.0
    if ringing:
        for side in (-1, 1):
            for k in (0, 1):
                x = side * (0.86 + 0.16 * k)
                pen.curve((x, -0.9), (x + side * 0.16, -0.7), (x, -0.5), 0.05, (250, 220, 110))
    phone = pen.moved(0.0, 0.1, turn=shake)
    if look.chance(2, 0.6):
        phone.polygon([(-0.4, -0.3), (0.4, -0.3), (0.82, 0.8), (-0.82, 0.8)], paint)
        phone.disc(0.0, 0.28, 0.36, shade(WHITE, 0.94))
        for k in range(8):
            phone.disc(0.24 * cos(0.7 * k), 0.28 + 0.24 * sin(0.7 * k), 0.06, INK)
        phone.curve((-0.78, -0.3), (0.0, -0.86), (0.78, -0.3), 0.2, shade(paint, 0.84))
        for side in (-1, 1):
            phone.ellipse(side * 0.76, -0.3, 0.22, 0.16, shade(paint, 0.84), turn=side * 0.5)
    else:
        phone.box(-0.46, -0.92, 0.46, 0.86, paint, round=0.14)
        phone.box(-0.38, -0.76, 0.38, 0.7, look.colour(3, _SCREENS) if ringing else (60, 80, 100))
        phone.disc(-0.18, 0.48, 0.12, (220, 60, 60))
        phone.disc(0.18, 0.48, 0.12, (70, 190, 90))
        phone.disc(0.0, -0.32, 0.2, WHITE)
        phone.ellipse(0.0, 0.08, 0.28, 0.14, WHITE)


def chainsaw(pen: Pen, look: Look, seconds: float) -> None:
    """A chainsaw whose blade shivers in a log."""
    paint = look.colour(0, ((236, 120, 40), (210, 50, 46), (240, 200, 60), (70, 130, 80)))
    shiver = 0.02 * sin(2 * pi * seconds * 11)
    if look.chance(1, 0.7):
        pen.disc(0.62, 0.56, 0.4, (112, 80, 54))
        pen.disc(0.62, 0.56, 0.32, (214, 174, 120))
        pen.ring(0.62, 0.56, 0.18, 0.04, (170, 126, 80))
        for k in range(5):
            age = (seconds * 2.2 + k * 0.2) % 1.0
            pen.disc(0.3 - 0.4 * age, 0.3 + 0.6 * age + 0.06 * (k % 3), 0.035, (236, 206, 150))
    saw = pen.moved(-0.1, 0.0, turn=0.22 + shiver)
    saw.box(0.1, -0.12, 1.06, 0.14, STEEL, round=0.1)
    for k in range(9):
        x = 0.16 + 0.1 * ((k + seconds * 8) % 9)
        saw.polygon([(x, 0.14), (x + 0.06, 0.21), (x + 0.08, 0.14)], INK)
        saw.polygon([(1.1 - x + 0.06, -0.12), (1.1 - x, -0.19), (1.1 - x - 0.02, -0.12)], INK)
    saw.line([(-0.5, -0.2), (-0.3, -0.48), (0.1, -0.48), (0.2, -0.14)], 0.1, INK)
    saw.box(-0.62, -0.28, 0.22, 0.34, paint, round=0.12)
    saw.box(-0.46, 0.06, 0.06, 0.14, shade(paint, 0.6))
    saw.line([(-0.58, -0.16), (-0.96, -0.1), (-0.96, 0.22), (-0.6, 0.26)], 0.11, INK)


def hammer(pen: Pen, look: Look, seconds: float) -> None:
    """A hammer swinging down upon a nail in a plank."""
    wood, metal = (
        look.colour(0, (WOOD, (200, 60, 50), (60, 90, 150), (206, 160, 96))),
        look.colour(1, (STEEL, (90, 94, 104))),
    )
    lift = abs(sin(pi * seconds * look.between(2, 1.4, 2.6)))
    pen.box(-1.0, 0.66, 1.0, 0.98, (190, 148, 98))
    pen.line([(-1.0, 0.82), (1.0, 0.8)], 0.03, (160, 118, 74))
    pen.line([(-0.5, 0.4), (-0.5, 0.7)], 0.06, (120, 124, 132))
    pen.box(-0.6, 0.36, -0.4, 0.42, (120, 124, 132))
    tool = pen.moved(0.86, 0.2, turn=0.08 + 0.75 * lift)
    tool.limb((0.0, 0.0), (-1.3, 0.0), 0.2, 0.13, wood)
    tool.limb((0.02, 0.0), (-0.4, 0.0), 0.24, 0.2, shade(wood, 0.66))
    tool.box(-1.52, -0.34, -1.2, 0.16, metal, round=0.06)
    if look.chance(3, 0.6):
        tool.polygon([(-1.5, -0.3), (-1.22, -0.3), (-1.0, -0.62), (-1.16, -0.6)], metal)
    else:
        tool.box(-1.52, -0.5, -1.2, -0.3, shade(metal, 0.8))


def blender(pen: Pen, look: Look, seconds: float) -> None:
    """A kitchen blender: a glass jug whose filling whirls above a motor base."""
    base = look.colour(0, (*PAINTS, STEEL))
    drink = look.colour(1, ((226, 80, 100), (120, 190, 80), (246, 180, 70), (150, 90, 170), (214, 190, 160)))
    pen.line([(0.44, -0.5), (0.74, -0.44), (0.68, 0.14), (0.36, 0.24)], 0.1, (170, 190, 200))
    pen.polygon([(-0.52, -0.72), (0.52, -0.72), (0.36, 0.36), (-0.36, 0.36)], (206, 226, 232))
    level = look.between(2, -0.5, -0.1)
    slope = 0.1 * sin(2 * pi * seconds * 5.0)
    pen.polygon(
        [(-0.46, level + slope), (0.0, level + 0.14), (0.46, level - slope), (0.34, 0.34), (-0.34, 0.34)], drink
    )
    for k in range(6):
        angle = 2 * pi * (k / 6 + seconds * 1.7)
        pen.disc(
            0.26 * cos(angle),
            level + 0.36 + 0.12 * sin(angle) + 0.04 * (k % 2),
            0.06,
            shade(drink, 0.7 + 0.1 * (k % 3)),
        )
    pen.line([(-0.4, -0.6), (-0.3, 0.24)], 0.05, WHITE)
    pen.box(-0.56, -0.86, 0.56, -0.7, INK, round=0.05)
    pen.box(-0.16, -0.98, 0.16, -0.84, INK)
    pen.polygon([(-0.4, 0.36), (0.4, 0.36), (0.6, 0.98), (-0.6, 0.98)], base)
    pen.disc(0.0, 0.7, 0.16, shade(base, 0.6))
    pen.disc(0.05, 0.66, 0.05, WHITE)
