"""Perception Encoder Audiovisual: videos, audio 25 times a second, and labels (Vyas et al., 2025).

Two published models are used together: PE-AV (``facebook/pe-av-*``) for frames, and PE-A-Frame (``facebook/pe-a-frame-*``), its
frame-level sibling, for audio. A text goes through a head of its own for each, so labels are asked for by the encoder that will
be compared with them. Rows are multiplied as in training: as they are, not of unit length.

The getters of ``transformers`` 5.23 (``get_video_features``, ``get_text_audio_embeds`` and others) do not exist or fail; the
parts they would call are called here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from transformers import PeAudioFrameLevelModel, PeVideoModel

from av2a.backbones.base import Frame, Sound, Span
from av2a.backbones.pixels import HALF, Colours, squeezed_pixels
from av2a.backbones.pretrained import filled, load_config, load_model, load_tokenizer
from av2a.backbones.prompts import Prompts, Text, Tokens
from av2a.backbones.running import Runner
from av2a.backbones.sound_slices import chunk_starts, most_central, span_means
from av2a.backbones.weights import read_json, read_state
from av2a.errors import MissingDependency, WeightsUnavailable
from av2a.installation import library_command

SAMPLE_RATE_HZ = 48_000
SLICE_SAMPLES = 1920
"""40 ms: the audio codec's step."""
CHUNK_SLICES = 250
"""Ten seconds go through the encoder at a time: its first layers keep 64 numbers a sample, 120 MB for ten seconds."""
CHUNK_HOP_SLICES = 200
"""Every slice but the first and last of a sound has a second of sound around it."""

DEFAULT_PIXELS = 336


# Labels.


def _prompts(folder: Path, positions: int) -> Prompts:
    tokenizer = load_tokenizer(folder)
    return Prompts(tokenizer, _readable, min(positions, tokenizer.model_max_length))


def _readable(label: str) -> str:
    return label.replace("_", " ")


def _text_through(text_model: torch.nn.Module, head: torch.nn.Module) -> Text:
    """The first token of the text encoder, through the head of one target."""

    def text(ids: Tokens, mask: Tokens) -> Tensor:
        return head(text_model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0])

    return text


# Frames.


@dataclass(eq=False)
class PeAvVisual:
    """Videos and labels in one space; a frame is a video of one frame."""

    model: PeVideoModel
    prompts: Prompts
    runner: Runner
    pixels: int = DEFAULT_PIXELS
    mean: Colours = HALF
    std: Colours = HALF
    name: str = "pe-av"

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return self.model.video_head.proj.out_features

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One embedding for each label, for comparison with frames, independent of the others."""
        text = _text_through(self.model.text_model, self.model.text_video_head)
        return self.prompts.rows(labels, self.runner, text, self.features)

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One embedding for each frame of any size."""
        return self.runner.rows([[frame] for frame in frames], self._inputs, self._video, self.features)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip view feature"]:
        """One embedding for each clip, of all its frames."""
        return self.runner.rows(clips, self._inputs, self._video, self.features)[:, None]

    @property
    def clips_are_frames(self) -> bool:
        """Never: this is a video encoder."""
        return False

    def _inputs(self, clips: Sequence[Sequence[Frame]]) -> Float32[Tensor, "clip frame 3 height width"]:
        pixels = torch.stack([squeezed_pixels(clip, self.pixels, self.mean, self.std) for clip in clips])
        return pixels.to(self.runner.placement.device)

    def _video(self, pixels: Float32[Tensor, "clip frame 3 height width"]) -> Tensor:
        return self.model.video_head(self.model.video_encoder(pixel_values_videos=pixels).pooler_output)


def load_visual(folder: Path, runner: Runner, name: str = "pe-av") -> PeAvVisual:
    """The visual half of the PE-AV in ``folder``.

    Raises:
        WeightsUnavailable: the folder holds no PE-AV, or not all of one.
        MissingDependency: ``timm``, which holds the picture tower, is not installed.
    """
    if find_spec("timm") is None:
        raise MissingDependency(
            f"the visual encoder of PE-AV needs 'timm': {library_command('timm')} and the torchvision of your torch, or use its audio "
            "encoder only: --backbone clip+pe-a-frame"
        )
    whole: Any = load_config(folder, "pe_audio_video", "pe_video")
    config = whole.video_config if whole.model_type == "pe_audio_video" else whole
    if whole.model_type == "pe_audio_video":
        model = filled(PeVideoModel, config, part(read_state(folder), "video_model"), folder, runner.placement.device)
    else:
        model = load_model(PeVideoModel, folder, runner.placement.device, "pe_video")
    return PeAvVisual(
        model,
        _prompts(folder, config.text_config.max_position_embeddings),
        runner,
        **_picture_settings(folder, str(getattr(config.video_config.vision_config, "architecture", ""))),
        name=name,
    )


