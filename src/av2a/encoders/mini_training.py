"""How ``mini`` was trained: its models in torch, the loss and the loop. ``scripts/train_mini`` runs it.

Nothing else imports this module, or torch. The lessons come from training seeds only. Pictures with names and sounds with
names are two models that share nothing, so each is trained in a process and on a thread of its own.

The loss has two parts. One is SigLIP's: every pair of an input and a text is a yes-or-no question, so several names at
once are no contradiction. The other asks what the ``practical`` profile will ask: does the similarity to a name stand
out, in standard deviations, from the similarities to the background concepts that are not its near-synonyms?
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
from jaxtyping import Bool, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from av2a.datasets.synthetic import NAMES, SPLITS
from av2a.encoders import mini
from av2a.encoders.mini_lessons import PictureLessons, SoundLessons, Texts, lesson_texts

log = logging.getLogger(__name__)

FEATURES = 96
VISUAL_CHANNELS = (3, 16, 32, 32, 64, 64)
AUDIO_CHANNELS = (1, 16, 32, 32, 64, 64)
BAG_FEATURES = 64
PLACE_FEATURES = 128
AUX = 3.0
RAMP = 1.0
MOMENT_FEATURES = 128

Lessons = PictureLessons | SoundLessons
Arrays = dict[str, Float32[np.ndarray, "..."]]


# The model, parameter for parameter what `mini` runs in NumPy.


class Tower(nn.Module):
    """3×3 convolutions, each followed by normalisation while training, and by max(0, x); then what is made of them.

    A tower sees an input in parts (places of a picture, moments of a sound) and pools them to one unit row.
    """

    head: nn.Linear

    def __init__(self, channels: Sequence[int], strides: Sequence[tuple[int, int]], normalise: bool) -> None:
        super().__init__()
        pairs = list(zip(channels[:-1], channels[1:], strides, strict=True))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=not normalise) for before, after, stride in pairs
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) if normalise else nn.Identity() for _, after, _ in pairs)

    def parts(self, inputs: Tensor) -> Tensor:
        """(batch, part, feature)."""
        raise NotImplementedError

    def pooled(self, parts: Tensor) -> Tensor:
        """(batch, part, feature) to the unit rows, (batch, feature)."""
        both = torch.cat([parts.amax(dim=1), parts.mean(dim=1)], dim=1)
        return functional.normalize(self.head(both).float(), dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """The unit rows of inputs."""
        return self.pooled(self.parts(inputs))

    def convolved(self, hidden: Tensor) -> Tensor:
        """(batch, channel, height, width) to the same at a smaller size."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden = functional.relu(norm(convolution(hidden)))
        return hidden

    def fuse(self) -> None:
        """Put each normalisation, as it stands, into its convolution."""
        for layer, norm in enumerate(self.norms):
            convolution = self.convolutions[layer]
            if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
                self.convolutions[layer] = nn.utils.fuse_conv_bn_eval(convolution, norm)
                self.norms[layer] = nn.Identity()


class VisualTower(Tower):
    """Pictures to unit rows."""

    def __init__(self, normalise: bool) -> None:
        super().__init__(VISUAL_CHANNELS, mini.VISUAL_STRIDES, normalise)
        self.place = nn.Linear(VISUAL_CHANNELS[-1], PLACE_FEATURES)
        self.head = nn.Linear(2 * PLACE_FEATURES, FEATURES)

    def parts(self, pictures: Tensor) -> Tensor:
        """(batch, height, width, 3) from ``mini.pixels`` to (batch, place, feature)."""
        hidden = self.convolved(pictures.permute(0, 3, 1, 2))
        return functional.relu(self.place(hidden.flatten(2).transpose(1, 2)))


