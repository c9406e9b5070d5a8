"""The blocks of MGN: transformer layers, and grouping, which assigns the elements of a sequence to a few tokens.

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
"""The elements of a sequence."""
Tokens = Float[Tensor, "video token width"]
"""The tokens that elements are assigned to."""
Map = Float[Tensor, "video token element"]
"""The share of each element in each token."""


class Perceptron(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, rows: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows width"]:
        """Applies the layers to each row."""
        return self.fc2(functional.gelu(self.fc1(rows)))


class SelfAttention(nn.Module):
    """Attention of a sequence to itself; queries, keys and values come from one layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, rows: Elements) -> Elements:
        """The attended sequence."""
        return self.proj(_attended(*self.qkv(rows).chunk(3, dim=-1)))


class CrossAttention(nn.Module):
    """Attention of tokens to elements."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens, elements: Elements) -> Tokens:
        """The attended tokens."""
        return self.proj(_attended(self.q_proj(tokens), self.k_proj(elements), self.v_proj(elements)))


def _attended(queries: Tokens, keys: Elements, values: Elements) -> Tokens:
    """Attention in eight heads, concatenated."""
    q, k, v = (rows.reshape(*rows.shape[:2], HEADS, -1).transpose(1, 2) for rows in (queries, keys, values))
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class Block(nn.Module):
    """A transformer layer, with normalisation before each of its halves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = SelfAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, _EXPANSION * width)

    def forward(self, rows: Elements) -> Elements:
        """The output of the layer."""
        rows = rows + self.attn(self.norm1(rows))
        return rows + self.mlp(self.norm2(rows))


class Gathering(nn.Module):
    """A transformer layer of tokens attending to elements, with normalisation at its end; query and key are not normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, _EXPANSION * width)
        self.norm_post = nn.LayerNorm(width)

    def forward(self, tokens: Tokens, elements: Elements) -> Tokens:
        """The output of the layer."""
        tokens = tokens + self.attn(tokens, elements)
        return self.norm_post(tokens + self.mlp(self.norm2(tokens)))


class Assignment(nn.Module):
    """Distributes each element over the tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tokens, elements: Elements, *, hard: bool) -> tuple[Tokens, Map]:
        """The tokens with their elements added, and the shares of each element.

        The shares of an element sum to one; ``hard`` assigns it completely to the token with the largest share.
        """
        similarity = self.q_proj(tokens) @ self.k_proj(elements).transpose(1, 2) / tokens.shape[-1] ** 0.5
        shares = similarity.softmax(dim=1)
        given = _all_to_the_first_largest(shares) if hard else shares
        # The sum plus one, so that a token without elements does not change.
        weights = given / (given.sum(dim=2, keepdim=True) + 1)
        return self.proj(weights @ self.v_proj(elements)) + tokens, shares


def _all_to_the_first_largest(shares: Map) -> Map:
    return torch.zeros_like(shares).scatter_(1, shares.argmax(dim=1, keepdim=True), 1.0)


class Grouping(nn.Module):
    """Assigns elements to tokens."""

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
        """The tokens with their elements added, and the shares of each element."""
        elements = self.norm_x(elements)
        # This network mixes tokens, not features, so it runs along the other axis.
        mixed = self.mlp_inter(self.norm_tokens(tokens).transpose(1, 2)).transpose(1, 2)
        queries = self.pre_assign_attn(self.norm_post_tokens(mixed), elements)
        gathered, shares = self.assign(queries, elements, hard=hard)
        return gathered + self.mlp_channels(self.norm_new_x(gathered)), shares


def attention_map(shares: Map, kind: AttentionMap) -> Map:
    """The factor of a token's probability in each element.

    A softmax over ten numbers in [0, 1] lies between 0.039 and 0.232, so this lies in (1, 1.24) whatever the weights.
    """
    return torch.ones_like(shares) if kind is AttentionMap.FLAT else 1 + shares.softmax(dim=2)
