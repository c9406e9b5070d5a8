"""How ``mini`` was trained: ``scripts/train_mini`` calls :func:`train`. PyTorch enters here, never when ``mini`` is used.

Three parts are learned one after the other, each by a plain loss:

1. *Directions*: every name of the world has a direction of its own, at right angles to the others and to one that stands for
   "nothing". Texts learn where they point: names and their paraphrases to their name's direction, other words each to one of its own.
2. *Pictures* and 3. *sounds* learn which names are there, in any of their places or moments.

An input's row is then the sum of the directions of what is there, beside "nothing": the similarity of a name to an input is how
surely it is there, and that of an unknown word is spread about zero.
"""

import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn
from torch.nn import functional

from av2a.backbones import mini
from av2a.world import NAMES, SPLITS
from training.mini_lessons import PictureLessons, SoundLessons, lesson_texts

log = logging.getLogger(__name__)

FEATURES = 96
BAG_FEATURES = 64
VISUAL_CHANNELS = (3, 32, 48, 96, 128, 128)
AUDIO_CHANNELS = (1, 24, 32, 48, 64, 64)
NOTHING = 1.0
"""Length of the "nothing" in every row: a name that is there for sure has a similarity of 1/√2, one that may be there much less."""
CONCEPT_SHARE = 0.8
"""Cosine between a name's direction and that of a background concept which means it."""

Arrays = dict[str, Float32[np.ndarray, "..."]]


@dataclass(frozen=True)
class Plan:
    """How much is rendered and how long is learned."""

    seed: int = 0
    picture_scenes: int = 6000
    pictures_per_scene: int = 6
    sound_scenes: int = 2500
    text_steps: int = 1500
    picture_steps: int = 3200
    sound_steps: int = 2000
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.03


def train(plan: Plan) -> Arrays:
    """The parameters after ``plan``, pictures and sounds side by side. The same plan gives the same on the same machine."""
    directions = orthogonal_directions(np.random.default_rng(plan.seed))
    # Forked children would inherit torch's threads half alive.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), _log_to_stderr) as pool:
        visual, audio = pool.map(partial(train_stream, plan), ("visual", "audio"))
    arrays = visual | audio | train_texts(plan, directions)
    for stream in ("visual", "audio"):
        arrays[f"{stream}.directions"] = directions[:-1]
        arrays[f"{stream}.nothing"] = NOTHING * directions[-1]
    return arrays


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")


# Texts.


def orthogonal_directions(rng: np.random.Generator) -> Float32[np.ndarray, "direction feature"]:
    """One unit direction for each name, and a last one for "nothing", all at right angles."""
    square, _ = np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))
    return np.ascontiguousarray(square[: len(NAMES) + 1], np.float32)


class TextTower(nn.Module):
    """Texts to rows: hashed words and parts of words, averaged, through one hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(mini.TEXT_BUCKETS, BAG_FEATURES, mode="mean")
        self.hidden = nn.Linear(BAG_FEATURES, 4 * BAG_FEATURES)
        self.head = nn.Linear(4 * BAG_FEATURES, FEATURES)

    def forward(self, tokens: Sequence[np.ndarray]) -> Tensor:
        """Texts given as ``mini.text_features`` to unit rows, (text, feature)."""
        starts = np.cumsum([0, *(len(one) for one in tokens[:-1])])
        bags = self.bag(torch.from_numpy(np.concatenate(tokens)), torch.from_numpy(starts))
        return functional.normalize(self.head(functional.relu(self.hidden(bags))), dim=1)


def train_texts(plan: Plan, directions: Float32[np.ndarray, "direction feature"]) -> Arrays:
    """The text tower's parameters after it learned where every text of the lessons points."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    texts = lesson_texts(rng)
    targets = _targets(texts.means, texts.concepts_of, texts.background, directions, rng)
    tower = TextTower()
    optimiser = torch.optim.AdamW(tower.parameters(), 1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, plan.text_steps)
    for step in range(plan.text_steps):
        chosen = rng.integers(len(targets), size=256)
        # Names are few among many other words, and matter most.
        chosen[:96] = rng.choice(np.flatnonzero(texts.means.any(axis=1)), size=96)
        rows = tower([texts.tokens[index] for index in chosen])
        loss = (1 - (rows * torch.from_numpy(targets[chosen])).sum(dim=1)).mean()
        _learn(optimiser, schedule, loss)
        if step % 500 == 0 or step == plan.text_steps - 1:
            log.info("texts step %d: loss %.3f", step, loss.item())
    return {f"text.{name}": values.numpy() for name, values in tower.state_dict().items()}


def _targets(
    means: np.ndarray,
    concepts_of: np.ndarray,
    background: np.ndarray,
    directions: Float32[np.ndarray, "direction feature"],
    rng: np.random.Generator,
) -> Float32[np.ndarray, "text feature"]:
    """Where each text points: (text, name) ``means`` and (concept, name) ``concepts_of`` say which names it is about."""
    targets = rng.normal(size=(len(means), FEATURES))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    shared = np.zeros(means.shape)
    shared[background] = CONCEPT_SHARE * concepts_of / np.maximum(concepts_of.sum(axis=1, keepdims=True), 1) ** 0.5
    about = (shared > 0).any(axis=1)
    targets[about] = (1 - CONCEPT_SHARE**2) ** 0.5 * targets[about] + shared[about] @ directions[:-1]
    named = means.any(axis=1)
    targets[named] = means[named].astype(np.float64) @ directions[:-1]
    return np.asarray(targets / np.linalg.norm(targets, axis=1, keepdims=True), np.float32)


