"""Backbones of two models: any encoder of pictures and names beside any encoder of sounds and names.

The two need not share a space: pictures are compared with labels as the one reads them, sounds with labels as the other does.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from av2a.backbones.base import Backbone
from av2a.backbones.checkpoints import halves, own_name
from av2a.backbones.device import BatchSize, Placement
from av2a.backbones.prompts import PROMPTS_VERSION
from av2a.backbones.running import Runner, info

VISUAL_LOADERS = {
    "clip": "clip.load",
    "clip-large": "clip.load",
    "metaclip2": "metaclip2.load",
    "pe-av": "pe_av.load_visual",
    "siglip2": "siglip2.load",
}
"""Module and function, imported when they are asked for: ``load(folder: Path, runner: Runner, name: str) -> VisualEncoder``."""
AUDIO_LOADERS = {
    "clap": "clap.load",
    "clap-larger": "clap.load",
    "clap-larger-speech": "clap.load",
    "pe-a-frame": "pe_av.load_audio",
}
"""Likewise, each gives an AudioEncoder."""


def assembled(
    name: str, visual: Path, audio: Path, placement: Placement, *, visual_name: str, audio_name: str
) -> Backbone:
    """The pair called ``name`` from two folders, each with ``config.json``, weights and tokenizer.

    Raises:
        UnknownName: there is no such pair.
        WeightsUnavailable: a folder lacks a file, or holds a model of another family.
    """
    vision, sound = halves(name)
    return Backbone(
        info(own_name(name), visual_name, audio_name, [visual, audio], placement),
        _loader(VISUAL_LOADERS[vision])(visual, Runner.on(placement, visual_name), visual_name),
        _loader(AUDIO_LOADERS[sound])(audio, Runner.on(placement, audio_name), audio_name),
        batch_items=BatchSize.on(placement.device).items,
        prompts_version=PROMPTS_VERSION,
    )


def _loader(place: str) -> Any:
    module, _, function = place.partition(".")
    return getattr(import_module(f"av2a.backbones.{module}"), function)
