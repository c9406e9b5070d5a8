"""Draws the frame of a scene at any time: a pure function, drawn at twice the size and then reduced."""

from collections.abc import Callable
from functools import lru_cache
from math import radians

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from av2a.world import beings, elements, machines, music
from av2a.world.pen import Look, Pen, look_of
from av2a.world.scene import Entry, Occurrence, Scene, Shot
from av2a.world.surroundings import MARGIN, backdrop, foreground
from av2a.world.vocabulary import NAMES

Drawer = Callable[[Pen, Look, float], None]

DRAWERS: dict[str, Drawer] = {
    "dog barking": beings.dog,
    "cat meowing": beings.cat,
    "bird singing": beings.bird,
    "rooster crowing": beings.rooster,
    "cow mooing": beings.cow,
    "frog croaking": beings.frog,
    "man speaking": beings.man,
    "woman singing": beings.woman,
    "baby crying": beings.baby,
    "car passing": machines.car,
    "bus passing": machines.bus,
    "motorcycle riding": machines.motorcycle,
    "train passing": machines.train,
    "helicopter flying": machines.helicopter,
    "ambulance siren": machines.ambulance,
    "church bell ringing": machines.church_bell,
    "clock ticking": machines.clock,
    "telephone ringing": machines.telephone,
    "chainsaw running": machines.chainsaw,
    "hammer pounding": machines.hammer,
    "blender running": machines.blender,
    "acoustic guitar": music.guitar,
    "violin": music.violin,
    "cello": music.cello,
    "piano": music.piano,
    "drum": music.drum,
    "accordion": music.accordion,
    "trumpet": music.trumpet,
    "rain falling": elements.rain,
    "fire crackling": elements.fire,
    "fireworks": elements.fireworks,
}
"""The function that draws each label."""

_SCALE = 2
_ENTRY_SECONDS = 0.4
_NOISE_TILE = 64


def draw_frame(scene: Scene, seconds: float) -> UInt8[np.ndarray, "height width 3"]:
    """The frame at that time, RGB. A time at or beyond the end gives the light of the last instant."""
    shot = shot_at(scene, seconds)
    canvas = _camera_view(scene, shot, seconds)
    draw = ImageDraw.Draw(canvas, "RGBA")
    for each in _back_to_front(scene, seconds):
        DRAWERS[each.label](_pen_for(draw, scene, shot, each, seconds), look_of(each.look_seed), seconds)
    foreground(Pen(draw, canvas.width / 2, canvas.height / 2, canvas.height / 2), shot.seed)
    return _exposed(np.asarray(canvas.reduce(_SCALE)), scene, shot, seconds)


def shot_at(scene: Scene, seconds: float) -> Shot:
    """The shot at that time."""
    return [shot for shot in scene.shots if shot.start <= max(seconds, 0)][-1]


def _back_to_front(scene: Scene, seconds: float) -> list[Occurrence]:
    """The visible objects, in drawing order: smaller ones in front of larger ones, rain in front of everything."""
    seen = [each for each in scene.occurrences if any(start <= seconds < stop for start, stop in each.seen)]
    return sorted(seen, key=lambda each: (each.label == "rain falling", -each.placement.size, NAMES.index(each.label)))


def _camera_view(scene: Scene, shot: Shot, seconds: float) -> Image.Image:
    width, height = scene.width * _SCALE, scene.height * _SCALE
    whole = backdrop(shot.place, shot.seed, width, height)
    age = seconds - shot.start
    left = MARGIN + int(np.clip(shot.pan_x * age * width, -MARGIN, MARGIN))
    top = MARGIN + int(np.clip(shot.pan_y * age * height, -MARGIN, MARGIN))
    return whole.crop((left, top, left + width, top + height))


def _pen_for(draw: ImageDraw.ImageDraw, scene: Scene, shot: Shot, each: Occurrence, seconds: float) -> Pen:
    placed = each.placement
    height = scene.height * _SCALE
    if each.label == "rain falling":
        return Pen(draw, scene.width * _SCALE / 2, height / 2, height / 2, mirrored=placed.mirrored)
    x, y, size = _whereabouts(each, shot, seconds)
    return Pen(
        draw,
        x * scene.width * _SCALE,
        y * height,
        size * height / 2,
        turn=radians(placed.tilt_degrees),
        mirrored=placed.mirrored,
    )


def _whereabouts(each: Occurrence, shot: Shot, seconds: float) -> tuple[float, float, float]:
    """x, y and size at that time, in the units of ``Pose``."""
    placed = each.placement
    start, stop = next(span for span in each.seen if span[0] <= seconds < span[1])
    age, arrived = seconds - start, _arrived(seconds, start, stop)
    size = placed.size * shot.zoom * min(1.4, max(0.7, 1 + placed.growth * age))
    x = 0.5 + (placed.x + placed.drift_x * age - 0.5) * shot.zoom + shot.shift_x
    y = placed.y + placed.drift_y * age
    x, y = min(0.86, max(0.14, x)), min(0.8, max(0.2, y))
    if placed.entry is Entry.GROW:
        size *= 0.45 + 0.55 * arrived
    if placed.entry is Entry.SLIDE:
        # It starts on the frame's nearer border, so that half of it is in view from the first instant.
        x += (1 - arrived) * ((1 - x) if x >= 0.5 else -x)
    return x, y, size


def _arrived(seconds: float, start: int, stop: int) -> float:
    """0 at the borders of its span, 1 when it is completely in view."""
    return min(1.0, (seconds - start) / _ENTRY_SECONDS, (stop - seconds) / _ENTRY_SECONDS)


@lru_cache(maxsize=4)
def _grain(width: int, height: int) -> Float32[np.ndarray, "rows columns 3"]:
    """Noise with standard deviation 1, larger than a frame; each frame uses another part of it."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((height + _NOISE_TILE, width + _NOISE_TILE, 3), dtype=np.float32)


def _exposed(
    pixels: UInt8[np.ndarray, "height width 3"], scene: Scene, shot: Shot, seconds: float
) -> UInt8[np.ndarray, "height width 3"]:
    """The light of the shot and the noise of the sensor."""
    light = max(0.25, shot.light + shot.light_change * (seconds - shot.start))
    number = round(seconds * scene.frame_rate_hz) + scene.seed
    top, left = (number * 37) % _NOISE_TILE, (number * 23 + number // _NOISE_TILE) % _NOISE_TILE
    noise = _grain(scene.width, scene.height)[top : top + scene.height, left : left + scene.width]
    exposed = noise * np.float32(scene.sensor_noise)
    exposed += pixels * np.float32(light)
    np.clip(exposed, 0, 255, out=exposed)
    return exposed.astype(np.uint8)
