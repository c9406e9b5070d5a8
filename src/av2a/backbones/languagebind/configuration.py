"""The configuration of a LanguageBind checkpoint, as far as inference needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from transformers.activations import ACT2FN

from av2a.errors import WeightsUnavailable

Plain = Mapping[str, Any]
"""A JSON object."""


class TowerKind(Enum):
    """The three towers; the value is ``model_type`` in ``config.json``."""

    IMAGE = "LanguageBindImage"
    VIDEO = "LanguageBindVideo"
    AUDIO = "LanguageBindAudio"


@dataclass(frozen=True, kw_only=True)
class TowerShape:
    """Sizes of a vision or audio tower: a vision transformer over a grid of patches."""

    width: int
    layers: int
    heads: int
    inner_width: int
    """Of the two-layer networks."""
    patch: int
    """The side of a patch, in pixels, or in mel bands and spectrogram frames."""
    rows: int
    columns: int
    """Of patches."""
    frames: int = 1
    """Pictures in a clip; 1 in the image and audio towers."""
    attends_over_time: bool = False
    class_token_per_frame: bool = False
    """V1.5: each frame of a clip has a class token of its own."""
    activation: str = "quick_gelu"
    epsilon: float = 1e-5

    @property
    def tokens(self) -> int:
        """Of one picture: its patches and the class token."""
        return self.rows * self.columns + 1

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width in pixels, or mel bands and spectrogram frames."""
        return self.rows * self.patch, self.columns * self.patch


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One checkpoint: its tower, its text tower, and the space that they share."""

    kind: TowerKind
    shared_width: int
    tower: TowerShape
    text: Plain
    """As ``transformers.CLIPTextConfig`` takes it."""
    lora_rank: int | None
    """None where the file does not say. The keys of the weights decide whether there is any LoRA at all."""
    lora_alpha: float
    spectrogram_mean: float
    spectrogram_std: float

    @classmethod
    def parsed(cls, plain: Plain, kind: TowerKind, where: str) -> "Configuration":
        """The configuration in a ``config.json``.

        What it leaves out is as in the released configuration classes, except ``lora_r``: those say 2 there, also for
        checkpoints without any.

        Raises:
            WeightsUnavailable: it describes something that is not a model of the architecture; ``where`` is named.
        """
        try:
            vision = plain["vision_config"]
            return cls(
                kind=kind,
                shared_width=int(plain.get("projection_dim", 512)),
                tower=_tower_shape(vision, kind),
                text=_text_settings(plain["text_config"]),
                lora_rank=None if vision.get("lora_r") is None else int(vision["lora_r"]),
                lora_alpha=float(vision.get("lora_alpha", 16)),
                spectrogram_mean=float(vision.get("audio_mean", 0.5)),
                spectrogram_std=float(vision.get("audio_std", 0.5)),
            )
        except KeyError as lacking:
            raise WeightsUnavailable(
                f"the configuration of {where} lacks {lacking}: get the checkpoint's own config.json"
            ) from lacking
        except (TypeError, ValueError, AttributeError, ArithmeticError) as fault:
            raise WeightsUnavailable(
                f"the configuration of {where} is invalid ({fault}): get the checkpoint's own config.json"
            ) from fault


def _tower_shape(vision: Plain, kind: TowerKind) -> TowerShape:
    patch = int(vision.get("patch_size", 32))
    height, width = _input_shape(vision, kind)
    video = kind is TowerKind.VIDEO
    if vision.get("add_time_attn", False) and not video:
        raise ValueError("add_time_attn outside a video tower")
    if int(vision.get("tube_size", 1)) != 1 or int(vision.get("num_channels", 3)) != 3:
        raise ValueError("tube_size must be 1 and num_channels 3")
    shape = TowerShape(
        width=int(vision.get("hidden_size", 768)),
        layers=int(vision.get("num_hidden_layers", 12)),
        heads=int(vision.get("num_attention_heads", 12)),
        inner_width=int(vision.get("intermediate_size", 3072)),
        patch=patch,
        rows=height // patch,
        columns=width // patch,
        frames=int(vision.get("num_frames", 1)) if video else 1,
        attends_over_time=bool(vision.get("add_time_attn", False)),
        class_token_per_frame=video and vision.get("clip_type", "vl") == "vl_new",
        activation=str(vision.get("hidden_act", "quick_gelu")),
        epsilon=float(vision.get("layer_norm_eps", 1e-5)),
    )
    if min(shape.width, shape.layers, shape.heads, shape.rows, shape.columns, shape.frames) < 1:
        raise ValueError("a size below 1")
    _check_layers(shape.width, shape.heads, shape.activation)
    return shape


def _check_layers(width: int, heads: int, activation: str) -> None:
    if width % heads:
        raise ValueError(f"hidden_size {width} is no multiple of num_attention_heads {heads}")
    if activation not in ACT2FN:
        raise ValueError(f"hidden_act {activation!r} is none that is known")


def _input_shape(vision: Plain, kind: TowerKind) -> tuple[int, int]:
    if kind is TowerKind.AUDIO:
        # image_size is no guide here: depending on who saved the file it is that of the pictures the tower began with.
        return int(vision["num_mel_bins"]), int(vision["target_length"])
    size = int(vision.get("image_size", 224))
    return size, size


TEXT_SETTINGS = {
    "attention_dropout": 0.0,
    "bos_token_id": 49406,
    "eos_token_id": 49407,
    "hidden_act": "quick_gelu",
    "hidden_size": 512,
    "intermediate_size": 2048,
    "layer_norm_eps": 1e-5,
    "max_position_embeddings": 77,
    "num_attention_heads": 8,
    "num_hidden_layers": 12,
    "pad_token_id": 1,
    "vocab_size": 49408,
}
"""Settings of the text tower that are used, with the released classes' defaults."""


def _text_settings(text: Plain) -> Plain:
    settings = {name: text.get(name, default) for name, default in TEXT_SETTINGS.items()}
    _check_layers(settings["hidden_size"], settings["num_attention_heads"], settings["hidden_act"])
    return settings
