"""LanguageBind as a backbone: frames, clips, audio and labels in one space of unit embeddings (Zhu et al., 2024).

There are three checkpoints. Labels are embedded by the image checkpoint's text tower, as in the released method; the text towers of the
other two are not kept in memory. All embeddings have unit length: the released code multiplies those of frames and audio by a
temperature, which cancels when scores are normalised over the labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTokenizer

from av2a.backbones.base import Backbone, Frame, Sound
from av2a.backbones.checkpoints import LANGUAGEBIND, LANGUAGEBIND_AUDIO, LANGUAGEBIND_IMAGE, LANGUAGEBIND_VIDEO
from av2a.backbones.device import BatchSize, Placement
from av2a.backbones.languagebind.checkpoint import load_model
from av2a.backbones.languagebind.configuration import Configuration, TowerKind
from av2a.backbones.languagebind.fbank import HOP_SAMPLES, SAMPLE_RATE_HZ, WINDOW_SAMPLES, spectrogram_pixels
from av2a.backbones.languagebind.towers import LanguageBindModel
from av2a.backbones.pixels import languagebind_image_pixels, languagebind_video_pixels
from av2a.backbones.pretrained import check_merges, check_words, panics_as_errors
from av2a.backbones.prompts import PROMPTS_VERSION, Prompts
from av2a.backbones.running import Runner, info
from av2a.backbones.weights import again, read_config, read_state
from av2a.errors import WeightsUnavailable, one_line
from av2a.timeline import spread_indexes

LEGACY_END = 2
"""The end token in old configurations, which is wrong; the end token is then the highest one."""

PICTURE_TOKENS = 257
"""Tokens of 224 × 224 pixels in patches of 14 × 14, with the class token."""

SHORTEST_SECONDS = 1.0
"""No shorter window is embedded: a spectrogram of one second already repeats ten times."""


def load(
    image: Path,
    video: Path,
    audio: Path,
    placement: Placement,
    *,
    visual_name: str = f"{LANGUAGEBIND_IMAGE.checkpoint} + {LANGUAGEBIND_VIDEO.checkpoint}",
    audio_name: str = str(LANGUAGEBIND_AUDIO.checkpoint),
) -> Backbone:
    """The backbone from three folders, each with ``config.json`` and weights; ``image`` also holds the tokenizer.

    ``video`` and ``audio`` may be LoRA-tuned checkpoints, ``video`` one of V1.5; the names are what outputs record.

    Raises:
        WeightsUnavailable: a file is missing or damaged, is of another architecture, or contradicts another.
    """
    configurations = {kind: read_configuration(folder, kind) for kind, folder in _by_kind(image, video, audio)}
    widths = {configuration.shared_width for configuration in configurations.values()}
    if len(widths) > 1:
        raise WeightsUnavailable(
            f"the checkpoints share no space (rows of {', '.join(map(str, sorted(widths)))} features): give three of one family"
        )
    prompts = Prompts(
        tokenizer_in(image, configurations[TowerKind.IMAGE]),
        prompt,
        int(configurations[TowerKind.IMAGE].text["max_position_embeddings"]),
    )
    models = {
        kind: load_model(
            configurations[kind], read_state(folder), one_line(str(folder)), with_text=kind is TowerKind.IMAGE
        ).to(placement.device)
        for kind, folder in _by_kind(image, video, audio)
    }
    runners = {
        kind: _runner(
            configuration, placement, audio_name if kind is TowerKind.AUDIO else f"{visual_name} ({kind.value})"
        )
        for kind, configuration in configurations.items()
    }
    names = Names(models[TowerKind.IMAGE], prompts, runners[TowerKind.IMAGE])
    return Backbone(
        info(LANGUAGEBIND, visual_name, audio_name, [image, video, audio], placement),
        LanguageBindVisual(
            models[TowerKind.IMAGE],
            models[TowerKind.VIDEO],
            names,
            runners[TowerKind.IMAGE],
            runners[TowerKind.VIDEO],
            visual_name,
        ),
        LanguageBindAudio(models[TowerKind.AUDIO], names, runners[TowerKind.AUDIO], audio_name),
        batch_items=BatchSize.on(placement.device).items,
        prompts_version=PROMPTS_VERSION,
    )


def _runner(configuration: Configuration, placement: Placement, name: str) -> Runner:
    """A runner whose batches have as many patches as a batch of images."""
    tower = configuration.tower
    share = max(1, tower.frames * tower.tokens // PICTURE_TOKENS)
    return Runner(placement, BatchSize(max(1, BatchSize.on(placement.device).items // share)), name)


def prompt(label: str) -> str:
    """The prompt: lower case, without underscores, after a capital "A" (behaviour 1).

    >>> prompt("Frying_(food)")
    'A frying (food)'
    """
    return f"A {label.replace('_', ' ').lower()}"


def read_configuration(folder: Path, kind: TowerKind) -> Configuration:
    """The configuration of a checkpoint.

    Raises:
        WeightsUnavailable: there is none, or it is of another architecture.
    """
    return Configuration.parsed(read_config(folder, kind.value), kind, one_line(str(folder)))


def _by_kind(image: Path, video: Path, audio: Path) -> list[tuple[TowerKind, Path]]:
    return [(TowerKind.IMAGE, image), (TowerKind.VIDEO, video), (TowerKind.AUDIO, audio)]


def tokenizer_in(folder: Path, configuration: Configuration) -> CLIPTokenizer:
    """The tokenizer of the text tower.

    Raises:
        WeightsUnavailable: it is missing, damaged, or that of another text tower.
    """
    try:
        if not (folder / "tokenizer.json").exists() and not (folder / "merges.txt").exists():
            # The library would make up merges from the vocabulary.
            raise ValueError("neither tokenizer.json nor merges.txt")
        # By its class: the repositories name one of their own code, which adds nothing to it.
        with panics_as_errors():
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        check_merges(tokenizer)
        check_words(tokenizer)
    # Missing, truncated and foreign files raise many kinds of errors.
    except Exception as wrong:
        raise WeightsUnavailable(
            f"the tokenizer in {one_line(str(folder))} cannot be read ({one_line(str(wrong))}): {again(folder)}"
        ) from wrong
    _check_tokenizer(tokenizer, configuration, folder)
    return tokenizer


def _check_tokenizer(tokenizer: CLIPTokenizer, configuration: Configuration, folder: Path) -> None:
    """With another end token than the text tower's, every label's embedding would be that of its first token."""
    tokens, end = configuration.text["vocab_size"], configuration.text["eos_token_id"]
    highest = max(tokenizer.get_vocab().values())
    expected = highest if end == LEGACY_END else end
    if highest >= tokens or tokenizer.eos_token_id != expected:
        raise WeightsUnavailable(
            f"the tokenizer in {one_line(str(folder))} (tokens to {highest}, the end is {tokenizer.eos_token_id}) contradicts its "
            f"config.json ({tokens} tokens, the end is {expected}): get both files of one revision"
        )


@dataclass(eq=False)
class Names:
    """Embeds labels for both encoders; the last vocabulary is not embedded again."""

    model: LanguageBindModel
    prompts: Prompts
    runner: Runner
    _last: tuple[tuple[str, ...], Float[np.ndarray, "label feature"]] | None = None

    def rows(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit embedding for each label, independent of the others.

        Raises:
            InvalidLabels: a label is longer than the text encoder takes.
        """
        wanted = tuple(labels)
        if self._last is None or self._last[0] != wanted:
            self._last = wanted, self.prompts.rows(wanted, self.runner, self._text, self.model.features)
        return self._last[1].copy()

    def _text(self, ids: Tensor, mask: Tensor) -> Tensor:
        del mask  # attention looks back only, and what is read is the end token
        return self.model.text_rows(ids)