# Pictures and sounds.


class Tower(nn.Module):
    """3×3 convolutions, then in each part of the input (place or moment) how strongly each name is there.

    ``normalise`` is for training; :meth:`fused` puts the normalisation into the convolutions.
    """

    def __init__(self, stream: str, normalise: bool = True) -> None:
        super().__init__()
        self.stream = stream
        channels = VISUAL_CHANNELS if stream == "visual" else AUDIO_CHANNELS
        strides = mini.VISUAL_STRIDES if stream == "visual" else mini.AUDIO_STRIDES
        pairs = list(zip(channels[:-1], channels[1:], strides, strict=True))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=not normalise) for before, after, stride in pairs
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) if normalise else nn.Identity() for _, after, _ in pairs)
        bands = mini.MEL_BANDS
        for _, across in mini.AUDIO_STRIDES:
            bands = -(-bands // across)
        self.part = nn.Linear(channels[-1] * (1 if stream == "visual" else bands), len(NAMES))
        # Most names are not there.
        nn.init.constant_(self.part.bias, -2.0)

    def forward(self, inputs: Tensor) -> Tensor:
        """(input, height, width, channel), or (input, window, band), to how strongly each name is there, (input, name)."""
        hidden = inputs.permute(0, 3, 1, 2) if self.stream == "visual" else inputs[:, None]
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = functional.relu(norm(convolution(hidden)))
        # Pitch matters, place and moment do not: bands stay apart.
        parts = hidden.permute(0, 2, 3, 1).flatten(1, 2) if self.stream == "visual" else _moments(hidden)
        strengths = self.part(parts).float()
        count = torch.tensor(float(strengths.shape[1]))
        return (torch.logsumexp(mini.SHARPNESS * strengths, dim=1) - torch.log(count)) / mini.SHARPNESS

    def arrays(self) -> Arrays:
        """The parameters that ``mini`` needs, each normalisation, as it stands, put into its convolution."""
        self.eval()
        for layer, norm in enumerate(self.norms):
            convolution = self.convolutions[layer]
            if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
                self.convolutions[layer] = nn.utils.fuse_conv_bn_eval(convolution, norm)
                self.norms[layer] = nn.Identity()
        return {f"{self.stream}.{name}": values.numpy() for name, values in self.state_dict().items()}


def _moments(hidden: Tensor) -> Tensor:
    """(input, channel, moment, band) to (input, moment, band and channel)."""
    return hidden.permute(0, 2, 3, 1).flatten(2)


def tower_of(stream: str, weights: mini.Weights) -> Tower:
    """The tower of one stream with the parameters of a weights file."""
    tower = Tower(stream, normalise=False)
    tower.load_state_dict({name: torch.from_numpy(weights[f"{stream}.{name}"]) for name in tower.state_dict()})
    return tower.eval()


def train_stream(plan: Plan, stream: str) -> Arrays:
    """The parameters of one stream, "visual" or "audio"."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    lessons, steps = _lessons(plan, stream, rng)
    tower = Tower(stream).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # absent from its stubs
    optimiser = torch.optim.AdamW(tower.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, steps, pct_start=0.15)
    started = monotonic()
    for step in range(steps):
        inputs, there = lessons.batch(rng, plan.batch)
        # Half the width, a third of the time, on processors that have it.
        with torch.autocast("cpu", torch.bfloat16):
            strengths = tower(torch.from_numpy(inputs))
        loss = functional.binary_cross_entropy_with_logits(
            strengths, torch.from_numpy(there.astype(np.float32)), pos_weight=torch.tensor(3.0)
        )
        _learn(optimiser, schedule, loss)
        if step % 200 == 0 or step == steps - 1:
            log.info("%s step %d: loss %.4f after %.0f s", stream, step, loss.item(), monotonic() - started)
    return tower.arrays()


def _learn(optimiser: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler, loss: Tensor) -> None:
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
    schedule.step()


def _lessons(plan: Plan, stream: str, rng: np.random.Generator) -> tuple[PictureLessons | SoundLessons, int]:
    started = monotonic()
    seeds = SPLITS["train"].seeds
    if stream == "visual":
        lessons: PictureLessons | SoundLessons = PictureLessons.rendered(
            seeds[: plan.picture_scenes], plan.pictures_per_scene
        )
        steps = plan.picture_steps
    else:
        lessons, steps = SoundLessons.rendered(seeds[: plan.sound_scenes], rng), plan.sound_steps
    log.info("%s lessons rendered in %.0f s", stream, monotonic() - started)
    return lessons, steps


def write_weights(arrays: Arrays, path: Path) -> None:
    """The parameters as ``mini`` reads them, in half precision."""
    halves = {name: values.astype(np.float16) for name, values in sorted(arrays.items())}
    with path.open("wb") as out:
        np.savez_compressed(out, allow_pickle=False, **halves)
