"""The backbones by name, each imported when it is asked for."""

from importlib import import_module
from typing import Protocol, cast

from av2a.embeddings import Backbone
from av2a.errors import UnknownName

DEFAULT_BACKBONE = "mini"

BACKBONES: dict[str, str] = {
    "mini": "av2a.encoders.mini",
}
"""Name to module; each module offers ``load() -> Backbone``."""


class _BackboneModule(Protocol):
    def load(self) -> Backbone: ...


def load_backbone(name: str = DEFAULT_BACKBONE) -> Backbone:
    """The backbone called ``name``, ready to use.

    Raises:
        UnknownName: no backbone has that name.
        WeightsUnavailable: its weights are not at hand.

    >>> load_backbone("mini").info.name
    'mini'
    """
    if name not in BACKBONES:
        raise UnknownName.among("backbone", name, BACKBONES)
    return cast(_BackboneModule, import_module(BACKBONES[name])).load()
