"""Counts the parameters of a backbone."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from av2a.backbones.base import Backbone

DEEPEST = 5
"""Search depth for models in attributes and closures."""


def parameters_of(backbone: Backbone) -> int | None:
    """How many parameters the backbone's models have, those that are shared counted once; None where no model is to be found.

    >>> from av2a.backbones.registry import load_backbone
    >>> parameters_of(load_backbone("mini")) > 100_000
    True
    """
    sizes: dict[int, int] = {}
    seen: set[int] = set()
    for encoder in (backbone.visual, backbone.audio):
        sizes |= dict(_sizes(encoder, DEEPEST, seen))
    return sum(sizes.values()) or None


def _sizes(thing: Any, depth: int, seen: set[int]) -> Iterator[tuple[int, int]]:
    """The identity and the size of each parameter."""
    if id(thing) in seen or isinstance(thing, type):
        return
    seen.add(id(thing))
    if hasattr(thing, "named_parameters"):
        yield from ((id(each), int(each.numel())) for each in thing.parameters())
    elif isinstance(thing, Mapping):
        yield from ((id(each), each.size) for each in thing.values() if isinstance(each, np.ndarray))
    elif depth:
        for part in _parts(thing):
            yield from _sizes(part, depth - 1, seen)


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    yield from (cell.cell_contents for cell in getattr(thing, "__closure__", None) or ())
    yield from getattr(thing, "__dict__", {}).values()
    if hasattr(thing, "__self__"):
        yield thing.__self__
