"""CMPAE: evidence for presence and for absence, collected across the streams (Gao, Chen, Xu, CVPR 2023).

A probability is p = α₀ / (α₀ + α₁) with α = e(l) + 1, the parameters of a Beta distribution, from a logit l for presence and one for
absence. Two passes are combined: one with attention across the streams and one without.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from av2a.methods.trained.hybrid import UNREAD_BY_ALL, WIDTH, HybridAttention, pooled
from av2a.methods.trained.networks import (
    AUDIO_FEATURES,
    CATEGORIES,
    MOTION_FEATURES,
    PICTURE_FEATURES,
    AudioFeatures,
    MotionFeatures,
    NetworkOutputs,
    PictureFeatures,
    Sequence,
    by_second,
    linear,
)

UNREAD = {**UNREAD_BY_ALL, **linear("fc_global.0", WIDTH, WIDTH), **linear("fc_global.2", WIDTH, CATEGORIES)}
"""Parameters of the published checkpoint that the forward pass never uses, with their shapes."""

CROSS_SHARE = 0.7
"""Weight of the pass with attention across the streams, as published (``fuse_ratio``)."""
_CROSS_FEATURES = 0.8  # within that pass, the weight of features with attention across the streams
_LEAK = 0.2
_TEMPERATURE, _LARGEST_LOGIT = 0.8, 10.0


def evidence(logits: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """e(l) = exp(l / 0.8), l clamped to [-10, 10] first."""
    return (logits.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT) / _TEMPERATURE).exp()


def probability(logits: Float[Tensor, "*any 2"]) -> Float[Tensor, "*any"]:
    """The probability of presence, from the logits (presence, absence)."""
    alpha = evidence(logits) + 1
    return alpha[..., 0] / alpha.sum(dim=-1)


def uncertainty(logits: Float[Tensor, "*any 2"]) -> Float[Tensor, "*any"]:
    """The lack of evidence for presence and absence, in (0, 1]. No decision uses it."""
    return 2 / (evidence(logits) + 1).sum(dim=-1)


@dataclass(frozen=True)
class PresenceEvidence:
    """One pass: logits of presence and absence."""

    seconds: Float[Tensor, "video second modality label 2"]
    whole: Float[Tensor, "video modality label 2"]


class Cmpae(nn.Module):
    """CMPAE's network: features to probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.fc_a = _with_elu(AUDIO_FEATURES)
        self.fc_v = _with_elu(PICTURE_FEATURES)
        self.fc_st = _with_elu(MOTION_FEATURES)
        self.fc_fusion = _with_elu(2 * WIDTH)
        self.hat_encoder = HybridAttention()
        self.fc_prob = nn.Linear(WIDTH, CATEGORIES)
        self.fc_prob_beta = nn.Linear(WIDTH, CATEGORIES)
        self.fc_frame_att = nn.Linear(WIDTH, 2 * CATEGORIES)
        self.v2a = _with_leak()
        self.a2v = _with_leak()
        self.classifier1 = _with_leak()
        self.classifier2 = nn.Linear(WIDTH, CATEGORIES)

    def forward(self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures) -> NetworkOutputs:
        """The probabilities of each second, both passes combined."""
        x_audio, x_visual = self.embedded(audio, pictures, motion)
        whole = self.overall(x_audio, x_visual).sigmoid().mean(dim=1)
        crossed, alone = self.attended(x_audio, x_visual)
        answers = [_answers(self.judged(*pass_), whole, x_visual, crossed[1]) for pass_ in (crossed, alone)]
        return blended(*answers)

    def embedded(
        self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures
    ) -> tuple[Sequence, Sequence]:
        """The input of attention: x_a, x_v. The mean over a second's frames is taken after the ELU."""
        seen = torch.cat([by_second(self.fc_v(pictures)), self.fc_st(motion)], dim=-1)
        return self.fc_a(audio), self.fc_fusion(seen)

    def overall(self, x_audio: Sequence, x_visual: Sequence) -> Float[Tensor, "video second label"]:
        """Logits of each second, both modalities together, from the input of attention. No decision uses them."""
        return self.classifier2(self.classifier1(x_audio) + self.classifier1(x_visual))

    def attended(
        self, x_audio: Sequence, x_visual: Sequence
    ) -> tuple[tuple[Sequence, Sequence], tuple[Sequence, Sequence]]:
        """(y_a, y_v) of the pass with attention across the streams, and of the one without."""
        alone = self.hat_encoder(x_audio, x_visual, cross=False)
        crossed = self.hat_encoder(x_audio, x_visual, cross=True)
        audio, visual = (
            _CROSS_FEATURES * with_cross + (1 - _CROSS_FEATURES) * without
            for with_cross, without in zip(crossed, alone, strict=True)
        )
        return (audio, visual), alone

    def judged(self, y_audio: Sequence, y_visual: Sequence) -> PresenceEvidence:
        """The evidence of one pass."""
        both = torch.stack([y_audio, y_visual], dim=2)
        messages = torch.stack([self.v2a(y_audio + y_visual), self.a2v(y_audio + y_visual)], dim=2)
        seconds = torch.stack([self.fc_prob(both), self.fc_prob_beta(both + messages)], dim=-1)
        # Two weights a label, neighbours in the layer's output: one for presence, one for absence.
        moments = self.fc_frame_att(both).reshape(seconds.shape)
        # Logits are pooled over time, then made into a probability; HAN pools probabilities.
        return PresenceEvidence(seconds, pooled(seconds, moments))


def _answers(found: PresenceEvidence, whole: Tensor, x_visual: Sequence, y_visual: Sequence) -> NetworkOutputs:
    audio, visual = probability(found.seconds).unbind(dim=2)
    whole_audio, whole_visual = probability(found.whole).unbind(dim=1)
    return NetworkOutputs(audio, visual, whole_audio, whole_visual, whole=whole, fused=x_visual, attended=y_visual)


def blended(crossed: NetworkOutputs, alone: NetworkOutputs) -> NetworkOutputs:
    """The probabilities of both passes, 0.7 to 0.3. The sequences are those of the first."""
    mixed = {
        name: CROSS_SHARE * getattr(crossed, name) + (1 - CROSS_SHARE) * getattr(alone, name)
        for name in ("audio", "visual", "whole_audio", "whole_visual")
    }
    return NetworkOutputs(**mixed, whole=crossed.whole, fused=crossed.fused, attended=crossed.attended)


def _with_elu(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, WIDTH), nn.ELU())


def _with_leak() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(_LEAK))
