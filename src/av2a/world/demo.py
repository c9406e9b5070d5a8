"""The scene of the demo and of the documentation's pictures."""

from av2a.world.scene import (
    HEIGHT,
    WIDTH,
    Ambience,
    Backdrop,
    Entry,
    Occurrence,
    Pose,
    Scene,
    Shot,
    Spans,
)


def demo_scene() -> Scene:
    """Sixteen seconds with four labels: heard only, seen only, and both at the same and at other times.

    >>> [each.label for each in demo_scene().occurrences]
    ['dog barking', 'bus passing', 'ambulance siren', 'acoustic guitar']
    """
    return Scene(
        seed=0,
        duration_seconds=16,
        width=WIDTH,
        height=HEIGHT,
        frame_rate_hz=15,
        occurrences=(
            _occurrence("dog barking", 101, heard=((1, 4), (6, 8)), seen=((0, 9),), x=0.27, y=0.7, size=0.5),
            _occurrence("bus passing", 208, heard=(), seen=((3, 7),), x=0.5, y=0.58, size=0.54, drift_x=0.07),
            _occurrence("ambulance siren", 305, heard=((4, 9),), seen=(), x=0.5, y=0.5, size=0.4),
            _occurrence("acoustic guitar", 402, heard=((9, 16),), seen=((10, 16),), x=0.46, y=0.5, size=0.68),
        ),
        shots=(_shot(0, Backdrop.STREET, 26), _shot(9, Backdrop.ROOM, 25)),
        sensor_noise=3.0,
        ambience=Ambience(seed=1, level_dbfs=-54.0, slope=1.0, extras=()),
    )


def _occurrence(
    label: str, seed: int, *, heard: Spans, seen: Spans, x: float, y: float, size: float, drift_x: float = 0.0
) -> Occurrence:
    placement = Pose(
        x=x, y=y, size=size, mirrored=False, tilt_degrees=0.0, drift_x=drift_x, drift_y=0.0, growth=0.0, entry=Entry.CUT
    )
    return Occurrence(label, heard, seen, placement, level_dbfs=-10.0, look_seed=seed, sound_seed=seed)


def _shot(start: int, place: Backdrop, seed: int) -> Shot:
    return Shot(start, place, seed, light=1.0, light_change=0.0, pan_x=0.004, pan_y=0.0, shift_x=0.0, zoom=1.0)
