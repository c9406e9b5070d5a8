"""HAN, the hybrid attention network (Tian, Li, Xu, "Unified Multisensory Perception", ECCV 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from av2a.methods.trained.hybrid import UNREAD_BY_ALL, WIDTH, HybridAttention, pooled, transformer_layer
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
    normalisation,
)

UNREAD = {
    **UNREAD_BY_ALL,
    **transformer_layer("audio_encoder.layers.0"),
    **transformer_layer("visual_encoder.layers.0"),
    **transformer_layer("cmt_encoder.layers.0"),
    **normalisation("cmt_encoder.norm1", WIDTH),
    **normalisation("cmt_encoder.norm2", WIDTH),
}
"""Parameters of the published checkpoint that the forward pass never uses, with their shapes."""


class Han(nn.Module):
    """HAN's network: attention within and across the streams, then attentive pooling over time and streams."""

    def __init__(self) -> None:
        super().__init__()
        self.fc_a = nn.Linear(AUDIO_FEATURES, WIDTH)
        self.fc_v = nn.Linear(PICTURE_FEATURES, WIDTH)
        self.fc_st = nn.Linear(MOTION_FEATURES, WIDTH)
        self.fc_fusion = nn.Linear(2 * WIDTH, WIDTH)
        self.hat_encoder = HybridAttention()
        self.fc_prob = nn.Linear(WIDTH, CATEGORIES)
        self.fc_frame_att = nn.Linear(WIDTH, CATEGORIES)
        self.fc_av_att = nn.Linear(WIDTH, CATEGORIES)

    def forward(self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures) -> NetworkOutputs:
        """The probabilities of each second and of the whole video."""
        x_audio, x_visual = self.embedded(audio, pictures, motion)
        return self.answered(x_visual, *self.hat_encoder(x_audio, x_visual))

    def embedded(
        self, audio: AudioFeatures, pictures: PictureFeatures, motion: MotionFeatures
    ) -> tuple[Sequence, Sequence]:
        """The input of attention: x_a, x_v."""
        # The mean over a second's frames is taken before the linear layer: an eighth of the work, the same numbers.
        seen = torch.cat([self.fc_v(by_second(pictures)), self.fc_st(motion)], dim=-1)
        return self.fc_a(audio), self.fc_fusion(seen)

    def answered(self, x_visual: Sequence, y_audio: Sequence, y_visual: Sequence) -> NetworkOutputs:
        """Probabilities from the output of attention."""
        both = torch.stack([y_audio, y_visual], dim=2)
        seconds: Float[Tensor, "video second modality label"] = self.fc_prob(both).sigmoid()
        moments = self.fc_frame_att(both)
        streams = functional.softmax(self.fc_av_att(both), dim=2)
        whole_audio, whole_visual = pooled(seconds, moments).unbind(dim=1)
        return NetworkOutputs(
            audio=seconds[:, :, 0],
            visual=seconds[:, :, 1],
            whole_audio=whole_audio,
            whole_visual=whole_visual,
            # The weights over time and over streams multiply and need not sum to one: this may exceed 1.
            whole=pooled(seconds * streams, moments).sum(dim=1),
            fused=x_visual,
            attended=y_visual,
        )
