"""CLIP: pictures and names (Radford et al., 2021), as ``transformers.CLIPModel`` holds it.

Any checkpoint of that architecture: OpenAI's three sizes, LAION's, MetaCLIP's first.
"""

from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import CLIPModel

from av2a.backbones.image_text import ImageTextEncoder, colours
from av2a.backbones.pixels import CLIP_MEAN, CLIP_STD, clip_pixels
from av2a.backbones.pretrained import load_model, load_tokenizer
from av2a.backbones.prompts import Prompts, Tokens
from av2a.backbones.running import Runner


def load(folder: Path, runner: Runner, name: str = "clip") -> ImageTextEncoder:
    """The encoder in ``folder``. Rows are the projected features as they are, not of unit length.

    The released method multiplies them so: a picture's length cancels when its scores are normalised over the labels, a
    label's does not, so it must stay. Its prompt, too, is the released one: "A", and the label letter for letter.

    Raises:
        WeightsUnavailable: the folder holds no CLIP, or not all of one.
    """
    model = load_model(CLIPModel, folder, runner.placement.device, "clip")
    # The library types a configuration's parts as anything they may be given as.
    config: Any = model.config
    size = config.vision_config.image_size
    mean, std = colours(folder, CLIP_MEAN, CLIP_STD)

    def text(ids: Tokens, mask: Tokens) -> Tensor:
        return model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output

    return ImageTextEncoder(
        name=name,
        features=config.projection_dim,
        prompts=Prompts(load_tokenizer(folder), "A {}".format, config.text_config.max_position_embeddings),
        text=text,
        pixels=lambda frames: clip_pixels(frames, size, mean, std),
        picture=lambda pixels: model.get_image_features(pixel_values=pixels).pooler_output,
        runner=runner,
    )
