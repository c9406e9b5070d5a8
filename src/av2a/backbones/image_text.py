"""CLIP, MetaCLIP 2 and SigLIP 2: encoders of frames and labels, as ``transformers`` loads them.

Any checkpoint of the three architectures: OpenAI's, LAION's and the first MetaCLIP's are CLIP, the first SigLIP is that of SigLIP 2. The
"naflex" checkpoints of SigLIP 2, which take frames of any shape, are another architecture and are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from jaxtyping import Float, Float32
from torch import Tensor

from av2a.backbones.base import Frame
from av2a.backbones.pixels import CLIP_MEAN, CLIP_STD, HALF, clip_pixels, squeezed_pixels
from av2a.backbones.pretrained import load_model, load_tokenizer
from av2a.backbones.prompts import Prompts, Text, Tokens
from av2a.backbones.running import Runner, unit
from av2a.backbones.weights import read_json

RESAMPLING = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, as ``preprocessor_config.json`` writes them."""


@dataclass(eq=False)
class ImageTextEncoder:
    """Embeds frames one by one, and labels; the embeddings of a clip are those of its frames."""

    name: str
    features: int
    prompts: Prompts
    text: Text
    pixels: Callable[[Sequence[Frame]], Float32[Tensor, "frame 3 height width"]]
    picture: Callable[[Float32[Tensor, "frame 3 height width"]], Tensor]
    runner: Runner

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One embedding for each label, independent of the others."""
        return self.prompts.rows(labels, self.runner, self.text, self.features)

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One embedding for each frame of any size."""
        device = self.runner.placement.device
        return self.runner.rows(frames, lambda some: self.pixels(some).to(device), self.picture, self.features)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """The embeddings of each clip's frames."""
        if not clips:
            return np.empty((0, 1, self.features), np.float32)
        rows = self.embed_frames([frame for clip in clips for frame in clip])
        return rows.reshape(len(clips), -1, self.features)

    @property
    def clips_are_frames(self) -> bool:
        """Always: this is an image encoder."""
        return True


def load_clip(folder: Path, runner: Runner, name: str = "clip") -> ImageTextEncoder:
    """CLIP (Radford et al., 2021). Embeddings are the projected features as they are, not of unit length.

    The released method multiplies them so: the length of a frame's embedding cancels when its scores are normalised over the labels, but
    that of a label's does not, so it must stay. The prompt is the released one, too: "A" and the unchanged label.

    Raises:
        WeightsUnavailable: the folder holds no CLIP, or not all of one.
    """
    return _load(folder, runner, name, transformers.CLIPModel, "clip", "A {}".format, lambda rows: rows)


def load_metaclip2(folder: Path, runner: Runner, name: str = "metaclip2") -> ImageTextEncoder:
    """MetaCLIP 2, of labels in many languages (Chuang et al., 2025); embeddings of unit length, frames prepared as for CLIP.

    There is no prompt: an English article before the label would not help other languages.

    Raises:
        WeightsUnavailable: the folder holds no MetaCLIP 2, or not all of one.
    """
    return _load(folder, runner, name, transformers.MetaClip2Model, "metaclip_2", _readable, unit)


def load_siglip2(folder: Path, runner: Runner, name: str = "siglip2") -> ImageTextEncoder:
    """SigLIP 2 with frames of a fixed size (Tschannen et al., 2025); embeddings of unit length.

    Texts are lower-cased and always padded to the full length without a mask, as in training: the embedding is read at the last
    position, padding or not.

    Raises:
        WeightsUnavailable: the folder holds no SigLIP of fixed size, or not all of one.
    """
    return _load(folder, runner, name, transformers.SiglipModel, "siglip", _photo, unit, is_siglip=True)


def _readable(label: str) -> str:
    return label.replace("_", " ")


def _photo(label: str) -> str:
    return f"this is a photo of {_readable(label).lower()}."


def _load(
    folder: Path,
    runner: Runner,
    name: str,
    kind: Any,
    model_type: str,
    prompt: Callable[[str], str],
    scaled: Callable[[Tensor], Tensor],
    *,
    is_siglip: bool = False,
) -> ImageTextEncoder:
    model = load_model(kind, folder, runner.placement.device, model_type)
    # The library types a configuration's parts as anything they may be given as.
    config: Any = model.config
    saved = _frame_settings(folder)
    mean, std = (HALF, HALF) if is_siglip else (CLIP_MEAN, CLIP_STD)
    prepared = {
        "size": config.vision_config.image_size,
        "mean": tuple(saved.get("image_mean", mean)),
        "std": tuple(saved.get("image_std", std)),
    }
    if is_siglip:
        prepared["mode"] = RESAMPLING.get(saved.get("resample", 2), "bilinear")

    def text(ids: Tokens, mask: Tokens) -> Tensor:
        return scaled(model.get_text_features(ids, attention_mask=None if is_siglip else mask).pooler_output)

    return ImageTextEncoder(
        name=name,
        features=config.vision_config.hidden_size if is_siglip else config.projection_dim,
        prompts=Prompts(load_tokenizer(folder), prompt, config.text_config.max_position_embeddings, is_siglip),
        text=text,
        pixels=partial(squeezed_pixels if is_siglip else clip_pixels, **prepared),
        picture=lambda pixels: scaled(model.get_image_features(pixel_values=pixels).pooler_output),
        runner=runner,
    )


def _frame_settings(folder: Path) -> Mapping[str, Any]:
    """What the checkpoint says about its frames: colours that it was trained with, resampling.

    Raises:
        WeightsUnavailable: what it says cannot be read.
    """
    file = folder / "preprocessor_config.json"
    return read_json(file) if file.exists() else {}
