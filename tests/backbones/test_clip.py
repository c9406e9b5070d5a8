import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from av2a.backbones.device import placement
from av2a.backbones.encoder_warnings import collected_warnings
from av2a.backbones.image_text import ImageTextEncoder, load_clip
from av2a.backbones.pretrained import filled, load_model
from av2a.backbones.running import Runner
from av2a.backbones.weights import read_json
from av2a.errors import WeightsUnavailable
from tests.backbones import tiny_models

LABELS = ["Frying_(food)", "dog barking", "a"]


def runner(precision: str = "float32") -> Runner:
    return Runner.on(placement("cpu", precision))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def encoder(folder: Path) -> ImageTextEncoder:
    return load_clip(folder, runner())


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(256, size=(height, width, 3)).astype(np.uint8) for height, width in sizes]


def test_features_equal_those_of_openai_s_code(shared: Path) -> None:
    golden = shared / "golden" / "clip_clap"
    values = load_file(golden / "clip_clap_io.safetensors")
    config = CLIPConfig.from_dict(read_json(golden / "clip_config.json"))
    model = filled(CLIPModel, config, load_file(golden / "clip.safetensors"), golden, torch.device("cpu"))
    pictures = model.get_image_features(pixel_values=values["clip.pixel_values"]).pooler_output
    assert torch.allclose(pictures, values["clip.image_features"], atol=1e-5)
    for padding in ("pad0", "padeos"):
        texts = model.get_text_features(input_ids=values[f"clip.input_ids_{padding}"]).pooler_output
        assert torch.allclose(texts, values["clip.text_features"], atol=1e-5)


def test_labels_are_read_letter_for_letter_and_keep_their_length(folder: Path, encoder: ImageTextEncoder) -> None:
    tokens = CLIPTokenizer.from_pretrained(folder)(
        ["A Frying_(food)", "A dog barking", "A a"], padding="max_length", max_length=40, return_tensors="pt"
    )
    expected = CLIPModel.from_pretrained(folder).get_text_features(**tokens).pooler_output.detach().numpy()
    rows = encoder.embed_labels(LABELS)
    assert rows == pytest.approx(expected, abs=1e-5)
    assert np.ptp(np.linalg.norm(rows, axis=1)) > 1e-3
    assert encoder.prompts.prompt("Frying_(food)") == "A Frying_(food)"


def test_pictures_of_the_model_s_size_equal_the_library_s_own(folder: Path, encoder: ImageTextEncoder) -> None:
    frames = pictures((32, 32), (32, 32))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    pixels = processor(frames, return_tensors="pt")["pixel_values"]
    expected = CLIPModel.from_pretrained(folder).get_image_features(pixel_values=pixels).pooler_output.detach().numpy()
    assert encoder.embed_frames(frames) == pytest.approx(expected, abs=1e-5)


def rescaled(folder: Path, copy: Path, factor: float) -> Path:
    """A copy of the checkpoint with another last layer for pictures."""
    shutil.copytree(folder, copy)
    weights = load_file(folder / "model.safetensors")
    save_file(
        weights | {"visual_projection.weight": weights["visual_projection.weight"] * factor}, copy / "model.safetensors"
    )
    return copy


def test_half_precision_that_overflows_is_redone_in_float32_and_said_once_in_each_answer(
    folder: Path, tmp_path: Path
) -> None:
    large = rescaled(folder, tmp_path / "large", 1e6)
    half, whole = load_clip(large, runner("float16")), load_clip(large, runner())
    frames = pictures((40, 50), (40, 50))
    for _ in range(2):
        with collected_warnings() as warnings:
            assert np.array_equal(half.embed_frames(frames), whole.embed_frames(frames))
            half.embed_frames(frames)
        assert warnings == ["float16 overflowed and is redone in float32: choose --precision float32"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_model_that_gives_no_numbers_is_refused(folder: Path, tmp_path: Path, precision: str) -> None:
    placed = Runner.on(placement("cpu", precision), "my/clip@v1")
    broken = load_clip(rescaled(folder, tmp_path / "broken", float("nan")), placed)
    refused = pytest.raises(WeightsUnavailable, match=r"^my/clip@v1 answers NaN, even in float32")
    with collected_warnings() as warnings, refused:
        broken.embed_frames(pictures((40, 50)))
    assert warnings == []


def test_an_activation_that_nobody_knows_is_named_with_its_field(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["hidden_act"] = "nosuch"
    (tmp_path / "copy/config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsUnavailable, match=r"text_config\.hidden_act 'nosuch' is none that is known"):
        load_clip(tmp_path / "copy", runner())


FOREIGN = {"a": 0, "b</w>": 1}
FAR = {**FOREIGN, "<|startoftext|>": 2, "<|endoftext|>": 5000}
NO_MERGES, A_MERGE = "#version: 0.2\n", "#version: 0.2\na b</w>\n"


@pytest.mark.parametrize(
    ("words", "merges", "fault"),
    [
        (FOREIGN, NO_MERGES, "cannot be read .Unk token"),
        (FOREIGN, A_MERGE, "cannot be read .range end index"),
        (FAR, NO_MERGES, "gives token 5000 and the model has"),
    ],
)
def test_a_tokenizer_of_another_model_is_refused_before_any_label(
    folder: Path, tmp_path: Path, words: dict[str, int], merges: str, fault: str
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy/vocab.json").write_text(json.dumps(words))
    (tmp_path / "copy/merges.txt").write_text(merges)
    with pytest.raises(WeightsUnavailable, match=rf"the tokenizer in .*{fault}.*: copy it again"):
        load_clip(tmp_path / "copy", runner())


def test_half_precision_stays_close_to_float32(folder: Path, encoder: ImageTextEncoder) -> None:
    frames = pictures((40, 50), (90, 30))
    half, whole = load_clip(folder, runner("bfloat16")).embed_frames(frames), encoder.embed_frames(frames)
    cosines = (half * whole).sum(axis=1) / np.linalg.norm(half, axis=1) / np.linalg.norm(whole, axis=1)
    assert cosines.min() > 0.999 and not np.array_equal(half, whole)


def test_building_a_model_changes_nothing_for_other_threads(folder: Path) -> None:
    standard_output, seen = sys.stdout, []

    class Watched(CLIPModel):  # type: ignore[no-untyped-call]
        def __init__(self, config: CLIPConfig) -> None:
            super().__init__(config)
            with ThreadPoolExecutor(1) as other:
                layer, output = other.submit(lambda: (torch.nn.Linear(50, 50), sys.stdout)).result()
            seen.append((bool(layer.weight.std() > 0.01), output is standard_output))

    model = load_model(Watched, folder, torch.device("cpu"), "clip")
    assert seen == [(True, True)]
    assert torch.equal(model.state_dict()["logit_scale"], load_file(folder / "model.safetensors")["logit_scale"])
