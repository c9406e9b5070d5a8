"""The hybrid attention of HAN, which JoMoLD and CMPAE share.

Source: Tian, Li, Xu, "Unified Multisensory Perception", ECCV 2020. Each stream attends to itself and to the other, with one set of
weights for both directions. Parameters are named as in the published checkpoints.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from av2a.methods.trained.networks import Sequence, linear, normalisation

WIDTH = 512


class HybridAttentionLayer(nn.Module):
    """Attention of one stream to itself and to the other, then a small network; normalisation after each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, num_heads=1, batch_first=True)
        self.cm_attn = nn.MultiheadAttention(width, num_heads=1, batch_first=True)
        self.linear1 = nn.Linear(width, width)
        self.linear2 = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, own: Sequence, other: Sequence, *, cross: bool = True) -> Sequence:
        """The output for the stream ``own``; without ``cross``, ``other`` is ignored."""
        attended = own + _attention(self.self_attn, own, own)
        if cross:
            attended = attended + _attention(self.cm_attn, own, other)
        hidden = self.norm1(attended)
        return self.norm2(hidden + self.linear2(functional.relu(self.linear1(hidden))))


def _attention(layer: nn.MultiheadAttention, queries: Sequence, keys: Sequence) -> Sequence:
    return layer(queries, keys, keys, need_weights=False)[0]


class HybridAttention(nn.Module):
    """All layers, for both streams."""

    def __init__(self, width: int = WIDTH, layers: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(HybridAttentionLayer(width) for _ in range(layers))

    def forward(self, audio: Sequence, visual: Sequence, *, cross: bool = True) -> tuple[Sequence, Sequence]:
        """The outputs of the last layer."""
        for layer in self.layers:
            # Both use the layer's input: the visual stream attends to the audio stream before its update.
            audio, visual = layer(audio, visual, cross=cross), layer(visual, audio, cross=cross)
        return audio, visual


UNREAD_BY_ALL = {**normalisation("hat_encoder.norm1", WIDTH), **normalisation("hat_encoder.norm2", WIDTH)}
"""Parameters of every published checkpoint that no forward pass uses, with their shapes."""


def transformer_layer(name: str) -> dict[str, tuple[int, ...]]:
    """The parameters of a ``nn.TransformerEncoderLayer`` called ``name``, with their shapes."""
    return {
        f"{name}.self_attn.in_proj_weight": (3 * WIDTH, WIDTH),
        f"{name}.self_attn.in_proj_bias": (3 * WIDTH,),
        **linear(f"{name}.self_attn.out_proj", WIDTH, WIDTH),
        **linear(f"{name}.linear1", WIDTH, WIDTH),
        **linear(f"{name}.linear2", WIDTH, WIDTH),
        **normalisation(f"{name}.norm1", WIDTH),
        **normalisation(f"{name}.norm2", WIDTH),
    }


def pooled(values: Float[Tensor, "video second *rest"], logits: Float[Tensor, "video second *rest"]) -> Tensor:
    """Values weighted by a softmax over the seconds: Σ_t softmax_t(logits) · values."""
    return (functional.softmax(logits, dim=1) * values).sum(dim=1)