class AudioTower(Tower):
    """Sounds to unit rows."""

    def __init__(self, normalise: bool) -> None:
        super().__init__(AUDIO_CHANNELS, mini.AUDIO_STRIDES, normalise)
        bands = mini.MEL_BANDS
        for _, across in mini.AUDIO_STRIDES:
            bands = -(-bands // across)
        self.moment = nn.Linear(bands * AUDIO_CHANNELS[-1], MOMENT_FEATURES)
        self.head = nn.Linear(2 * MOMENT_FEATURES, FEATURES)

    def parts(self, levels: Tensor) -> Tensor:
        """(batch, window, band) from ``mini.decibels`` to (batch, moment, feature)."""
        hidden = self.convolved(levels[:, None])
        return functional.relu(self.moment(hidden.permute(0, 2, 3, 1).flatten(2)))


class TextTower(nn.Module):
    """Texts to unit rows."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(mini.TEXT_BUCKETS, BAG_FEATURES, mode="sum")
        self.hidden = nn.Linear(BAG_FEATURES, 2 * BAG_FEATURES)
        self.head = nn.Linear(2 * BAG_FEATURES, FEATURES)
        nn.init.normal_(self.bag.weight, std=0.3)

    def forward(self, tokens: Tensor, starts: Tensor) -> Tensor:
        """The texts' tokens, end to end, and where each text starts, to (text, feature)."""
        return functional.normalize(self.head(functional.relu(self.hidden(self.bag(tokens, starts)))), dim=1)


class Pair(nn.Module):
    """An encoder of pictures or sounds and the encoder of their names, with the loss's own parameters."""

    def __init__(self, stream: str, normalise: bool = True) -> None:
        super().__init__()
        self.encoder: Tower = (VisualTower if stream == "visual" else AudioTower)(normalise)
        self.text = TextTower()
        self.scale = nn.Parameter(torch.tensor(2.7))
        self.bias = nn.Parameter(torch.tensor(-6.0))
        self.glimpse = nn.LazyLinear(len(NAMES)) if normalise else None

    def text_rows(self, tokens: Sequence[Int64[np.ndarray, " token"]]) -> Tensor:
        """(text, feature) of texts given as ``mini.text_features``."""
        starts = np.cumsum([0, *(len(one) for one in tokens[:-1])])
        rows: Tensor = self.text(torch.from_numpy(np.concatenate(tokens)), torch.from_numpy(starts))
        return rows

    def arrays(self) -> Arrays:
        """The parameters that ``mini`` needs, normalisation put into the convolutions."""
        self.eval()
        self.encoder.fuse()
        return {name: values.detach().numpy() for name, values in self.state_dict().items() if "." in name}


def fused_pair(stream: str, weights: mini.Weights) -> Pair:
    """The model of one stream with the parameters of a weights file."""
    pair = Pair(stream, normalise=False)
    own = {name.removeprefix(f"{stream}."): torch.from_numpy(values) for name, values in weights.items()}
    kept = {name: values for name, values in own.items() if name in pair.state_dict()}
    pair.load_state_dict(pair.state_dict() | kept)
    return pair.eval()


# The loss.

MARGIN = 2.8
"""Standard deviations above the background that a present name should exceed, and an absent one stay below."""


def pair_loss(similarity: Tensor, present: Tensor, taught: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """SigLIP's loss over (input, text) pairs; positives weigh more, as they are rare."""
    loss = functional.binary_cross_entropy_with_logits(
        similarity * scale.exp() + bias, present, reduction="none", pos_weight=torch.tensor(4.0)
    )
    return (loss * taught).sum() / len(loss)


def standing_out(similarity: Tensor, background: Tensor, comparable: Tensor) -> Tensor:
    """How far each text's similarity lies above its comparable background's, in standard deviations.

    Shapes: (input, text), (input, concept), (text, concept) to (input, text).
    """
    count = comparable.sum(dim=1)
    mean = background @ comparable.T / count
    variance = (background**2) @ comparable.T / count - mean**2
    return (similarity - mean) / (variance.clamp_min(0) + 1e-4).sqrt()


def outlier_loss(z: Tensor, present: Tensor, taught: Tensor) -> Tensor:
    """Whether what stands out is present, and what is absent does not."""
    loss = functional.binary_cross_entropy_with_logits(
        2 * (z - MARGIN), present, reduction="none", pos_weight=torch.tensor(3.0)
    )
    return (loss * taught).sum() / len(loss)


def loss_of(rows: Tensor, texts: Tensor, question: "Question", pair: Pair, weight: float) -> Tensor:
    """Both parts of the loss, the second one times ``weight``."""
    similarity = rows @ texts.T
    z = standing_out(similarity, similarity[:, question.background], question.comparable)
    pairs = pair_loss(similarity, question.present, question.taught, pair.scale, pair.bias)
    return pairs + weight * outlier_loss(z, question.present, question.taught)


@dataclass(frozen=True)
class Question:
    """The texts of one step, and which are true of each input."""

    chosen: Int64[np.ndarray, " text"]
    background: slice
    """Where the background concepts stand among the chosen."""
    comparable: Tensor
    present: Tensor
    taught: Tensor


def question(texts: Texts, there: Bool[np.ndarray, "input category"], rng: np.random.Generator) -> Question:
    """Two wordings of each name, the whole background and some other texts, asked about each input."""
    names = np.concatenate([rng.choice(group, size=2) for group in texts.variants])
    others = rng.choice(texts.others, size=96, replace=False)
    chosen = np.concatenate([names, texts.background, others])
    background = slice(len(names), len(names) + len(texts.background))
    present = _any_of(there, texts.means[chosen])
    taught = 1 - _any_of(there, texts.may_mean[chosen]) * (1 - present)
    comparable = torch.from_numpy(texts.comparable[chosen].astype(np.float32))
    return Question(chosen, background, comparable, present, taught)


def _any_of(there: Bool[np.ndarray, "input category"], texts: Bool[np.ndarray, "text category"]) -> Tensor:
    return torch.from_numpy((there.astype(np.float32) @ texts.T.astype(np.float32) > 0).astype(np.float32))


# The loop.


@dataclass(frozen=True)
class Plan:
    """How much is rendered and how long is learned."""

    seed: int = 0
    picture_scenes: int = 2500
    pictures_per_scene: int = 5
    sound_scenes: int = 2500
    picture_steps: int = 1500
    sound_steps: int = 1500
    batch: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.02


def train(plan: Plan) -> Arrays:
    """The parameters after ``plan``, both streams side by side. The same plan gives the same on the same machine."""
    # Forked children would inherit torch's threads half alive.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), _log_to_stderr) as pool:
        visual, audio = pool.map(partial(train_stream, plan), ("visual", "audio"))
    return visual | audio


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")


def train_stream(plan: Plan, stream: str) -> Arrays:
    """The parameters of one stream, "visual" or "audio", by the names that ``mini`` has for them."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    lessons, steps = _lessons(plan, stream, rng)
    pair, texts = Pair(stream), lesson_texts(rng)
    optimiser = torch.optim.AdamW(pair.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, steps, pct_start=0.15)
    started = monotonic()
    for step in range(steps):
        # Standing out is a question only once there is something to see.
        loss = _step_loss(pair, lessons, texts, rng, plan.batch, weight=min(1.0, max(0.0, 3 * step / steps - RAMP)))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(pair.parameters(), 20.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            log.info("%s step %d: loss %.2f after %.0f s", stream, step, loss.item(), monotonic() - started)
    return {f"{stream}.{name}".replace(".encoder.", "."): values for name, values in pair.arrays().items()}


def _lessons(plan: Plan, stream: str, rng: np.random.Generator) -> tuple[Lessons, int]:
    started = monotonic()
    seeds = SPLITS["train"].seeds
    if stream == "visual":
        lessons: Lessons = PictureLessons.rendered(seeds[: plan.picture_scenes], plan.pictures_per_scene)
        steps = plan.picture_steps
    else:
        lessons, steps = SoundLessons.rendered(seeds[: plan.sound_scenes], rng), plan.sound_steps
    log.info("%s lessons rendered in %.0f s", stream, monotonic() - started)
    return lessons, steps


def _step_loss(
    pair: Pair, lessons: Lessons, texts: Texts, rng: np.random.Generator, batch: int, *, weight: float
) -> Tensor:
    inputs, there = lessons.batch(rng, batch)
    asked = question(texts, there, rng)
    # Half the width, a third of the time, on processors that have it.
    with torch.autocast("cpu", torch.bfloat16):
        parts = pair.encoder.parts(torch.from_numpy(inputs))
        rows = pair.encoder.pooled(parts)
        glimpses = pair.glimpse(parts).amax(dim=1).float()
    glimpsed = functional.binary_cross_entropy_with_logits(
        glimpses, torch.from_numpy(there.astype(np.float32)), pos_weight=torch.tensor(5.0), reduction="sum"
    ) / len(there)
    return AUX * glimpsed + loss_of(rows, pair.text_rows([texts.tokens[index] for index in asked.chosen]), asked, pair, weight)


def write_weights(arrays: Arrays, path: Path) -> None:
    """The parameters as an ``.npz`` of half-precision arrays."""
    np.savez_compressed(
        path, allow_pickle=False, **{name: values.astype(np.float16) for name, values in arrays.items()}
    )
