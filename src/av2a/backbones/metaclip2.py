"""MetaCLIP 2: pictures and names in many languages (Chuang et al., 2025), as ``transformers.MetaClip2Model`` holds it."""

from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import MetaClip2Model

from av2a.backbones.image_text import ImageTextEncoder, colours
from av2a.backbones.pixels import CLIP_MEAN, CLIP_STD, clip_pixels
from av2a.backbones.pretrained import load_model, load_tokenizer
from av2a.backbones.prompts import Prompts, Tokens
from av2a.backbones.running import Runner, unit


def load(folder: Path, runner: Runner, name: str = "metaclip2") -> ImageTextEncoder:
    """The encoder in ``folder``; rows of unit length, pictures prepared as for CLIP.

    The label stands alone: an English article before it would do other languages no good.

    Raises:
        WeightsUnavailable: the folder holds no MetaCLIP 2, or not all of one.
    """
    model = load_model(MetaClip2Model, folder, runner.placement.device, "metaclip_2")
    # The library types a configuration's parts as anything they may be given as.
    config: Any = model.config
    size = config.vision_config.image_size
    mean, std = colours(folder, CLIP_MEAN, CLIP_STD)

    def text(ids: Tokens, mask: Tokens) -> Tensor:
        return unit(model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output)

    return ImageTextEncoder(
        name=name,
        features=config.projection_dim,
        prompts=Prompts(load_tokenizer(folder), _readable, config.text_config.max_position_embeddings),
        text=text,
        pixels=lambda frames: clip_pixels(frames, size, mean, std),
        picture=lambda pixels: unit(model.get_image_features(pixel_values=pixels).pooler_output),
        runner=runner,
    )


def _readable(label: str) -> str:
    return label.replace("_", " ")
