from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, MetaClip2Model
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from av2a.backbones.device import placement
from av2a.backbones.image_text import ImageTextEncoder, load_metaclip2
from av2a.backbones.running import Runner
from tests.backbones import tiny_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.metaclip2(tmp_path_factory.mktemp("metaclip2"))


@pytest.fixture
def encoder(folder: Path) -> ImageTextEncoder:
    return load_metaclip2(folder, Runner.on(placement("cpu", "float32")))


def unit(rows: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(rows.detach(), dim=-1).numpy()


def test_labels_equal_the_library_s_own(folder: Path, encoder: ImageTextEncoder) -> None:
    tokens = AutoTokenizer.from_pretrained(folder)(
        ["ein Hund", "a"], padding="max_length", max_length=60, return_tensors="pt"
    )
    model = MetaClip2Model.from_pretrained(folder)
    found = model.get_text_features(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
    assert encoder.embed_labels(["ein_Hund", "a"]) == pytest.approx(unit(found.pooler_output), abs=1e-6)


def test_pictures_of_the_model_s_size_equal_the_library_s_own(folder: Path, encoder: ImageTextEncoder) -> None:
    frames = [np.random.default_rng(0).integers(256, size=(32, 32, 3)).astype(np.uint8)]
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    pixels = processor(frames, return_tensors="pt")["pixel_values"]
    expected = unit(MetaClip2Model.from_pretrained(folder).get_image_features(pixel_values=pixels).pooler_output)
    assert encoder.embed_frames(frames) == pytest.approx(expected, abs=1e-6)