def part(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights of one half of PE-AV, with those of the text encoder, which both halves share and the file holds once."""
    own = {key.removeprefix(f"{name}."): values for key, values in state.items() if key.startswith(f"{name}.")}
    return own | {key: values for key, values in state.items() if key.startswith("text_model.")}


def _picture_settings(folder: Path, architecture: str) -> dict[str, Any]:
    """Size and colours as the checkpoint's video processor has them, else as its picture tower is called."""
    found: dict[str, Any] = {}
    for name in ("processor_config.json", "video_preprocessor_config.json"):
        if (folder / name).exists():
            said = read_json(folder / name)
            found |= said.get("video_processor", said)
    named = re.search(r"_(\d+)$", architecture)
    return {
        "pixels": int(found.get("size", {}).get("height", named[1] if named else DEFAULT_PIXELS)),
        "mean": tuple(found.get("image_mean", HALF)),
        "std": tuple(found.get("image_std", HALF)),
    }


# Audio.


@dataclass(eq=False)
class PeAudio:
    """Audio and labels in one space, an embedding for each 40 ms of audio.

    A longer interval has the mean of its embeddings: its score for a label is then the mean of its scores.
    """

    model: PeAudioFrameLevelModel
    prompts: Prompts
    runner: Runner
    name: str = "pe-a-frame"
    sample_rate_hz: int = SAMPLE_RATE_HZ
    segment_seconds: float = 1.0
    longest_seconds: float = CHUNK_SLICES * SLICE_SAMPLES / SAMPLE_RATE_HZ
    slice_seconds: float = SLICE_SAMPLES / SAMPLE_RATE_HZ

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return self.model.audio_head.proj.out_features

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One embedding for each label, for comparison with audio, independent of the others."""
        text = _text_through(self.model.text_model, self.model.text_audio_head)
        return self.prompts.rows(labels, self.runner, text, self.features)

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One embedding for each sound of any length: the mean of its slices' embeddings."""
        rows = np.empty((len(sounds), self.features), np.float32)
        lengths = [slices_in(sound) for sound in sounds]
        # Only sounds of one length go together: padding would leak into the convolutions.
        for length in sorted(set(lengths)):
            chosen = [index for index, found in enumerate(lengths) if found == length]
            rows[chosen] = self._means([sounds[index] for index in chosen], length)
        return rows

    def embed_slices(self, sound: Sound) -> Float[np.ndarray, "slice feature"]:
        """One embedding for each 40 ms of the sound; the last slice may be shorter.

        Longer sound than ten seconds goes through in overlapping chunks, one batch of them at a time.
        """
        slices = slices_in(sound)
        starts = chunk_starts(slices, CHUNK_SLICES, CHUNK_HOP_SLICES)
        chunks = [sound[start * SLICE_SAMPLES :][: CHUNK_SLICES * SLICE_SAMPLES] for start in starts]
        rows = self.runner.rows(chunks, self._waves, self._slices, min(slices, CHUNK_SLICES), self.features)
        return np.stack([rows[place] for place in most_central(slices, starts, CHUNK_SLICES)])

    def embed_spans(self, sound: Sound, spans: Sequence[Span]) -> Float[np.ndarray, "span feature"]:
        """One embedding for each span of seconds: the mean of its slices' embeddings. One pass, whatever the spans."""
        return span_means(self.embed_slices(sound), spans, self.slice_seconds)

    def _means(self, sounds: Sequence[Sound], slices: int) -> Float32[np.ndarray, "sound feature"]:
        if slices > CHUNK_SLICES:
            return np.stack([self.embed_slices(sound).mean(axis=0) for sound in sounds])
        return self.runner.rows(
            sounds, self._waves, lambda waves: self._slices(waves).float().mean(dim=1), self.features
        )

    def _waves(self, sounds: Sequence[Sound]) -> Float32[Tensor, "sound 1 sample"]:
        waves = np.stack([whole_slices(sound) for sound in sounds])
        return torch.from_numpy(waves)[:, None].to(self.runner.placement.device)

    def _slices(self, waves: Float32[Tensor, "sound 1 sample"]) -> Tensor:
        return self.model.audio_head(self.model.audio_encoder(input_values=waves).last_hidden_state)


def slices_in(sound: Sound) -> int:
    """The number of 40-ms slices that hold the sound.

    Raises:
        ValueError: it has no samples.
    """
    if not len(sound):
        raise ValueError("a sound must have at least one sample, got none")
    return -(-len(sound) // SLICE_SAMPLES)


def whole_slices(sound: Sound) -> Float32[np.ndarray, " filled_sample"]:
    """The sound with its last slice filled up by its mirror image, as in training.

    >>> len(whole_slices(np.zeros(2000, np.float32)))
    3840
    """
    return np.pad(sound, (0, -len(sound) % SLICE_SAMPLES), mode="reflect")


def load_audio(folder: Path, runner: Runner, name: str = "pe-a-frame") -> PeAudio:
    """The PE-A-Frame in ``folder``.

    Raises:
        WeightsUnavailable: the folder holds no PE-A-Frame, or not all of one.
    """
    model = load_model(PeAudioFrameLevelModel, folder, runner.placement.device, "pe_audio")
    # The library types a configuration's parts as anything they may be given as.
    config: Any = model.config
    kinds = config.architectures or ["PeAudioFrameLevelModel"]
    if "PeAudioFrameLevelModel" not in kinds:
        raise WeightsUnavailable(
            f"{folder} holds {kinds[0]}, which was trained on whole sounds: name one of facebook/pe-a-frame-small, -base, -large"
        )
    prompts = _prompts(folder, config.text_config.max_position_embeddings)
    return PeAudio(model, prompts, runner, name)
