"""The built-in world: scenes in which things are heard and seen at times known exactly, drawn and sounded by code.

It stands in for videos wherever none are at hand: the demo, the end-to-end tests, a benchmark that runs anywhere. Nothing measured
on it says anything about real video.

>>> scene = make_scene(7)
>>> draw_frame(scene, 2.5).shape
(144, 192, 3)
"""

from av2a.world.demo import demo_scene
from av2a.world.pictures import draw_frame
from av2a.world.scene import (
    SPLITS,
    Annotation,
    Occurrence,
    Scene,
    Split,
    annotations,
    make_scene,
    truth,
)
from av2a.world.sounds import render_sound
from av2a.world.vocabulary import NAMES, PARAPHRASES
from av2a.world.write import read_annotations, write_clip, write_dataset

__all__ = [
    "NAMES",
    "PARAPHRASES",
    "SPLITS",
    "Annotation",
    "Occurrence",
    "Scene",
    "Split",
    "annotations",
    "demo_scene",
    "draw_frame",
    "make_scene",
    "read_annotations",
    "render_sound",
    "truth",
    "write_clip",
    "write_dataset",
]
