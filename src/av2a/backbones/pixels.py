"""Frames as the image and video encoders were trained on them, in torch: resized, cut or squeezed to a square, normalised.

The differences between the four ways move embeddings: CLIP's and SigLIP's round to whole grey levels after resizing, LanguageBind's image
way does not, its video way is bilinear without antialiasing. torchvision is not used; its arithmetic is followed to 1e-6.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from av2a.backbones.base import Frame

Colours = tuple[float, float, float]
"""One value for each of red, green and blue, on a scale from 0 to 1."""

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF: Colours = (0.5, 0.5, 0.5)
"""As mean and spread: colours are brought to [−1, 1]."""

SIZE = 224

LONGEST_ASPECT = 16
"""Of longer or taller frames the ends are left out before resizing: they would be cut off anyway, at a price in memory."""


def clip_pixels(
    frames: Sequence[Frame], size: int = SIZE, mean: Colours = CLIP_MEAN, std: Colours = CLIP_STD
) -> Float[Tensor, "frame 3 {size} {size}"]:
    """As OpenAI's CLIP: the short side to ``size``, bicubic with antialiasing, rounded to 0–255; the middle square; normalised.

    >>> import numpy as np
    >>> clip_pixels([np.zeros((90, 120, 3), np.uint8)], size=32).shape
    torch.Size([1, 3, 32, 32])
    """
    squares = [_bicubic(frame, size).clamp(0, 255).round() for frame in frames]
    return normalised(_stacked(squares, size), mean, std)


def languagebind_image_pixels(frames: Sequence[Frame], size: int = SIZE) -> Float[Tensor, "frame 3 {size} {size}"]:
    """As LanguageBind's image tower: like :func:`clip_pixels`, but what overshoots 0–255 stays and nothing is rounded."""
    return normalised(_stacked([_bicubic(frame, size) for frame in frames], size), CLIP_MEAN, CLIP_STD)


def languagebind_video_pixels(frames: Sequence[Frame], size: int = SIZE) -> Float[Tensor, "3 frame {size} {size}"]:
    """As LanguageBind's video tower: bilinear, not antialiased.

    Departs from the released transform, which mirrors half of all clips at random: nothing is mirrored.
    """
    return normalised(_stacked([_bilinear(frame, size) for frame in frames], size), CLIP_MEAN, CLIP_STD).transpose(0, 1)


def squeezed_pixels(
    frames: Sequence[Frame],
    size: int,
    mean: Colours = HALF,
    std: Colours = HALF,
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


def normalised(
    pixels: Float[Tensor, "frame 3 height width"], mean: Colours, std: Colours
) -> Float[Tensor, "frame 3 height width"]:
    """Pixels on a scale from 0 to 255 to pixels about 0, each colour on a scale of its own."""
    return (pixels / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def _bicubic(frame: Frame, size: int) -> Float[Tensor, "3 {size} {size}"]:
    pixels = _planes(frame)
    height, width = pixels.shape[2:]
    short = min(height, width)
    shape = (int(size * height / short), int(size * width / short))
    resized = functional.interpolate(pixels, shape, mode="bicubic", align_corners=False, antialias=True)
    return _middle_square(resized, size)


def _bilinear(frame: Frame, size: int) -> Float[Tensor, "3 {size} {size}"]:
    pixels = _planes(frame)
    height, width = pixels.shape[2:]
    # Not the same rounding as the bicubic way: the quotient comes first, as in pytorchvideo.
    shape = (int(height / width * size), size) if width < height else (size, int(width / height * size))
    return _middle_square(functional.interpolate(pixels, shape, mode="bilinear", align_corners=False), size)


def _planes(frame: Frame) -> Float[Tensor, "1 3 height width"]:
    height, width = frame.shape[:2]
    longest = LONGEST_ASPECT * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    kept = frame[top : top + longest, left : left + longest]
    return torch.from_numpy(np.array(kept)).permute(2, 0, 1)[None].float()


def _middle_square(pixels: Float[Tensor, "1 3 height width"], size: int) -> Float[Tensor, "3 {size} {size}"]:
    # Halves round to even, as torchvision's crop does.
    top, left = (round((side - size) / 2) for side in pixels.shape[2:])
    return pixels[0, :, top : top + size, left : left + size]


def _stacked(squares: Sequence[Tensor], size: int) -> Float[Tensor, "frame 3 {size} {size}"]:
    return torch.stack(list(squares)) if squares else torch.empty(0, 3, size, size)
