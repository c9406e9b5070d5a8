"""LanguageBind at its published size, random weights, one 10-s 320×240 clip: time, memory, and each tower's share.

There is no bar but that it runs. Parameters are counted against those of the published checkpoints.
"""

import argparse
import os
import resource
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

import av2a
from av2a.backbones.base import Backbone
from av2a.backbones.device import placement
from av2a.backbones.languagebind.backbone import (
    LanguageBindAudio,
    LanguageBindVisual,
    Names,
    _runner,
    prompt,
    tokenizer_in,
)
from av2a.backbones.languagebind.checkpoint import load_model
from av2a.backbones.languagebind.configuration import Configuration, TowerKind
from av2a.backbones.languagebind.towers import LanguageBindModel
from av2a.backbones.prompts import Prompts
from av2a.settings import Settings
from av2a.types import BackboneInfo
from benchmarks.encoders_models import CLIP_BEGIN, CLIP_END, LABELS, make_clip, words_of
from benchmarks.report import machine, table
from tests.backbones.languagebind import tiny

PARAMETERS = {TowerKind.IMAGE: 427_616_513, TowerKind.VIDEO: 528_623_873, TowerKind.AUDIO: 427_960_577}

TEXT: dict[str, Any] = {
    "bos_token_id": CLIP_BEGIN, "eos_token_id": CLIP_END, "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072,
    "max_position_embeddings": 77, "num_attention_heads": 12, "num_hidden_layers": 12, "vocab_size": 49408,
}  # fmt: skip
VISION: dict[str, Any] = {
    "hidden_act": "gelu", "hidden_size": 1024, "image_size": 224, "intermediate_size": 4096,
    "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14,
}  # fmt: skip
OF_KIND: dict[TowerKind, dict[str, Any]] = {
    TowerKind.IMAGE: {},
    TowerKind.VIDEO: {"add_time_attn": True, "num_frames": 8},
    TowerKind.AUDIO: {"num_mel_bins": 112, "target_length": 1036, "audio_mean": -4.2677393, "audio_std": 4.5689974},
}


def configuration(kind: TowerKind) -> Configuration:
    """Of a published checkpoint."""
    said = {
        "model_type": kind.value,
        "projection_dim": 768,
        "text_config": TEXT,
        "vision_config": VISION | OF_KIND[kind],
    }
    return Configuration.parsed(said, kind, "published size")


def model(kind: TowerKind) -> tuple[LanguageBindModel, int]:
    """A model with random weights, and its number of parameters before the text tower that is not needed is let go."""
    of = configuration(kind)
    generator = torch.Generator().manual_seed(len(kind.value))
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LanguageBindModel(of).state_dict().items()}
    count = sum(shape.numel() for name, shape in shapes.items() if not name.endswith("position_ids"))
    kept = {name: shape for name, shape in shapes.items() if kind is TowerKind.IMAGE or not name.startswith("text_")}
    state = {name: torch.empty(shape) for name, shape in shapes.items()}
    for name, shape in kept.items():
        spread = shape[1:].numel() ** -0.5 if len(shape) > 1 else 0.02
        state[name].normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, spread, generator=generator)
    return load_model(of, state, "random weights", with_text=kind is TowerKind.IMAGE), count


def backbone(folder: Path, precision: str) -> tuple[Backbone, dict[TowerKind, int]]:
    """All three."""
    where = placement("cpu", precision)
    models, counts = {}, {}
    for kind in TowerKind:
        models[kind], counts[kind] = model(kind)
    tiny.write_tokenizer(
        folder, {f"{word}</w>": number for number, word in enumerate(words_of(LABELS), 1000)}, CLIP_BEGIN, CLIP_END
    )
    configurations = {kind: configuration(kind) for kind in TowerKind}
    runners = {kind: _runner(of, where) for kind, of in configurations.items()}
    names = Names(
        models[TowerKind.IMAGE],
        Prompts(tokenizer_in(folder, configurations[TowerKind.IMAGE]), prompt, 77),
        runners[TowerKind.IMAGE],
    )
    visual = LanguageBindVisual(
        models[TowerKind.IMAGE],
        models[TowerKind.VIDEO],
        names,
        runners[TowerKind.IMAGE],
        runners[TowerKind.VIDEO],
        "random",
    )
    audio = LanguageBindAudio(models[TowerKind.AUDIO], names, runners[TowerKind.AUDIO], "random")
    info = BackboneInfo("languagebind", "random", "random", "0" * 64, "cpu", where.precision.value)
    return Backbone(info, visual, audio, batch_items=16), counts


class Timed:
    """A backbone whose towers' time is noted, and how much each was asked."""

    def __init__(self, backbone: Backbone) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.inputs: Counter[str] = Counter()
        visual, audio = backbone.visual, backbone.audio
        assert isinstance(visual, LanguageBindVisual) and isinstance(audio, LanguageBindAudio)
        visual, audio = replace(visual), replace(audio)
        for encoder, tower, method in (
            (visual, "image", "embed_frames"), (visual, "video", "embed_clips"), (audio, "audio", "embed_sounds"),
            (visual, "text", "embed_labels"), (audio, "text", "embed_labels"),
        ):  # fmt: skip
            setattr(encoder, method, self.timed(tower, getattr(encoder, method)))
        self.backbone = replace(backbone, visual=visual, audio=audio)

    def timed(self, tower: str, method: Callable[[Sequence[Any]], np.ndarray]) -> Callable[[Sequence[Any]], np.ndarray]:
        """The method, its time noted."""

        def run(asked: Sequence[Any]) -> np.ndarray:
            began = perf_counter()
            rows = method(asked)
            self.seconds[tower] += perf_counter() - began
            self.inputs[tower] += len(asked)
            return rows

        return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    os.environ["AV2A_CACHE"] = ""
    with tempfile.TemporaryDirectory() as temporary:
        path = make_clip(Path(temporary) / "clip.mp4", 10)
        began = perf_counter()
        made, counts = backbone(Path(temporary), options.precision)
        assert counts == PARAMETERS, counts
        loading = perf_counter() - began
        rows = [row(name, made, path, settings) for name, settings in (
            ("released", Settings.released("languagebind")), ("practical", Settings()),
        )]  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    table(
        f"LanguageBind, random weights of the real sizes, 10-s 320×240 clip, {len(LABELS)} labels, {made.info.precision} "
        f"({machine()}, {torch.get_num_threads()} threads; making the weights {loading:.0f} s, peak memory {peak:.1f} GB)",
        ["profile", "seconds", "image tower", "video tower", "audio tower", "text tower"],
        rows,
    )


def row(name: str, made: Backbone, path: Path, settings: Settings) -> list[object]:
    """One run."""
    timed = Timed(made)
    began = perf_counter()
    av2a.detect(path, LABELS, timed.backbone, settings)
    whole = perf_counter() - began
    towers = [
        f"{timed.inputs[tower]} inputs, {timed.seconds[tower]:.1f} s ({timed.seconds[tower] / whole:.0%})"
        for tower in ("image", "video", "audio", "text")
    ]
    return [name, f"{whole:.1f}", *towers]


if __name__ == "__main__":
    main()
