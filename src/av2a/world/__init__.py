"""The generated world: scenes with events that are heard and seen at exactly known times, rendered by code.

It takes the place of videos wherever none are available: in the demo, the end-to-end tests, and a benchmark that runs anywhere. Nothing measured on it
says anything about real video.

>>> scene = make_scene(7)
>>> draw_frame(scene, 2.5).shape
(144, 192, 3)
"""

from av2a.world.demo import demo_scene
from av2a.world.pictures import draw_frame
from av2a.world.scene import (
    SPLITS,
    Occurrence,
    Scene,
    SceneAnnotation,
    SeedRange,
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
    "Occurrence",
    "Scene",
    "SceneAnnotation",
    "SeedRange",
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
