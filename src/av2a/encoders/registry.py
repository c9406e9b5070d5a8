"""The backbones by name, each imported when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from av2a.embeddings import Backbone
from av2a.encoders.checkpoints import VISION, parts_of
from av2a.encoders.weights import Progress, Sources, resolve_all
from av2a.errors import MissingDependency, UnknownName, UsageError

if TYPE_CHECKING:
    from av2a.encoders.device import Placement

DEFAULT_BACKBONE = "mini"

BACKBONES: dict[str, str] = {
    "mini": "av2a.encoders.mini",
}
"""Backbones that ship with their weights: name to module; each module offers ``load() -> Backbone``."""

LANGUAGEBIND = "languagebind"

FETCHED = ("clip-clap", LANGUAGEBIND, "pe-av")
"""Backbones whose weights are fetched; pairs ``vision+sound`` are not listed one by one."""


class _BackboneModule(Protocol):
    def load(self) -> Backbone: ...


def load_backbone(
    name: str = DEFAULT_BACKBONE,
    *,
    device: str = "auto",
    precision: str = "auto",
    visual_model: str | None = None,
    audio_model: str | None = None,
    sources: Sources | None = None,
    progress: Progress | None = None,
) -> Backbone:
    """The backbone called ``name``, or a pair ``vision+sound``, ready to use.

    Args:
        name: see :data:`BACKBONES`, :data:`FETCHED`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``auto``, ``float32``, ``bfloat16``, ``float16``.
        visual_model: another checkpoint of the same family for pictures: ``owner/name``, ``owner/name@revision`` or a folder.
        audio_model: likewise for sound.
        sources: where weights are looked for.
        progress: told how much has been fetched.

    Raises:
        UnknownName: no backbone, device or precision has that name.
        UsageError: a checkpoint is named where it cannot be meant.
        WeightsUnavailable: its weights are not at hand, or a library that it needs is not.

    >>> load_backbone("mini").info.name
    'mini'
    """
    named = {"--visual-model": visual_model, "--audio-model": audio_model}
    given = [option for option, model in named.items() if model is not None]
    if given and (name in BACKBONES or name == LANGUAGEBIND):
        raise UsageError(f"backbone {name!r} takes no {given[0]}: choose a pair such as clip+clap, or leave it out")
    if name in BACKBONES:
        return cast(_BackboneModule, import_module(BACKBONES[name])).load()
    if "+" not in name and name not in FETCHED:
        raise UnknownName.among("backbone", name, [*BACKBONES, *FETCHED, *(f"{vision}+clap" for vision in VISION)])
    try:
        from av2a.encoders import pairs
        from av2a.encoders.device import placement
    except ModuleNotFoundError as missing:
        raise MissingDependency(f"backbone {name!r} needs {missing.name!r}: pip install 'av2a[models]'") from missing
    where = placement(device, precision)
    if name == LANGUAGEBIND:
        return _languagebind(where, sources, progress)
    return pairs.load(
        name, where, visual_model=visual_model, audio_model=audio_model, sources=sources, progress=progress
    )


def _languagebind(where: "Placement", sources: Sources | None, progress: Progress | None) -> Backbone:
    from av2a.encoders.languagebind.backbone import load

    image, video, audio = resolve_all([part.checkpoint for part in parts_of(LANGUAGEBIND)], sources, progress)
    return load(image.path, video.path, audio.path, where)
