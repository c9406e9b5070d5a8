from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, Siglip2Config, Siglip2Model, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from av2a.backbones.device import placement
from av2a.backbones.image_text import ImageTextEncoder, load_siglip2
from av2a.backbones.pixels import squeezed_pixels
from av2a.backbones.running import Runner
from av2a.errors import WeightsUnavailable
from tests.backbones import tiny_models


def runner() -> Runner:
    return Runner.on(placement("cpu", "float32"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.siglip2(tmp_path_factory.mktemp("siglip2"))


@pytest.fixture
def encoder(folder: Path) -> ImageTextEncoder:
    return load_siglip2(folder, runner())


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows.detach(), dim=-1).numpy()


def test_labels_equal_the_library_s_own_padded_to_the_full_length_without_a_mask(
    folder: Path, encoder: ImageTextEncoder
) -> None:
    texts = ["this is a photo of dog barking.", "this is a photo of a cat."]
    ids = AutoTokenizer.from_pretrained(folder)(
        texts, padding="max_length", max_length=64, return_tensors="pt"
    ).input_ids
    expected = unit(SiglipModel.from_pretrained(folder).get_text_features(input_ids=ids).pooler_output)
    assert encoder.embed_labels(["Dog_barking", "a cat"]) == pytest.approx(expected, abs=1e-6)


def test_pictures_of_the_model_s_size_equal_the_library_s_own(folder: Path, encoder: ImageTextEncoder) -> None:
    frames = [np.random.default_rng(0).integers(256, size=(32, 32, 3)).astype(np.uint8)]
    pixels = SiglipImageProcessorPil.from_pretrained(folder)(frames, return_tensors="pt")["pixel_values"]
    expected = unit(SiglipModel.from_pretrained(folder).get_image_features(pixel_values=pixels).pooler_output)
    assert encoder.embed_frames(frames) == pytest.approx(expected, abs=1e-6)


def test_pictures_are_squeezed_as_the_library_does_it_to_two_grey_levels() -> None:
    frames = [np.random.default_rng(0).integers(256, size=(90, 120, 3)).astype(np.uint8)]
    for mode, number in (("bilinear", 2), ("bicubic", 3)):
        library = SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=number)
        expected = library(frames, return_tensors="pt")["pixel_values"]
        assert torch.allclose(squeezed_pixels(frames, 32, mode=mode), expected, atol=2 * 2 / 255 + 1e-6)


def test_a_checkpoint_for_pictures_of_any_shape_is_refused(tmp_path: Path) -> None:
    tower = tiny_models.TOWER
    config = Siglip2Config(text_config={**tower, "vocab_size": 300}, vision_config={**tower, "patch_size": 8})
    tiny_models.saved(Siglip2Model(config), tmp_path)
    with pytest.raises(WeightsUnavailable, match="type 'siglip2', and 'siglip' is needed"):
        load_siglip2(tmp_path, runner())
