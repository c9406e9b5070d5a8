"""The blocks of MGN: transformer layers, and grouping, which gathers a sequence into a few tokens.

Source: Mo, Tian, "Multi-modal Grouping Network", NeurIPS 2022, Eq. 7–18. Parameters are named as in the published checkpoint; GELU is the exact one.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from av2a.methods.trained.settings import AttentionMap

HEADS = 8
_EXPANSION = 4  # how much wider a block is inside

Elements = Float[Tensor, "video element width"]
"""What is gathered."""
Tokens = Float[Tensor, "video token width"]
"""What it is gathered into."""
Map = Float[Tensor, "video token element"]
"""How much of each element is in each token."""


class Perceptron(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, rows: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows width"]:
        """Row by row."""
        return self.fc2(functional.gelu(self.fc1(rows)))


class SelfAttention(nn.Module):
    """A sequence attending to itself, queries, keys and values from one layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, rows: Elements) -> Elements:
        """What each row takes from all."""
        return self.proj(_attended(*self.qkv(rows).chunk(3, dim=-1)))


class CrossAttention(nn.Module):
    """Tokens attending to elements."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens, elements: Elements) -> Tokens:
        """What each token takes from the elements."""
        return self.proj(_attended(self.q_proj(tokens), self.k_proj(elements), self.v_proj(elements)))


def _attended(asking: Tokens, asked: Elements, given: Elements) -> Tokens:
    """Attention in eight heads, the results side by side."""
    queries, keys, values = (
        rows.reshape(*rows.shape[:2], HEADS, -1).transpose(1, 2) for rows in (asking, asked, given)
    )
    return functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)


class Block(nn.Module):
    """A transformer layer, normalised before each of its halves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = SelfAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, _EXPANSION * width)

    def forward(self, rows: Elements) -> Elements:
        """One layer on."""
        rows = rows + self.attn(self.norm1(rows))
        return rows + self.mlp(self.norm2(rows))


class Gathering(nn.Module):
    """A transformer layer in which tokens look at elements, normalised at its end; query and key are taken as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, _EXPANSION * width)
        self.norm_post = nn.LayerNorm(width)

    def forward(self, tokens: Tokens, elements: Elements) -> Tokens:
        """One layer on."""
        tokens = tokens + self.attn(tokens, elements)
        return self.norm_post(tokens + self.mlp(self.norm2(tokens)))


class Assignment(nn.Module):
    """Each element shared out among the tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens, elements: Elements, *, hard: bool) -> tuple[Tokens, Map]:
        """The tokens with their elements in them, and how each element was shared out.

        The shares of an element sum to one; ``hard`` gives all of it to the token that has most.
        """
        nearness = self.q_proj(tokens) @ self.k_proj(elements).transpose(1, 2) / tokens.shape[-1] ** 0.5
        shares = nearness.softmax(dim=1)
        given = _all_to_the_first_largest(shares) if hard else shares
        # One more than the sum: a token that has nothing stays what it is.
        weights = given / (given.sum(dim=2, keepdim=True) + 1)
        return self.proj(weights @ self.v_proj(elements)) + tokens, shares


def _all_to_the_first_largest(shares: Map) -> Map:
    return torch.zeros_like(shares).scatter_(1, shares.argmax(dim=1, keepdim=True), 1.0)


class Grouping(nn.Module):
    """Elements gathered into tokens."""

    def __init__(self, width: int, tokens: int, inner_tokens: int) -> None:
        super().__init__()
        self.norm_tokens = nn.LayerNorm(width)
        self.mlp_inter = Perceptron(tokens, inner_tokens)
        self.norm_post_tokens = nn.LayerNorm(width)
        self.norm_x = nn.LayerNorm(width)
        self.pre_assign_attn = Gathering(width)
        self.assign = Assignment(width)
        self.norm_new_x = nn.LayerNorm(width)
        self.mlp_channels = Perceptron(width, _EXPANSION * width)

    def forward(self, elements: Elements, tokens: Tokens, *, hard: bool = False) -> tuple[Tokens, Map]:
        """The tokens with their elements in them, and how each element was shared out."""
        elements = self.norm_x(elements)
        # This network mixes tokens, not features: it runs along the other axis.
        mixed = self.mlp_inter(self.norm_tokens(tokens).transpose(1, 2)).transpose(1, 2)
        asking = self.pre_assign_attn(self.norm_post_tokens(mixed), elements)
        gathered, shares = self.assign(asking, elements, hard=hard)
        return gathered + self.mlp_channels(self.norm_new_x(gathered)), shares


def attention_map(shares: Map, kind: AttentionMap) -> Map:
    """What a token's probability is multiplied by in each element.

    A softmax over ten numbers in [0, 1] lies between 0.039 and 0.232, so this lies in (1, 1.24) whatever the weights.
    """
    return torch.ones_like(shares) if kind is AttentionMap.FLAT else 1 + shares.softmax(dim=2)
