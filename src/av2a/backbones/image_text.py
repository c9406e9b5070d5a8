"""Encoders of pictures and names, whichever model stands behind them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from av2a.backbones.base import Frame
from av2a.backbones.pixels import normalised
from av2a.backbones.prompts import Prompts, Text
from av2a.backbones.running import Runner
from av2a.backbones.weights import read_json

Colours = tuple[float, float, float]
"""One value for each of red, green and blue."""

HALF: Colours = (0.5, 0.5, 0.5)
"""As mean and spread: colours are brought to [−1, 1]."""


@dataclass(eq=False)
class ImageTextEncoder:
    """Pictures one by one and names; a clip's rows are its frames'."""

    name: str
    features: int
    prompts: Prompts
    text: Text
    pixels: Callable[[Sequence[Frame]], Float32[Tensor, "frame 3 height width"]]
    picture: Callable[[Float32[Tensor, "frame 3 height width"]], Tensor]
    runner: Runner

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "category feature"]:
        """One row a label, independent of the others.

        Raises:
            InvalidLabels: a label is longer than the text encoder takes.
        """
        return self.prompts.rows(labels, self.runner, self.text, self.features)

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One row a picture of any size."""
        device = self.runner.placement.device
        return self.runner.rows(frames, lambda some: self.pixels(some).to(device), self.picture, self.features)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """The rows of each clip's frames."""
        if not clips:
            return np.empty((0, 1, self.features), np.float32)
        rows = self.embed_frames([frame for clip in clips for frame in clip])
        return rows.reshape(len(clips), -1, self.features)

    @property
    def clips_are_frames(self) -> bool:
        """Always: this is an image encoder."""
        return True


def colours(folder: Path, mean: Colours, std: Colours) -> tuple[Colours, Colours]:
    """The mean and spread of the colours that the checkpoint was trained with, else those given.

    Raises:
        WeightsUnavailable: what the checkpoint says cannot be read.
    """
    said = picture_settings(folder)
    return tuple(said.get("image_mean", mean)), tuple(said.get("image_std", std))


def picture_settings(folder: Path) -> dict[str, Any]:
    """What the checkpoint says about its pictures; nothing where it says nothing.

    Raises:
        WeightsUnavailable: what it says cannot be read.
    """
    file = folder / "preprocessor_config.json"
    return read_json(file) if file.exists() else {}


def squeezed_pixels(
    frames: Sequence[Frame],
    size: int,
    mean: Sequence[float] = HALF,
    std: Sequence[float] = HALF,
    mode: str = "bilinear",
) -> Float32[Tensor, "frame 3 {size} {size}"]:
    """The whole picture squeezed into a square, antialiased, rounded to whole grey levels, normalised.

    >>> import numpy as np
    >>> squeezed_pixels([np.zeros((90, 120, 3), np.uint8)], size=32).shape
    torch.Size([1, 3, 32, 32])
    """
    squares = [
        functional.interpolate(
            torch.tensor(frame).permute(2, 0, 1)[None].float(),
            (size, size),
            mode=mode,
            align_corners=False,
            antialias=True,
        )
        for frame in frames
    ]
    return normalised(torch.cat(squares).clamp(0, 255).round(), mean, std)
