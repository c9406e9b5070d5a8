"""What only the published weights can show. Run by those who have them: ``av2a weights fetch languagebind``, then
``pytest -m network`` with AV2A_LANGUAGEBIND_ASSETS naming the folder ``assets`` of the LanguageBind repository.
"""

import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from av2a import media
from av2a.backbones.base import Backbone
from av2a.backbones.checkpoints import LANGUAGEBIND_IMAGE, Checkpoint, parts_of
from av2a.backbones.languagebind.backbone import (
    LanguageBindAudio,
    LanguageBindVisual,
    prompt,
    read_configuration,
    tokenizer_in,
)
from av2a.backbones.languagebind.configuration import TowerKind
from av2a.backbones.prompts import Prompts
from av2a.backbones.registry import load_backbone
from av2a.backbones.weights import Sources, resolve
from av2a.errors import WeightsUnavailable
from av2a.timeline import spread_indexes

pytestmark = pytest.mark.network

TEXTS = ("Training a parakeet to climb up a ladder.", "A lion climbing a tree to catch a monkey.")


def here(checkpoint: Checkpoint) -> Path:
    try:
        return resolve(checkpoint, Sources.chosen(download=False)).path
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
def backbone() -> Backbone:
    for part in parts_of("languagebind"):
        here(part.checkpoint)
    return load_backbone("languagebind", precision="float32")


@pytest.fixture
def assets() -> Path:
    folder = os.environ.get("AV2A_LANGUAGEBIND_ASSETS")
    if folder is None:
        pytest.skip("AV2A_LANGUAGEBIND_ASSETS does not name the folder of sample media")
    return Path(folder)


def chances(rows: np.ndarray, scale: torch.Tensor, visual: LanguageBindVisual) -> np.ndarray:
    names = visual.names.model.text_rows(texts_of(visual)).cpu().numpy()
    logits = torch.from_numpy(rows @ names.T) * scale.exp().cpu()
    return logits.softmax(dim=1).numpy()


def texts_of(visual: LanguageBindVisual) -> torch.Tensor:
    plain = Prompts(visual.names.prompts.tokenizer, str, visual.names.prompts.longest)
    return plain.padded(plain.tokens(TEXTS))[0].to(visual.picture_runner.placement.device)


def test_pictures_have_the_chances_that_upstream_prints(backbone: Backbone, assets: Path) -> None:
    visual = backbone.visual
    assert isinstance(visual, LanguageBindVisual)
    frames = [np.asarray(Image.open(assets / "image" / f"{number}.jpg").convert("RGB")) for number in (0, 1)]
    # Upstream's version of torchvision may not have antialiased.
    expected = [[9.9990666e-01, 9.3292067e-05], [4.6132666e-08, 1.0]]
    assert chances(visual.embed_frames(frames), visual.image.logit_scale, visual) == pytest.approx(
        np.array(expected), abs=1e-3
    )


def test_sounds_have_the_chances_that_upstream_prints(backbone: Backbone, assets: Path) -> None:
    visual, audio = backbone.visual, backbone.audio
    assert isinstance(visual, LanguageBindVisual) and isinstance(audio, LanguageBindAudio)
    rows = audio.embed_sounds([sound(assets / "audio" / f"{number}.wav") for number in (0, 1)])
    expected = [[0.97634876, 0.02365119], [0.02917843, 0.97082156]]
    assert chances(rows, audio.model.logit_scale, visual) == pytest.approx(np.array(expected), abs=1e-4)


def sound(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def test_videos_have_the_chances_that_upstream_prints(backbone: Backbone, assets: Path) -> None:
    visual = backbone.visual
    assert isinstance(visual, LanguageBindVisual)
    clips = [frames(assets / "video" / f"{number}.mp4") for number in (0, 1)]
    # Upstream mirrors half of all clips at random, and has another decoder.
    expected = [[9.9989331e-01, 1.0667283e-04], [1.3255903e-03, 9.9867439e-01]]
    assert chances(visual.embed_clips(clips)[:, 0], visual.video.logit_scale, visual) == pytest.approx(
        np.array(expected), abs=5e-3
    )


def frames(path: Path) -> list[np.ndarray]:
    clip = media.open_clip(path)
    times = media.frame_times(clip)
    pictures = media.decode_frames(clip, times[spread_indexes(len(times), 8)])
    return [picture.pixels for picture in pictures if picture is not None]


def test_tokens_are_the_reference_s_with_the_published_vocabulary(shared: Path) -> None:
    folder = here(LANGUAGEBIND_IMAGE.checkpoint)
    golden = json.loads((shared / "golden" / "languagebind" / "token_ids.json").read_text(encoding="utf-8"))
    tokenizer = tokenizer_in(folder, read_configuration(folder, TowerKind.IMAGE))
    labels = [text.removeprefix("A ") for text in golden["clip_prompts"]["texts"]]
    others = golden["other_texts"]
    assert Prompts(tokenizer, prompt, 77).tokens(labels) == golden["languagebind_prompts"]["input_ids"]
    assert Prompts(tokenizer, "A {}".format, 77).tokens(labels) == golden["clip_prompts"]["input_ids"]
    assert Prompts(tokenizer, str, 77).tokens(others["texts"][:-1]) == others["input_ids"][:-1]
