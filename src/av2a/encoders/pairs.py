"""Backbones of two models: any encoder of pictures and names beside any encoder of sounds and names.

The two need not share a space: pictures are compared with labels as the one reads them, sounds with labels as the other does.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from av2a.embeddings import AudioEncoder, Backbone, VisualEncoder
from av2a.encoders import clap, clip, metaclip2, pe_av, siglip2
from av2a.encoders.checkpoints import PE_AV, SOUND, VISION, Checkpoint, Published, checkpoint_named
from av2a.encoders.device import Placement
from av2a.encoders.running import Runner
from av2a.encoders.weights import Progress, Sources, digest, resolve_all
from av2a.errors import UnknownName
from av2a.records import BackboneInfo

PE_A_FRAME = Published(
    Checkpoint("facebook/pe-a-frame-large", "40187271298f84e2966d4518c88dde698540c9ad"),
    licence="Apache-2.0",
    megabytes=5600,
    gives="sounds 25 times a second, and names",
)

VISUAL_CHECKPOINTS = {**VISION, "pe-av": PE_AV}
"""What may stand before the + of a pair."""
AUDIO_CHECKPOINTS = {**SOUND, "pe-a-frame": PE_A_FRAME}
"""What may stand after it."""

Load = Callable[[Path, Runner, str], VisualEncoder]
LoadAudio = Callable[[Path, Runner, str], AudioEncoder]

VISUAL_LOADERS: dict[str, Load] = {
    "clip": clip.load,
    "clip-large": clip.load,
    "metaclip2": metaclip2.load,
    "pe-av": pe_av.load_visual,
    "siglip2": siglip2.load,
}
AUDIO_LOADERS: dict[str, LoadAudio] = {
    "clap": clap.load,
    "clap-larger": clap.load,
    "clap-larger-speech": clap.load,
    "pe-a-frame": pe_av.load_audio,
}

NAMED = {"clip-clap": ("clip", "clap"), "pe-av": ("pe-av", "pe-a-frame")}
"""Pairs with a name of their own."""


def halves(name: str) -> tuple[str, str]:
    """The two models of a pair.

    Raises:
        UnknownName: it is no pair, or one of the two is unknown.

    >>> halves("siglip2+clap")
    ('siglip2', 'clap')
    """
    if name in NAMED:
        return NAMED[name]
    vision, plus, sound = name.partition("+")
    if not plus:
        raise UnknownName.among("backbone", name, [*NAMED, "siglip2+clap", "metaclip2+clap"])
    if vision not in VISUAL_LOADERS:
        raise UnknownName.among("vision model", vision, VISUAL_LOADERS)
    if sound not in AUDIO_LOADERS:
        raise UnknownName.among("sound model", sound, AUDIO_LOADERS)
    return vision, sound


def load(
    name: str,
    placement: Placement,
    *,
    visual_model: str | None = None,
    audio_model: str | None = None,
    sources: Sources | None = None,
    progress: Progress | None = None,
) -> Backbone:
    """The pair called ``name``; ``visual_model`` and ``audio_model`` name other checkpoints of the same families.

    Raises:
        UnknownName: there is no such pair.
        UsageError: a checkpoint is named in a way that cannot be meant.
        WeightsUnavailable: weights are not at hand, damaged, or of another family.
    """
    vision, sound = halves(name)
    visual = checkpoint_named(visual_model) if visual_model else VISUAL_CHECKPOINTS[vision].checkpoint
    audio = checkpoint_named(audio_model) if audio_model else AUDIO_CHECKPOINTS[sound].checkpoint
    found = resolve_all([visual, audio], sources, progress)
    return assembled(name, found[0].path, found[1].path, placement, visual_name=str(visual), audio_name=str(audio))


def assembled(
    name: str, visual: Path, audio: Path, placement: Placement, *, visual_name: str, audio_name: str
) -> Backbone:
    """The pair from two folders, each with ``config.json``, weights and tokenizer.

    Raises:
        UnknownName: there is no such pair.
        WeightsUnavailable: a folder lacks a file, or holds a model of another family.
    """
    vision, sound = halves(name)
    digests = "".join(f"{digest(folder)}\n" for folder in (visual, audio))
    return Backbone(
        BackboneInfo(name, visual_name, audio_name, hashlib.sha256(digests.encode()).hexdigest()),
        VISUAL_LOADERS[vision](visual, Runner.on(placement), visual_name),
        AUDIO_LOADERS[sound](audio, Runner.on(placement), audio_name),
    )
