"""Backbones of two models: any visual encoder beside any audio encoder.

The two need not share a space: frames are compared with the visual encoder's label embeddings, audio with the audio encoder's.
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
    "clip": "image_text.load_clip",
    "clip-large": "image_text.load_clip",
    "metaclip2": "image_text.load_metaclip2",
    "pe-av": "pe_av.load_visual",
    "siglip2": "image_text.load_siglip2",
}
"""Module and function, imported when they are used: ``load(folder: Path, runner: Runner, name: str) -> VisualEncoder``."""
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
