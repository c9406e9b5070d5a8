"""Draws the world's animals and people. Each function fills about ±1 of the pen's coordinates, at any time in seconds."""

from math import pi, sin

from av2a.world.pen import Colour, Look, Pen, blend, shade

INK = (38, 34, 40)
WHITE = (250, 248, 242)
BLUSH = (222, 110, 120)
FURS = ((150, 100, 58), (92, 62, 44), (216, 176, 112), (58, 54, 58), (236, 230, 218), (128, 124, 124), (190, 120, 64))
SKINS = ((246, 206, 176), (226, 172, 132), (186, 128, 88), (140, 92, 62), (98, 64, 46))
HAIRS = ((44, 32, 28), (92, 60, 36), (196, 150, 78), (150, 70, 40), (150, 146, 146), (24, 22, 28))
CLOTHES = ((58, 110, 170), (190, 66, 62), (70, 140, 92), (236, 178, 60), (120, 84, 150), (70, 74, 92), (224, 222, 214))


def beat(seconds: float, rate_hz: float, offset: float = 0.0) -> float:
    """A smooth movement between 0 and 1, ``rate_hz`` times a second."""
    return 0.5 + 0.5 * sin(2 * pi * (rate_hz * seconds + offset))


def _eye(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.disc(x, y, radius, WHITE)
    pen.disc(x + radius * 0.25, y, radius * 0.62, INK)


def _four_legs(pen: Pen, look: Look, colour: Colour, *, left: float, right: float, top: float, width: float) -> None:
    far = shade(colour, 0.72)
    for x, tone in ((left + 0.14, far), (right - 0.14, far), (left, colour), (right, colour)):
        pen.limb((x, top), (x, 0.93), width, width * 0.8, tone)


def dog(pen: Pen, look: Look, seconds: float) -> None:
    """A dog from the side: hanging or pricked ears, wagging tail, a mouth that opens."""
    fur = look.colour(0, FURS)
    dark, light = shade(fur, 0.7), blend(fur, WHITE, 0.45)
    legs_top, long = look.between(1, 0.25, 0.5), look.between(2, 0.46, 0.62)
    open_mouth = beat(seconds, look.between(3, 1.4, 2.6), look.traits[4])
    wag = 0.22 * sin(2 * pi * seconds * look.between(4, 1.5, 3.0))
    pen.curve((-long, 0.08), (-0.85, 0.0), (-0.88 + wag, -0.42), 0.13, fur)
    _four_legs(pen, look, fur, left=-long + 0.05, right=long - 0.2, top=legs_top, width=0.17)
    pen.ellipse(-0.08, 0.18, long + 0.02, look.between(5, 0.24, 0.34), fur)
    pen.ellipse(-0.08, 0.32, long * 0.7, 0.14, light)
    pen.limb((long - 0.22, 0.1), (0.5, -0.35), 0.42, 0.34, fur)
    if look.chance(6, 0.4):
        pen.ellipse(-0.22, 0.06, 0.2, 0.15, dark, turn=0.3)
    pen.line([(0.24, -0.1), (0.56, 0.02)], 0.09, look.colour(7, CLOTHES))
    pen.limb((0.66, -0.12 + 0.06 * open_mouth), (0.88, -0.1 + 0.16 * open_mouth), 0.16, 0.1, light)
    pen.limb((0.7, -0.12), (0.84, -0.08 + 0.14 * open_mouth), 0.09, 0.08, BLUSH)
    pen.ellipse(0.54, -0.4, 0.32, 0.3, fur)
    pen.limb((0.68, -0.3), (0.92, -0.24), 0.3, 0.2, light)
    pen.ellipse(0.98, -0.29, 0.08, 0.07, INK)
    if look.chance(8, 0.6):
        pen.ellipse(0.34, -0.34, 0.14, 0.32, dark, turn=0.2)
    else:
        pen.polygon([(0.22, -0.34), (0.28, -0.94), (0.62, -0.6)], dark)
    _eye(pen, 0.64, -0.46, 0.085)


def cat(pen: Pen, look: Look, seconds: float) -> None:
    """A cat, walking or sitting: pointed ears, whiskers, a long curling tail, often stripes."""
    fur = look.colour(0, FURS)
    dark, light = shade(fur, 0.62), blend(fur, WHITE, 0.5)
    curl = 0.2 * sin(2 * pi * seconds * look.between(1, 0.4, 0.9))
    walking = look.chance(2, 0.5)
    if walking:
        pen.curve((-0.62, 0.15), (-1.05, -0.1), (-0.78 + curl, -0.85), 0.12, fur)
        _four_legs(pen, look, fur, left=-0.55, right=0.28, top=0.35, width=0.13)
        pen.ellipse(-0.14, 0.22, 0.56, 0.24, fur)
        head_x, head_y = 0.5, -0.14
    else:
        pen.curve((-0.2, 0.85), (-0.95, 0.95), (-0.72 + curl, 0.2), 0.13, fur)
        pen.ellipse(0.0, 0.42, 0.46, 0.56, fur)
        pen.ellipse(0.08, 0.5, 0.24, 0.38, light)
        for x in (-0.06, 0.24):
            pen.limb((x, 0.45), (x, 0.9), 0.16, 0.15, shade(fur, 0.94))
        head_x, head_y = 0.05, -0.34
    if look.chance(3, 0.6):
        for k in range(3):
            x = -0.45 + 0.22 * k if walking else -0.36
            y = 0.02 if walking else 0.2 + 0.2 * k
            pen.limb((x, y), (x + (0.03 if walking else 0.2), y + (0.2 if walking else 0.03)), 0.07, 0.03, dark)
    _cat_head(pen.moved(head_x, head_y), look, seconds, fur)


def _cat_head(pen: Pen, look: Look, seconds: float, fur: Colour) -> None:
    light = blend(fur, WHITE, 0.5)
    open_mouth = beat(seconds, look.between(4, 0.8, 1.5), look.traits[5])
    for side in (-1, 1):
        pen.polygon([(side * 0.06, -0.28), (side * 0.38, -0.62), (side * 0.4, -0.06)], fur)
        pen.polygon([(side * 0.16, -0.28), (side * 0.33, -0.5), (side * 0.33, -0.14)], BLUSH)
    pen.ellipse(0.0, 0.0, 0.42, 0.36, fur)
    pen.ellipse(0.0, 0.14, 0.22, 0.16, light)
    iris = look.colour(6, ((120, 190, 90), (230, 190, 60), (100, 170, 210)))
    for side in (-1, 1):
        pen.ellipse(side * 0.17, -0.06, 0.1, 0.11, iris)
        pen.ellipse(side * 0.17, -0.06, 0.035, 0.1, INK)
        for drop in (-0.04, 0.06):
            pen.line([(side * 0.18, 0.12 + drop / 2), (side * 0.56, 0.08 + drop * 2)], 0.02, WHITE)
    pen.ellipse(0.0, 0.2, 0.08, 0.02 + 0.08 * open_mouth, (120, 40, 50))
    pen.polygon([(-0.06, 0.06), (0.06, 0.06), (0.0, 0.13)], BLUSH)


def bird(pen: Pen, look: Look, seconds: float) -> None:
    """A small bird on a twig, its beak opening, or on the wing."""
    body = look.colour(0, ((70, 130, 200), (222, 92, 60), (240, 196, 60), (120, 96, 72), (92, 160, 96), (90, 90, 100)))
    belly = blend(body, WHITE, 0.6)
    beak = beat(seconds, look.between(1, 3.0, 6.0), look.traits[2])
    flying = look.chance(3, 0.3)
    if not flying:
        pen.limb((-1.0, 0.74), (1.0, 0.62), 0.1, 0.06, (104, 76, 54))
        for x in (-0.05, 0.15):
            pen.line([(x, 0.4), (x + 0.03, 0.66)], 0.05, (190, 120, 60))
    pen.polygon([(-0.4, 0.1), (-1.0, 0.3), (-0.92, 0.48), (-0.3, 0.36)], shade(body, 0.75))
    pen.ellipse(0.0, 0.12, 0.54, 0.42, body, turn=-0.3)
    pen.ellipse(0.14, 0.24, 0.34, 0.28, belly, turn=-0.3)
    pen.disc(0.4, -0.3, 0.3, body)
    pen.polygon([(0.64, -0.36), (1.0, -0.36 - 0.12 * beak), (0.68, -0.26)], (240, 160, 50))
    pen.polygon([(0.64, -0.26), (0.94, -0.22 + 0.14 * beak), (0.62, -0.16)], (214, 132, 40))
    _eye(pen, 0.48, -0.36, 0.09)
    lift = 0.7 * sin(2 * pi * seconds * look.between(4, 2.5, 4.0)) if flying else 0.15
    pen.polygon(
        [(0.2, 0.0), (-0.35, -0.1), (-0.62, 0.14 - lift), (-0.3, 0.22 - 0.5 * lift), (0.05, 0.26)], shade(body, 0.8)
    )


def rooster(pen: Pen, look: Look, seconds: float) -> None:
    """A rooster: red comb and wattle, arched tail feathers, yellow legs."""
    body = look.colour(0, ((176, 92, 44), (236, 228, 214), (70, 56, 56), (206, 140, 60)))
    tails = look.colour(1, ((34, 74, 80), (60, 50, 70), (110, 60, 40), (30, 100, 70)))
    crow = beat(seconds, look.between(2, 0.5, 0.9), look.traits[3])
    for k in range(4):
        pen.curve(
            (-0.3, 0.2), (-0.7, -0.7 + 0.2 * k), (-1.0 + 0.06 * k, 0.0 + 0.16 * k), 0.13, shade(tails, 0.8 + 0.15 * k)
        )
    for x in (-0.08, 0.16):
        pen.line([(x, 0.5), (x, 0.88), (x + 0.16, 0.94)], 0.07, (236, 176, 50))
    pen.ellipse(0.0, 0.24, 0.46, 0.36, body, turn=-0.35)
    head_y = -0.5 - 0.14 * crow
    pen.limb((0.24, 0.12), (0.44, head_y + 0.08), 0.44, 0.26, blend(body, (230, 170, 60), 0.5))
    pen.ellipse(-0.06, 0.22, 0.28, 0.2, shade(body, 0.72), turn=-0.5)
    for k in range(3):
        pen.disc(0.3 + 0.13 * k, head_y - 0.2 - 0.05 * (k == 1), 0.1, (214, 44, 44))
    pen.disc(0.46, head_y, 0.19, blend(body, (230, 170, 60), 0.5))
    pen.polygon([(0.6, head_y - 0.1), (0.9, head_y - 0.06 - 0.1 * crow), (0.62, head_y)], (240, 190, 60))
    pen.polygon([(0.6, head_y), (0.84, head_y + 0.05 + 0.08 * crow), (0.6, head_y + 0.1)], (214, 160, 50))
    pen.ellipse(0.56, head_y + 0.24, 0.09, 0.14, (214, 44, 44))
    _eye(pen, 0.5, head_y - 0.04, 0.06)


def cow(pen: Pen, look: Look, seconds: float) -> None:
    """A cow from the side: patches, horns, pink muzzle and udder, a swinging tail."""
    hide = look.colour(0, ((244, 240, 232), (150, 90, 56), (60, 52, 52), (206, 160, 110)))
    patch = look.colour(1, ((44, 40, 44), (120, 72, 44), (244, 238, 228)))
    swing = 0.1 * sin(2 * pi * seconds * look.between(2, 0.5, 1.0))
    nod = 0.05 * sin(2 * pi * seconds * look.between(3, 0.3, 0.7))
    chew = beat(seconds, look.between(4, 0.7, 1.3))
    pen.line([(-0.82, -0.1), (-0.92, 0.2), (-0.9 + swing, 0.5)], 0.06, hide)
    pen.disc(-0.9 + swing, 0.54, 0.08, INK)
    pen.ellipse(-0.38, 0.44, 0.16, 0.14, (240, 170, 170))
    _four_legs(pen, look, hide, left=-0.68, right=0.36, top=0.25, width=0.19)
    pen.box(-0.84, -0.26, 0.5, 0.44, hide, round=0.2)
    pen.ellipse(-0.5, 0.02, 0.24, 0.2, patch, turn=0.4)
    pen.ellipse(0.1, 0.14, 0.22, 0.18, patch, turn=-0.5)
    pen.ellipse(-0.12, -0.18, 0.16, 0.08, patch)
    head = pen.moved(0.6, -0.26 + nod)
    head.limb((-0.2, 0.16), (0.0, 0.0), 0.5, 0.4, hide)
    if look.chance(5, 0.7):
        for side in (-1, 1):
            head.curve((side * 0.14, -0.22), (side * 0.36, -0.3), (side * 0.32, -0.5), 0.08, (232, 222, 190))
    for side in (-1, 1):
        head.ellipse(side * 0.32, -0.14, 0.16, 0.08, patch, turn=side * 0.3)
    head.ellipse(0.0, 0.0, 0.25, 0.34, hide)
    head.ellipse(0.0, 0.3, 0.26, 0.17 + 0.05 * chew, (238, 176, 170))
    head.ellipse(0.0, 0.38 + 0.03 * chew, 0.12, 0.02 + 0.06 * chew, (150, 70, 76))
    for side in (-1, 1):
        head.disc(side * 0.1, 0.25, 0.04, INK)
        _eye(head, side * 0.12, -0.07, 0.065)


def frog(pen: Pen, look: Look, seconds: float) -> None:
    """A sitting frog from the front: eyes on top, a wide mouth, a throat that swells."""
    skin = look.colour(0, ((96, 160, 64), (60, 130, 80), (150, 160, 60), (120, 110, 70), (70, 150, 130)))
    dark, light = shade(skin, 0.74), blend(skin, (250, 246, 190), 0.6)
    throat = beat(seconds, look.between(1, 1.0, 2.4), look.traits[2])
    for side in (-1, 1):
        pen.ellipse(side * 0.68, 0.48, 0.3, 0.38, dark, turn=side * 0.5)
        pen.limb((side * 0.6, 0.82), (side * 0.94, 0.88), 0.14, 0.1, dark)
    pen.ellipse(0.0, 0.38, 0.66, 0.5, skin)
    pen.ellipse(0.0, 0.56, 0.44, 0.34, light)
    for side in (-1, 1):
        pen.limb((side * 0.38, 0.5), (side * 0.42, 0.84), 0.18, 0.16, skin)
        pen.limb((side * 0.34, 0.88), (side * 0.54, 0.88), 0.12, 0.1, skin)
    pen.ellipse(0.0, 0.24, 0.3 + 0.24 * throat, 0.14 + 0.22 * throat, light)
    pen.ellipse(0.0, -0.14, 0.72, 0.4, skin)
    for side in (-1, 1):
        pen.disc(side * 0.42, -0.48, 0.25, skin)
        pen.disc(side * 0.42, -0.5, 0.18, (244, 220, 110))
        pen.ellipse(side * 0.42, -0.5, 0.12, 0.06, INK)
        pen.disc(side * 0.08, -0.2, 0.03, dark)
    pen.line([(-0.58, -0.06), (-0.3, 0.06), (0.0, 0.1), (0.3, 0.06), (0.58, -0.06)], 0.05, shade(skin, 0.45))
    if look.chance(3, 0.5):
        for x, y in ((-0.5, 0.3), (0.52, 0.24), (0.0, -0.38), (-0.2, -0.3)):
            pen.disc(x, y, 0.07, dark)


def man(pen: Pen, look: Look, seconds: float) -> None:
    """A man's head and shoulders: short hair, often beard or glasses, lips that move."""
    skin, hair, shirt = look.colour(0, SKINS), look.colour(1, HAIRS), look.colour(2, CLOTHES)
    sway = 0.03 * sin(2 * pi * seconds * look.between(3, 0.3, 0.6))
    talk = beat(seconds, look.between(4, 2.5, 4.5)) * (0.5 + 0.5 * beat(seconds, 0.7))
    pen.box(-0.86, 0.5, 0.86, 1.0, shirt, round=0.3)
    pen.polygon([(-0.2, 0.5), (0.2, 0.5), (0.0, 0.78)], WHITE)
    if look.chance(5, 0.5):
        pen.polygon([(-0.06, 0.6), (0.06, 0.6), (0.1, 1.0), (-0.1, 1.0)], look.colour(6, CLOTHES))
    pen.limb((sway, 0.1), (0.0, 0.54), 0.34, 0.36, shade(skin, 0.86))
    head = pen.moved(sway, -0.22)
    if not look.chance(7, 0.15):
        head.ellipse(0.0, -0.14, 0.5, 0.52, hair)
    for side in (-1, 1):
        head.ellipse(side * 0.48, 0.06, 0.09, 0.13, shade(skin, 0.9))
    head.box(-0.45, -0.4, 0.45, 0.56, skin, round=0.3)
    if look.chance(8, 0.45):
        head.polygon(
            [(-0.45, 0.14), (-0.3, 0.24), (0.3, 0.24), (0.45, 0.14), (0.42, 0.5), (0.0, 0.66), (-0.42, 0.5)], hair
        )
    _face(head, look, talk, lips=(176, 84, 76))
    if look.chance(9, 0.3):
        for side in (-1, 1):
            head.ring(side * 0.19, 0.0, 0.14, 0.04, INK)


def _face(head: Pen, look: Look, talk: float, *, lips: Colour) -> None:
    brows = look.colour(1, HAIRS)
    for side in (-1, 1):
        _eye(head, side * 0.19, 0.0, 0.075)
        head.line([(side * 0.09, -0.14), (side * 0.29, -0.15)], 0.05, shade(brows, 0.8))
    head.line([(0.0, 0.04), (0.05, 0.17), (-0.03, 0.18)], 0.03, (150, 90, 70))
    head.ellipse(0.0, 0.35, 0.17, 0.045 + 0.1 * talk, lips)
    head.ellipse(0.0, 0.35, 0.12, 0.01 + 0.08 * talk, (84, 26, 34))


def woman(pen: Pen, look: Look, seconds: float) -> None:
    """A woman singing into a microphone: long hair, wide open mouth, swaying."""
    skin, hair, dress = look.colour(0, SKINS), look.colour(1, HAIRS), look.colour(2, CLOTHES)
    sway = 0.07 * sin(2 * pi * seconds * look.between(3, 0.4, 0.8))
    song = 0.35 + 0.65 * beat(seconds, look.between(4, 0.6, 1.2))
    pen.ellipse(sway, -0.06, 0.6, 0.8, hair)
    pen.box(-0.56 + sway, 0.1, 0.56 + sway, 0.76, hair, round=0.2)
    pen.polygon([(-0.72, 1.0), (-0.62, 0.64), (-0.3, 0.52), (0.3, 0.52), (0.62, 0.64), (0.72, 1.0)], dress)
    pen.limb((sway, 0.2), (0.0, 0.54), 0.26, 0.3, shade(skin, 0.86))
    head = pen.moved(sway, -0.2)
    head.ellipse(0.0, 0.04, 0.41, 0.52, skin)
    head.polygon([(-0.46, 0.06), (-0.4, -0.5), (0.36, -0.54), (0.46, 0.06), (0.3, -0.24), (-0.1, -0.3)], hair)
    _face(head, look, song, lips=(206, 48, 70))
    pen.limb((0.72, 0.9), (0.42, 0.52), 0.2, 0.17, skin)
    pen.limb((0.46, 0.6), (0.24, 0.34), 0.09, 0.08, (60, 60, 66))
    pen.disc(0.2, 0.29, 0.12, (120, 120, 130))


def baby(pen: Pen, look: Look, seconds: float) -> None:
    """A baby: a large round head, eyes shut, mouth wide open, tears, small waving fists."""
    skin, suit = (
        look.colour(0, SKINS),
        look.colour(1, ((150, 200, 230), (246, 190, 200), (250, 226, 140), (170, 220, 180))),
    )
    cry = 0.45 + 0.55 * beat(seconds, look.between(2, 0.8, 1.4), look.traits[3])
    wave = 0.14 * sin(2 * pi * seconds * look.between(4, 1.0, 2.0))
    for side in (-1, 1):
        pen.limb((side * 0.36, 0.6), (side * 0.78, 0.34 + side * wave), 0.24, 0.2, suit)
        pen.disc(side * 0.84, 0.28 + side * wave, 0.12, skin)
        pen.limb((side * 0.22, 0.84), (side * 0.46, 0.94), 0.2, 0.14, suit)
    pen.ellipse(0.0, 0.68, 0.44, 0.32, suit)
    for side in (-1, 1):
        pen.disc(side * 0.62, -0.16, 0.12, shade(skin, 0.92))
    pen.ellipse(0.0, -0.24, 0.64, 0.62, skin)
    pen.curve((0.0, -0.82), (0.2, -0.98), (0.14, -0.74), 0.05, look.colour(5, HAIRS))
    for side in (-1, 1):
        pen.line([(side * 0.14, -0.3), (side * 0.26, -0.24), (side * 0.38, -0.32)], 0.05, INK)
        pen.line([(side * 0.12, -0.46), (side * 0.38, -0.5)], 0.04, shade(skin, 0.6))
        pen.disc(side * 0.42, -0.06, 0.1, blend(skin, BLUSH, 0.5))
        drop = (seconds * 1.3 + side * 0.25) % 1.0
        pen.ellipse(side * 0.32, -0.2 + 0.42 * drop, 0.05, 0.08, (120, 190, 240))
    pen.ellipse(0.0, 0.08, 0.2, 0.08 + 0.16 * cry, (150, 40, 50))
    pen.ellipse(0.0, 0.12 + 0.1 * cry, 0.12, 0.06, (236, 120, 130))
