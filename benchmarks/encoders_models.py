"""Models of the published sizes with random weights, tokenizers that know the labels' words, and a clip, for the encoders' benchmarks."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import ClapConfig, ClapModel, CLIPConfig, CLIPModel, PreTrainedModel

from av2a import world
from av2a.backbones.base import Backbone
from av2a.backbones.device import placement
from av2a.backbones.pairs import assembled

LABELS = list(world.NAMES[:25])

CLIP_BEGIN, CLIP_END = 49406, 49407


def clip_clap(folder: Path, precision: str = "float32", *, device: str = "cpu", layers: int | None = None) -> Backbone:
    """CLIP ViT-B/32 and CLAP (HTSAT-tiny) from ``folder``, made there if they are not there yet; ``layers`` makes them less deep."""
    visual, audio = folder / "clip", folder / "clap"
    if not (audio / "tokenizer.json").exists():
        write_clip_weights(visual, layers)
        write_clap_weights(audio, layers)
    return assembled(
        "clip-clap",
        visual,
        audio,
        placement(device, precision),
        visual_name="random weights",
        audio_name="random weights",
    )


def write_clip_weights(folder: Path, layers: int | None = None) -> None:
    """The library's default configuration is ViT-B/32's."""
    depth = {} if layers is None else {"num_hidden_layers": layers}
    text: dict[str, Any] = {"eos_token_id": CLIP_END, "bos_token_id": CLIP_BEGIN, "vocab_size": 49408, **depth}
    saved(CLIPModel(CLIPConfig(text_config=text, vision_config=depth, projection_dim=512)), folder, seed=1)
    specials = {"<|startoftext|>": CLIP_BEGIN, "<|endoftext|>": CLIP_END}
    write_tokenizer(folder, [f"A {label}" for label in names()], specials, "<|startoftext|>", "<|endoftext|>", CLIP_END)


def write_clap_weights(folder: Path, layers: int | None = None) -> None:
    """The library's default configuration is HTSAT-tiny's with RoBERTa-base."""
    text = {} if layers is None else {"num_hidden_layers": layers}
    audio = {} if layers is None else {"depths": [layers] * 4}
    saved(ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=512)), folder, seed=2)
    specials = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    write_tokenizer(folder, [f"This is a sound of {label}" for label in names()], specials, "<s>", "</s>", 1)


def names() -> list[str]:
    """Every name that a tokenizer must know: about as many tokens a name as in the published vocabularies."""
    from av2a.background import BACKGROUND

    return [*LABELS, *BACKGROUND]


def saved(model: PreTrainedModel, folder: Path, seed: int) -> None:
    """Weights drawn so that signals keep their size from layer to layer, and rows differ from input to input."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter[0].numel() ** 0.5)
    model.train(False).save_pretrained(folder)


def write_tokenizer(
    folder: Path, texts: Sequence[str], specials: dict[str, int], begin: str, end: str, pad: int
) -> None:
    """Byte-level pairs learned from the texts, in the files and with the special tokens of the published ones."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=5000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    # The alphabet first, then what was merged: the order in which they were learned.
    pieces = sorted(learned["vocab"], key=lambda piece: learned["vocab"][piece])
    vocabulary = {**specials, **{piece: 10 + place for place, piece in enumerate(pieces)}}
    written = json.loads(tokenizer.to_str())
    written["model"]["vocab"] = vocabulary
    written["added_tokens"] = [
        {"id": number, "content": token, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for token, number in specials.items()
    ]  # fmt: skip
    around = [{"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    around.append({"SpecialToken": {"id": end, "type_id": 0}})
    ids = {token: {"id": token, "ids": [specials[token]], "tokens": [token]} for token in (begin, end)}
    written["post_processor"] = {"type": "TemplateProcessing", "single": around, "pair": around, "special_tokens": ids}
    (folder / "tokenizer.json").write_text(json.dumps(written), encoding="utf-8")
    of_pad = next(token for token, number in specials.items() if number == pad)
    said = {"bos_token": begin, "eos_token": end, "pad_token": of_pad, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")


def words_of(labels: Sequence[str]) -> list[str]:
    """The words in the labels, each once."""
    return sorted({word for label in labels for word in re.findall("[a-z]+", label.lower())})


def make_clip(path: Path, seconds: int, *, width: int = 320, height: int = 240, rate: int = 30) -> Path:
    """H.264 and AAC; picture and sound change once a second, and a little all the time."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "28"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=48_000, layout="mono")
        time = np.arange(48_000) / 48_000
        for second in range(seconds):
            coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            picture = np.kron(coarse, np.ones((height // 6, width // 8, 1), np.uint8))
            for number in range(rate):
                frame = av.VideoFrame.from_ndarray(np.roll(picture, 3 * number, axis=1), format="rgb24")
                out.mux(video.encode(frame))
            tones = rng.uniform(80, 8000, 3)
            wave = np.sin(2 * np.pi * tones[:, None] * time).sum(axis=0) * 0.1 + rng.normal(0, 0.02, 48_000)
            sound = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 48_000, second * 48_000
            out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return path
