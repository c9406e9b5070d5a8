"""SigLIP 2 with pictures of a fixed size: pictures and names (Tschannen et al., 2025).

Published as the architecture of the first SigLIP (``transformers.SiglipModel``), so the first SigLIP loads as well. The "naflex"
checkpoints, which take pictures of any shape, are another architecture and are refused.
"""

from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import SiglipModel

from av2a.backbones.image_text import HALF, ImageTextEncoder, colours, picture_settings, squeezed_pixels
from av2a.backbones.pretrained import load_model, load_tokenizer
from av2a.backbones.prompts import Prompts, Tokens
from av2a.backbones.running import Runner, unit

RESAMPLING = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, as ``preprocessor_config.json`` writes them."""


def load(folder: Path, runner: Runner, name: str = "siglip2") -> ImageTextEncoder:
    """The encoder in ``folder``; rows of unit length.

    Texts are lower-cased and always padded to the full length without a mask, as in training: the row is read at the last
    place, padding or not.

    Raises:
        WeightsUnavailable: the folder holds no SigLIP of fixed size, or not all of one.
    """
    model = load_model(SiglipModel, folder, runner.placement.device, "siglip")
    # The library types a configuration's parts as anything they may be given as.
    config: Any = model.config
    size = config.vision_config.image_size
    mean, std = colours(folder, HALF, HALF)
    mode = RESAMPLING.get(picture_settings(folder).get("resample", 2), "bilinear")

    def text(ids: Tokens, mask: Tokens) -> Tensor:
        return unit(model.get_text_features(input_ids=ids).pooler_output)

    return ImageTextEncoder(
        name=name,
        features=config.vision_config.hidden_size,
        prompts=Prompts(load_tokenizer(folder), _prompt, config.text_config.max_position_embeddings, always_full=True),
        text=text,
        pixels=lambda frames: squeezed_pixels(frames, size, mean, std, mode),
        picture=lambda pixels: unit(model.get_image_features(pixel_values=pixels).pooler_output),
        runner=runner,
    )


def _prompt(label: str) -> str:
    return f"this is a photo of {label.replace('_', ' ').lower()}."
