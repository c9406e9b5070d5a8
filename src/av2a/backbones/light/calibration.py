"""Log-odds of each tag on one scale: how far it lies above what it usually is, so that the background vocabulary can judge it.

The classes of one model differ by an order of magnitude in scale: where a drum kit plays, YAMNet gives *Music* 0.98 and *Drum* 0.1 to 0.5.
So each tag has an offset, from which it may be there: ``deviations`` of its own above its own median over inputs of every kind, within
``[lowest, highest]`` log-odds. A tag has the value ``at_offset`` there. Above it each unit of log-odds counts ``slope``; below it,
down to ``floor``, values are counted in the tag's own deviations. So background concepts have a mean near 0 and a standard deviation near
1, and the thresholds of ``practical``, which are counted in these, mean what they say.

Medians and deviations of tags are in ``calibration.npz``: what ``python -m training.light_calibration`` makes of the 43 clips of a
development set, each clip counted alike and without regard to what is in it (a test holds the file to it).
COCO's are alike for all classes, as person is in most clips.
The constants were tried at random on the same clips with ``practical`` as it is. Sound's are the median of the ten best of 140. Of
pictures 53 sets were drawn from a box; the constants are where a quadratic surface through all of them is highest, away from the
box's sides: the middle of a region that is good, not the best of the sets (docs/real.md has what holds around it).
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from jaxtyping import Float, Float32

STATISTICS_FILE = "calibration.npz"

LEAST_DEVIATION = 1.0
"""In log-odds; a tag that is never there hardly varies."""

UNKNOWN_SOUND, UNKNOWN_THING = 0.3, 0.61
"""Values of a label that no tag means, in every segment: a little above the mean of the background concepts. Of these 30 of 102 are not
known to the ear and 45 not to the eye, so these values shift what all others are measured against."""


@dataclass(frozen=True)
class Curve:
    """How log-odds of one model become values."""

    at_offset: float
    slope: float
    floor: float
    deviations: float = 0.0
    lowest: float = -np.inf
    highest: float = np.inf

    def values(
        self,
        log_odds: Float[np.ndarray, "*input tag"],
        medians: Float[np.ndarray, " tag"],
        spreads: Float[np.ndarray, " tag"],
    ) -> Float32[np.ndarray, "*input tag"]:
        """The value of each tag.

        >>> curve = Curve(at_offset=2.5, slope=0.5, floor=-2.0, deviations=1.0)
        >>> curve.values(np.array([-8.0, -5.0, -1.0]), np.array([-8.0] * 3), np.array([3.0] * 3))
        array([1.5, 2.5, 4.5], dtype=float32)
        """
        above = log_odds - np.clip(medians + self.deviations * spreads, self.lowest, self.highest)
        steps = np.where(above > 0, above * self.slope, above / spreads)
        return np.maximum(self.at_offset + steps, self.floor).astype(np.float32)


@dataclass(frozen=True)
class Statistics:
    """The usual log-odds of each tag: its median, and how far below it the 16th percentile lies (one deviation of a normal one)."""

    sound_medians: Float32[np.ndarray, " sound"]
    sound_spreads: Float32[np.ndarray, " sound"]
    thing_medians: Float32[np.ndarray, " thing"]
    thing_spreads: Float32[np.ndarray, " thing"]
    lite0_reaches: Float32[np.ndarray, " lite0"]
    nanodet_reaches: Float32[np.ndarray, " nanodet"]
    """Of both networks for pictures, what :class:`~av2a.backbones.light.graphs.Graph` is given."""


SOUND = Curve(at_offset=3.1, slope=0.7, floor=-2.0, deviations=1.35, lowest=-4.8, highest=0.0)
IMAGENET = Curve(at_offset=2.85, slope=0.37, floor=-3.1, deviations=1.79, lowest=-4.44, highest=-1.82)
COCO = Curve(at_offset=2.72, slope=1.67, floor=-3.1, lowest=-0.81, highest=-0.81)
COCO_SPREAD = 0.62
"""Of the log-odds of every class of COCO."""


def statistics_bytes() -> bytes:
    """The statistics as they ship in the package."""
    return files("av2a.backbones.light").joinpath(STATISTICS_FILE).read_bytes()


@cache
def statistics() -> Statistics:
    """The statistics that ship in the package."""
    with np.load(BytesIO(statistics_bytes()), allow_pickle=False) as kept:
        read = {name: kept[name].astype(np.float32) for name in kept.files}
    spreads = {name: np.maximum(values, LEAST_DEVIATION) for name, values in read.items() if name.endswith("spreads")}
    return Statistics(**(read | spreads))


def log_odds(probabilities: Float[np.ndarray, "*any"], least: float = 1e-6) -> Float32[np.ndarray, "*any"]:
    """log(p / (1 − p)), bounded.

    >>> log_odds(np.array([0.5, 0.0])).round(1)
    array([  0. , -13.8], dtype=float32)
    """
    bounded = np.clip(probabilities.astype(np.float64), least, 1 - least)
    return np.asarray(np.log(bounded) - np.log1p(-bounded)).astype(np.float32)
