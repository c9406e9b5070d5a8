"""Draws the world's rain, fire and fireworks. Each function fills about ±1 of the pen's coordinates, at any time in seconds."""

from math import cos, pi, sin

from av2a.world.pen import Look, Pen, blend, shade

LIGHTS = ((255, 90, 90), (255, 210, 90), (110, 220, 255), (170, 255, 140), (240, 140, 255), (255, 250, 230))


def rain(pen: Pen, look: Look, seconds: float) -> None:
    """Slanting streaks from dark clouds over the whole picture, splashes at its foot."""
    slant, speed = look.between(0, -0.25, 0.25), look.between(1, 1.6, 2.8)
    cloud = look.colour(2, ((110, 116, 128), (80, 86, 98), (140, 146, 156)))
    for k in range(7):
        x = -1.3 + 0.43 * k + 0.05 * sin(seconds * 0.7 + k)
        pen.ellipse(x, -0.98 - 0.04 * (k % 2), 0.36, 0.2 + 0.07 * (k * 5 % 3), shade(cloud, 0.9 + 0.08 * (k % 3)))
    length = look.between(3, 0.12, 0.22)
    for k in range(54):
        fall = (k * 0.618 + seconds * speed * (0.8 + 0.4 * ((k * 7) % 10) / 10)) % 1.0
        x, y = -1.5 + 3.0 * ((k * 0.381966) % 1.0) + slant * fall, -0.85 + 1.9 * fall
        # Light and dark streaks in turn, so that rain shows before bright walls and by night.
        streak = (214, 228, 246, 220) if k % 2 else (92, 124, 168, 220)
        pen.line([(x, y), (x + slant * length, y + length)], 0.016, streak)
    for k in range(8):
        age = (seconds * 2.0 + k * 0.37) % 1.0
        x = -1.3 + 2.6 * ((k * 0.618 + int(seconds * 2.0 + k * 0.37) * 0.17) % 1.0)
        pen.ellipse(
            x,
            0.9 - 0.06 * (k % 3),
            0.02 + 0.08 * age,
            0.01 + 0.02 * age,
            (214, 228, 244, int(200 * (1 - age)) + 20),
        )


def fire(pen: Pen, look: Look, seconds: float) -> None:
    """A wood fire: flickering tongues over crossed logs, sparks rising."""
    log = look.colour(0, ((104, 70, 46), (84, 58, 44), (128, 90, 60)))
    pen.disc(0.0, 0.1, 0.92, (255, 170, 60, 46))
    for layer, (wide, tall, colour) in enumerate(
        ((0.66, 1.5, (226, 76, 36)), (0.46, 1.08, (248, 150, 44)), (0.26, 0.66, (255, 226, 120)))
    ):
        points = [(-wide, 0.62)]
        for k in range(7):
            x = -wide + wide * (k + 0.5) * 2 / 7
            flicker = 0.5 + 0.5 * sin(seconds * (7 + 2.3 * k) + 2.1 * k + 10 * look.traits[1] + layer)
            reach = tall * (1 - (x / wide) ** 2 * 0.75) * (0.72 + 0.28 * flicker)
            points += [(x + 0.05 * sin(seconds * 5 + k), 0.62 - reach), (x + wide / 7, 0.62 - 0.55 * reach)]
        pen.polygon([*points, (wide, 0.62)], colour)
    for k in range(5):
        age = (seconds * (0.7 + 0.1 * k) + k * 0.23) % 1.0
        pen.disc(0.4 * sin(9 * k + 3 * age), 0.2 - 1.2 * age, 0.035 * (1.2 - age), (255, 200, 90))
    pen.limb((-0.8, 0.88), (0.7, 0.6), 0.22, 0.2, log)
    pen.limb((0.8, 0.88), (-0.7, 0.6), 0.22, 0.2, shade(log, 0.8))
    for x in (-0.8, 0.8):
        pen.disc(x, 0.88, 0.1, blend(log, (230, 190, 130), 0.6))
    if look.chance(2, 0.5):
        for k in range(7):
            pen.disc(-0.9 + 0.3 * k, 0.96, 0.12, (128 - 6 * (k % 3), 126, 124))


def fireworks(pen: Pen, look: Look, seconds: float) -> None:
    """Bursts of coloured light that open and fade, one after another."""
    rate = look.between(0, 0.6, 1.0)
    for burst in range(3):
        clock = seconds * rate + burst / 3 + look.traits[1]
        age, turn = clock % 1.0, int(clock)
        x = 0.62 * sin(2.4 * turn + 2.1 * burst + 6 * look.traits[2])
        y = -0.3 + 0.36 * sin(1.7 * turn + 4.0 * burst)
        colour = LIGHTS[(turn * 2 + burst + int(6 * look.traits[3])) % len(LIGHTS)]
        if age < 0.18:
            pen.line(
                [(x * 0.8, 1.0 - 5.0 * age * (1.0 - y) / 1.0), (x * 0.8, 1.0 - 4.0 * age * (1.0 - y))],
                0.04,
                (255, 230, 180),
            )
            continue
        reach = 0.62 * (1 - (1 - age) ** 2.2)
        light = (*colour, int(255 * (1 - max(0.0, age - 0.55) * 1.6)))
        for k in range(14):
            angle = 2 * pi * (k + 0.5 * burst) / 14
            c, s = cos(angle), sin(angle)
            near, fall = reach * 0.55, 0.12 * age * age
            pen.line([(x + near * c, y + near * s + fall * 0.5), (x + reach * c, y + reach * s + fall)], 0.035, light)
            pen.disc(x + reach * c, y + reach * s + fall, 0.045, light)
        pen.disc(x, y, 0.1 * (1.1 - age), (255, 255, 240))
