"""Runs inputs through a model: in batches that fit, at the requested precision, and checks that the outputs are finite."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from av2a.backbones.device import BatchSize, Placement, Precision, autocast, in_batches
from av2a.backbones.encoder_warnings import warn
from av2a.backbones.openvino import compiled
from av2a.backbones.weights import digest
from av2a.errors import WeightsUnavailable
from av2a.types import BackboneInfo

Item = TypeVar("Item")
Rows = Float32[np.ndarray, "_item *_feature"]
"""One embedding, or an array of them, for each item."""


@dataclass(eq=False)
class Runner:
    """The device of a model, and how many inputs it takes at a time."""

    placement: Placement
    size: BatchSize
    name: str = "a model"
    """The checkpoint, as errors name it."""
    compiled: dict[tuple[object, ...], Callable[[Tensor], Tensor]] = field(default_factory=dict)
    """Forward passes that OpenVINO has compiled, by what they are and the shape of their rows."""

    @classmethod
    def on(cls, placement: Placement, name: str = "a model") -> "Runner":
        """A runner with the device's default batch size."""
        return cls(placement, BatchSize.on(placement.device), name)

    def rows(
        self,
        items: Sequence[Item],
        prepare: Callable[[Sequence[Item]], Any],
        forward: Callable[[Any], Tensor],
        *shape: int,
    ) -> Rows:
        """One output of ``shape`` for each item, whatever the batches.

        ``prepare`` makes a batch's inputs, always in float32. ``forward`` runs at the placement's precision, and once more in
        float32 where half precision overflows.

        Raises:
            WeightsUnavailable: the outputs are not finite even in float32.
            Av2aError: memory does not suffice for one item.
        """

        def batch(some: Sequence[Item]) -> Rows:
            with torch.inference_mode():
                inputs = prepare(some)
                return self._finite(forward, inputs).float().cpu().numpy()

        found = in_batches(items, batch, self.size)
        return np.concatenate(found) if found else np.empty((0, *shape), np.float32)

    def _finite(self, forward: Callable[[Any], Tensor], inputs: Any) -> Tensor:
        """What ``forward`` gives, computed again in float32 where half precision overflowed."""
        rows = self._fast(forward, inputs)
        if rows.isfinite().all():
            return rows
        precision = self.placement.precision
        if precision is not Precision.FLOAT32:
            rows = _cast(forward, inputs, replace(self.placement, precision=Precision.FLOAT32))
        if not rows.isfinite().all():
            raise WeightsUnavailable(
                f"{self.name} answers NaN, even in float32: check its weights with 'av2a weights verify', or name another checkpoint"
            )
        # On every call, as it concerns every answer; a collector keeps it once.
        warn(f"{precision.value} overflowed and is redone in float32: choose --precision float32")
        return rows

    def _fast(self, forward: Callable[[Any], Tensor], inputs: Any) -> Tensor:
        if not (self.placement.by_openvino and isinstance(inputs, Tensor)):
            return _cast(forward, inputs, self.placement)
        key = forward, *inputs.shape[1:]
        if key not in self.compiled:
            self.compiled[key] = compiled(forward, inputs, self.placement.precision)
        return self.compiled[key](inputs)


def _cast(forward: Callable[[Any], Tensor], inputs: Any, where: Placement) -> Tensor:
    with autocast(where):
        return forward(inputs)


def info(name: str, visual: str, audio: str, folders: Sequence[Path], placement: Placement) -> BackboneInfo:
    """The record of a backbone that consists of the weights in ``folders``."""
    digests = "".join(f"{digest(folder)}\n" for folder in folders)
    together = hashlib.sha256(digests.encode()).hexdigest()
    return BackboneInfo(name, visual, audio, together, placement.name, placement.precision.value)


def unit(rows: Float[Tensor, "row feature"]) -> Float32[Tensor, "row feature"]:
    """Each row scaled to length 1, in float32."""
    return torch.nn.functional.normalize(rows.float(), dim=-1)
