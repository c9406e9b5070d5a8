"""MGN, the multi-modal grouping network (Mo, Tian, NeurIPS 2022); "MGN-MA" in the AV²A paper.

Each stream's ten seconds are assigned to 25 tokens, one for each label, and a token's probability is distributed over the seconds again.
The factors of the seconds differ by a tenth at most, so MGN hardly locates events in time, and a second's probability can exceed 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from av2a.methods.trained.grouping import HEADS, Block, Elements, Grouping, Map, Tokens, attention_map
from av2a.methods.trained.networks import (
    AUDIO_FEATURES,
    CATEGORIES,
    MOTION_FEATURES,
    PICTURE_FEATURES,
    SECONDS,
    AudioFeatures,
    MotionFeatures,
    NetworkOutputs,
    PictureFeatures,
    Sequence,
    by_second,
)
from av2a.methods.trained.settings import AttentionMap

UNREAD: dict[str, tuple[int, ...]] = {}
"""Empty: every parameter of the published checkpoint is used."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of a checkpoint (``--dim`` and the depths of its training); the defaults are those of the published one."""

    width: int = 128
    audio_depth: int = 3
    visual_depth: int = 3
    joint_depth: int = 6
    inner_tokens: int = 64
    """The width inside the network that mixes tokens."""

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]]) -> "Sizes":
        """The sizes of a checkpoint, from the shapes of its parameters, with defaults for those that the shapes do not show."""
        usual = cls()
        width = _size(shapes, "fc_prob.weight", axis=1, usual=usual.width)
        return cls(
            # The width is divided evenly among heads. Any other width is no MGN, and is refused because of its shapes.
            width=usual.width if width % HEADS else width,
            audio_depth=_depth(shapes, "audio_cug", usual.audio_depth),
            visual_depth=_depth(shapes, "visual_cug", usual.visual_depth),
            joint_depth=_depth(shapes, "av_mcg", usual.joint_depth),
            inner_tokens=_size(shapes, "audio_cug.grouping.mlp_inter.fc1.weight", axis=0, usual=usual.inner_tokens),
        )


def _size(shapes: Mapping[str, tuple[int, ...]], name: str, *, axis: int, usual: int) -> int:
    shape = shapes.get(name, ())
    return shape[axis] if len(shape) == 2 and shape[axis] else usual


def _depth(shapes: Mapping[str, tuple[int, ...]], part: str, usual: int) -> int:
    numbers = {name.split(".")[2] for name in shapes if name.startswith(f"{part}.blocks.")}
    return len(numbers) or usual


class Transformer(nn.Module):
    """Blocks over a sequence and its tokens together, then the grouping of the sequence into the tokens."""

    def __init__(self, sizes: Sizes, depth: int, *, with_other: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(sizes.width) for _ in range(depth))
        self.grouping = Grouping(sizes.width, CATEGORIES, sizes.inner_tokens)
        self.han_encoder = Grouping(sizes.width, SECONDS, sizes.inner_tokens) if with_other else None

    def forward(
        self, elements: Elements, tokens: Tokens, other: Elements | None = None
    ) -> tuple[Tokens, Map, Elements]:
        """The tokens, the shares of each element, and the elements before the grouping."""
        both = torch.cat([elements, tokens], dim=1)
        for block in self.blocks:
            both = block(both)
        elements, tokens = both[:, : elements.shape[1]], both[:, elements.shape[1] :]
        if self.han_encoder is not None and other is not None:
            # The other stream's seconds are the tokens here, and the result replaces this stream's elements.
            elements, _ = self.han_encoder(elements, other, hard=True)
        return *self.grouping(elements, tokens), elements


class Mgn(nn.Module):
    """MGN's network: features to probabilities."""

    def __init__(self, sizes: Sizes | None = None, *, spread: AttentionMap = AttentionMap.SECONDS) -> None:
        super().__init__()
        sizes = sizes or Sizes()
        width = sizes.width
        self.spread = spread
        self.fc_a = nn.Linear(AUDIO_FEATURES, width)
        self.fc_v = nn.Linear(PICTURE_FEATURES, width)
        self.fc_st = nn.Linear(MOTION_FEATURES, width)
        self.fc_fusion = nn.Linear(2 * width, width)
        self.audio_token = nn.Parameter(torch.empty(CATEGORIES, width))
        self.visual_token = nn.Parameter(torch.empty(CATEGORIES, width))
        self.audio_cug = Transformer(sizes, sizes.audio_depth, with_other=True)
        self.visual_cug = Transformer(sizes, sizes.visual_depth)
        self.av_mcg = Transformer(sizes, sizes.joint_depth)
        self.fc_prob = nn.Linear(width, 1)
        self.fc_prob_a = nn.Linear(width, 1)
        self.fc_prob_v = nn.Linear(width, 1)
        # Used in training only.
        self.fc_cls = nn.Linear(width, CATEGORIES)

    def forward(self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures) -> NetworkOutputs:
        """The probabilities of each second and of the whole video."""
        x_audio, x_visual = self.embedded(audio, pictures, motion)
        grouped = self.grouped(x_audio, x_visual)
        whole_audio = self.fc_prob_a(grouped.audio).sigmoid()[..., 0]
        whole_visual = self.fc_prob_v(grouped.visual).sigmoid()[..., 0]
        return NetworkOutputs(
            audio=_by_second(whole_audio, attention_map(grouped.audio_shares, self.spread)),
            visual=_by_second(whole_visual, attention_map(grouped.visual_shares, self.spread)),
            whole_audio=whole_audio,
            whole_visual=whole_visual,
            whole=self.fc_prob(grouped.joint).sigmoid()[..., 0],
            fused=x_visual,
            attended=grouped.visual_seconds,
        )

    def embedded(
        self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures
    ) -> tuple[Sequence, Sequence]:
        """The input of grouping: x_a, x_v."""
        seen = torch.cat([self.fc_v(by_second(pictures)), self.fc_st(motion)], dim=-1)
        return self.fc_a(audio), self.fc_fusion(seen)

    def grouped(self, x_audio: Sequence, x_visual: Sequence) -> "Grouped":
        """The seconds assigned to a token for each label; then the audio tokens to the visual ones."""
        videos = len(x_audio)
        visual, visual_shares, seconds = self.visual_cug(x_visual, self.visual_token.expand(videos, -1, -1))
        audio, audio_shares, _ = self.audio_cug(x_audio, self.audio_token.expand(videos, -1, -1), x_visual)
        joint, _, _ = self.av_mcg(audio, visual)
        return Grouped(audio, visual, joint, audio_shares, visual_shares, seconds)


@dataclass(frozen=True)
class Grouped:
    """The tokens of each stream and of both, and the shares of the seconds in them."""

    audio: Tokens
    visual: Tokens
    joint: Tokens
    audio_shares: Map
    visual_shares: Map
    visual_seconds: Sequence
    """The visual sequence that was assigned."""


def _by_second(whole: Tensor, spread: Map) -> Tensor:
    return (whole[:, :, None] * spread).transpose(1, 2)
