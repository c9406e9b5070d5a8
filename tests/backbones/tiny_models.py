"""Checkpoints of every family, with few random weights and few words, in the layout in which they are published."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    ClapConfig,
    ClapModel,
    CLIPConfig,
    CLIPModel,
    DacConfig,
    MetaClip2Config,
    MetaClip2Model,
    ModernBertConfig,
    PeAudioConfig,
    PeAudioEncoderConfig,
    PeAudioFrameLevelModel,
    PreTrainedModel,
    SiglipConfig,
    SiglipModel,
)
from transformers.utils import logging

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
WORDS = len(SPECIAL) + len(LETTERS)
"""A token for each byte; no token is longer."""

TOWER: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def saved(model: PreTrainedModel, folder: Path) -> Path:
    """The folder with the model, weights spread so that rows differ from input to input."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape) / parameter[0].numel() ** 0.5)
    quiet: Any = logging
    quiet.disable_progress_bar()
    model.train(False).save_pretrained(folder)
    return folder


def clip(folder: Path) -> Path:
    """CLIP, its tokenizer as ``vocab.json`` and ``merges.txt``."""
    torch.manual_seed(1)
    letters = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    text = {**TOWER, "vocab_size": len(letters), "max_position_embeddings": 40, "eos_token_id": len(letters) - 1}
    picture = {**TOWER, "image_size": 32, "patch_size": 8}
    saved(CLIPModel(CLIPConfig(text_config=text, vision_config=picture, projection_dim=24)), folder)
    (folder / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder


def metaclip2(folder: Path) -> Path:
    """MetaCLIP 2, its tokenizer as ``tokenizer.json``."""
    torch.manual_seed(2)
    text = {**TOWER, "vocab_size": WORDS, "max_position_embeddings": 60, "eos_token_id": SPECIAL["</s>"]}
    picture = {**TOWER, "image_size": 32, "patch_size": 8}
    saved(MetaClip2Model(MetaClip2Config(text_config=text, vision_config=picture, projection_dim=24)), folder)
    return bytewise_tokenizer(folder, "<s> $A </s>")


def siglip2(folder: Path) -> Path:
    """SigLIP of fixed size, with what the published checkpoint says about its pictures."""
    torch.manual_seed(3)
    text = {**TOWER, "vocab_size": WORDS, "max_position_embeddings": 64, "projection_size": 32}
    picture = {**TOWER, "image_size": 32, "patch_size": 8}
    saved(SiglipModel(SiglipConfig(text_config=text, vision_config=picture)), folder)
    said = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "SiglipImageProcessor", **said})
    )
    return bytewise_tokenizer(folder, "$A </s>")


def clap(folder: Path, *, fusion: bool = False) -> Path:
    """CLAP, its tokenizer as ``vocab.json`` and ``merges.txt``."""
    torch.manual_seed(4)
    text = {**TOWER, "vocab_size": WORDS, "max_position_embeddings": 90, "pad_token_id": 1, "type_vocab_size": 1}
    sound = {
        "spec_size": 256,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 4, 8],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "num_mel_bins": 64,
        "window_size": 8,
        "enable_fusion": fusion,
    }
    saved(ClapModel(ClapConfig(text_config=text, audio_config=sound, projection_dim=24)), folder)
    names = {**SPECIAL, **{letter: len(SPECIAL) + index for index, letter in enumerate(LETTERS)}}
    (folder / "vocab.json").write_text(json.dumps(names))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return folder


def pe_text() -> ModernBertConfig:
    """The text encoder that PE-AV's models share."""
    ids: dict[str, Any] = {
        "pad_token_id": 1,
        "cls_token_id": 0,
        "bos_token_id": 0,
        "sep_token_id": 2,
        "eos_token_id": 2,
    }
    return ModernBertConfig(**TOWER, vocab_size=WORDS, max_position_embeddings=60, **ids)


def pe_audio_encoder() -> PeAudioEncoderConfig:
    """The sound tower that PE-AV's models share."""
    codec = DacConfig(encoder_hidden_size=4, downsampling_ratios=[2, 8, 10, 12], codebook_dim=8)
    return PeAudioEncoderConfig(**TOWER, dac_config=codec.to_dict(), head_dim=16)


def pe_audio_config() -> PeAudioConfig:
    """The sound tower and the text encoder."""
    text, sound = (config.to_dict() for config in (pe_text(), pe_audio_encoder()))
    return PeAudioConfig(text_config=text, audio_config=sound)


def pe_a_frame(folder: Path) -> Path:
    """PE-A-Frame."""
    torch.manual_seed(5)
    saved(PeAudioFrameLevelModel(pe_audio_config()), folder)
    return bytewise_tokenizer(folder, "<s> $A </s>")


def bytewise_tokenizer(folder: Path, template: str) -> Path:
    """The folder with a ``tokenizer.json`` of a token a byte."""
    names = {**SPECIAL, **{letter: len(SPECIAL) + index for index, letter in enumerate(LETTERS)}}
    tokenizer = Tokenizer(models.BPE(vocab=names, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=list(SPECIAL.items()))
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **said}))
    return folder


VISUAL: dict[str, Callable[[Path], Path]] = {"clip": clip, "metaclip2": metaclip2, "siglip2": siglip2}
AUDIO: dict[str, Callable[[Path], Path]] = {"clap": clap, "pe-a-frame": pe_a_frame}
