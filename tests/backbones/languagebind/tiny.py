"""LanguageBind at a size at which random weights cost nothing, laid out as its checkpoints are."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from av2a.backbones.languagebind.configuration import Configuration, TowerKind
from av2a.backbones.languagebind.towers import LanguageBindModel

SHARED = 24
TOKENS = 99
BEGIN, END = 97, 98
LONGEST_TEXT = 16

TEXT: dict[str, Any] = {
    "bos_token_id": BEGIN,
    "eos_token_id": END,
    "hidden_act": "gelu",
    "hidden_size": 24,
    "intermediate_size": 48,
    "max_position_embeddings": LONGEST_TEXT,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": TOKENS,
}

VISION: dict[str, Any] = {
    "hidden_act": "gelu",
    "hidden_size": 32,
    "image_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "patch_size": 8,
}

OF_KIND: dict[TowerKind, dict[str, Any]] = {
    TowerKind.IMAGE: {},
    TowerKind.VIDEO: {"add_time_attn": True, "num_frames": 4},
    TowerKind.AUDIO: {"num_mel_bins": 24, "target_length": 72, "audio_mean": -4.2677393, "audio_std": 4.5689974},
}


def config(kind: TowerKind, **vision: Any) -> dict[str, Any]:
    return {
        "model_type": kind.value,
        "projection_dim": SHARED,
        "text_config": TEXT,
        "vision_config": VISION | OF_KIND[kind] | vision,
    }


def configuration(kind: TowerKind, **vision: Any) -> Configuration:
    return Configuration.parsed(config(kind, **vision), kind, "tiny")


def state(of: Configuration, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights, biases and norms too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LanguageBindModel(of).state_dict().items()}
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def write_checkpoint(folder: Path, kind: TowerKind, seed: int = 0) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config(kind)), encoding="utf-8")
    save_file(state(configuration(kind), seed), folder / "model.safetensors")
    return folder


def write_tokenizer(folder: Path, words: dict[str, int], begin: int = BEGIN, end: int = END) -> Path:
    """A tokenizer that knows the letters a to z and these words, by their numbers.

    A piece that ends a word is written with ``</w>`` after it, as in the published vocabularies.
    """
    vocabulary = dict(words)
    free = (number for number in range(end) if number not in {*words.values(), begin})
    merges: list[tuple[str, str]] = []
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for piece in (letter, f"{letter}</w>"):
            vocabulary.setdefault(piece, -1)
    for word in words:
        vocabulary.update(
            (left + right, -1) for left, right in _new_merges(word, merges) if left + right not in vocabulary
        )
    for word in words:
        vocabulary.update((piece, -1) for piece in _letters(word) if piece not in vocabulary)
    numbered = {piece: next(free) if number < 0 else number for piece, number in vocabulary.items()}
    numbered |= {"<|startoftext|>": begin, "<|endoftext|>": end}
    (folder / "vocab.json").write_text(json.dumps(numbered), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _letters(word: str) -> list[str]:
    ending = word.endswith("</w>")
    letters = list(word.removesuffix("</w>"))
    return [*letters[:-1], f"{letters[-1]}</w>"] if ending else letters


def _new_merges(word: str, merges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The merges that are still missing to make one piece of the word, added behind those that there are."""
    pieces = _letters(word)
    added = []
    while len(pieces) > 1:
        pairs = list(pairwise(pieces))
        known = [pair for pair in merges if pair in pairs]
        pair = known[0] if known else pairs[0]
        if not known:
            merges.append(pair)
            added.append(pair)
        pieces = _merged(pieces, pair)
    return added


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    rest = list(pieces)
    while rest:
        found = tuple(rest[:2]) == pair
        result.append("".join(rest[:2]) if found else rest[0])
        rest = rest[2 if found else 1 :]
    return result


def write_backbone(folder: Path) -> tuple[Path, Path, Path]:
    """The folders of the three checkpoints, each with weights of its own."""
    image, video, audio = (
        write_checkpoint(folder / kind.name.lower(), kind, seed)
        for seed, kind in enumerate((TowerKind.IMAGE, TowerKind.VIDEO, TowerKind.AUDIO))
    )
    write_tokenizer(image, {"dog</w>": 60, "cat</w>": 61})
    return image, video, audio