@dataclass(eq=False)
class LanguageBindVisual:
    """Frames by the image tower, clips by the video tower."""

    image: LanguageBindModel
    video: LanguageBindModel
    names: Names
    picture_runner: Runner
    clip_runner: Runner
    name: str

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return self.image.features

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit embedding for each label."""
        return self.names.rows(labels)

    def embed_frames(self, frames: Sequence[Frame]) -> Float[np.ndarray, "frame feature"]:
        """One unit embedding for each frame of any size."""
        return self.picture_runner.rows(frames, self._pictures, self.image.picture_rows, self.image.features)

    def embed_clips(self, clips: Sequence[Sequence[Frame]]) -> Float[np.ndarray, "clip 1 feature"]:
        """One unit embedding for each clip. Of clips with another number of frames than the tower's, as many are taken, evenly spread."""
        return self.clip_runner.rows(clips, self._videos, self.video.clip_rows, self.video.features)[:, None]

    @property
    def clips_are_frames(self) -> bool:
        """Never: clips have a tower of their own."""
        return False

    def _pictures(self, frames: Sequence[Frame]) -> Float[Tensor, "frame 3 height width"]:
        size = self.image.vision_model.shape.input_shape[0]
        return languagebind_image_pixels(frames, size).to(self.picture_runner.placement.device)

    def _videos(self, clips: Sequence[Sequence[Frame]]) -> Float[Tensor, "clip 3 frame height width"]:
        shape = self.video.vision_model.shape
        chosen = ([clip[place] for place in spread_indexes(len(clip), shape.frames)] for clip in clips)
        pixels = [languagebind_video_pixels(frames, shape.input_shape[0]) for frames in chosen]
        return torch.stack(pixels).to(self.clip_runner.placement.device)


@dataclass(eq=False)
class LanguageBindAudio:
    """Audio by the audio tower."""

    model: LanguageBindModel
    names: Names
    runner: Runner
    name: str
    sample_rate_hz: int = SAMPLE_RATE_HZ
    segment_seconds: float = SHORTEST_SECONDS
    longest_seconds: float = field(init=False)
    """The audio that fills the spectrogram once. Of longer audio, only three crops of this length would be used."""

    def __post_init__(self) -> None:
        length = self.model.vision_model.shape.input_shape[1]
        self.longest_seconds = (length * HOP_SAMPLES + WINDOW_SAMPLES) / SAMPLE_RATE_HZ

    @property
    def features(self) -> int:
        """How many numbers an embedding has."""
        return self.model.features

    def embed_labels(self, labels: Sequence[str]) -> Float[np.ndarray, "label feature"]:
        """One unit embedding for each label."""
        return self.names.rows(labels)

    def embed_sounds(self, sounds: Sequence[Sound]) -> Float[np.ndarray, "sound feature"]:
        """One unit embedding for each sound."""
        return self.runner.rows(sounds, self._spectrograms, self.model.picture_rows, self.model.features)

    def _spectrograms(self, sounds: Sequence[Sound]) -> Float[Tensor, "sound 3 band frame"]:
        pixels = [spectrogram_pixels(sound, self.model.configuration) for sound in sounds]
        return torch.stack(pixels).to(self.runner.placement.device)
