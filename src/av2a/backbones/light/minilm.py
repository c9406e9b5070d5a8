"""all-MiniLM-L6-v2: a short text to a unit row of 384 numbers (Wang et al., 2020; Reimers and Gurevych, 2019).

A BERT of six layers; the row is the mean of its tokens' rows.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

from av2a.backbones.light.graphs import Graph, Parameters

HEADS = 12
LONGEST_TOKENS = 256


WORDS = "embeddings.word_embeddings.weight"
"""Half of all parameters; of its rows only those of a text's tokens are read."""


def minilm(parameters: Parameters) -> object:
    """The graph: token embeddings (text, token, 384), as :func:`embedded` gives them, and their mask to unit rows (text, 384).

    Raises:
        KeyError: a parameter is missing.
    """
    graph = Graph()
    ops = graph.ops
    width = parameters["embeddings.LayerNorm.weight"].shape[0]
    words, mask = graph.input([-1, -1, width]), graph.input([-1, -1])

    def of(name: str) -> tuple[np.ndarray, np.ndarray]:
        return parameters[f"{name}.weight"], parameters[f"{name}.bias"]

    value = words
    value = graph.layer_norm(value, *of("embeddings.LayerNorm"))
    absent = ops.subtract(ops.unsqueeze(mask, graph.constant([1, 2], np.int64)), graph.constant(1))
    hidden = ops.multiply(absent, graph.constant(1e9))

    def heads(name: str) -> object:
        split = graph.reshape(graph.linear(value, *of(name)), 0, 0, HEADS, width // HEADS)
        return ops.transpose(split, graph.constant([0, 2, 1, 3], np.int64))

    for layer in range(sum(name.endswith("attention.self.query.weight") for name in parameters)):
        block = f"encoder.layer.{layer}"
        query, key, content = (heads(f"{block}.attention.self.{name}") for name in ("query", "key", "value"))
        near = ops.multiply(ops.matmul(query, key, False, True), graph.constant((width // HEADS) ** -0.5))
        attended = ops.matmul(ops.softmax(ops.add(near, hidden), -1), content, False, False)
        joined = graph.reshape(ops.transpose(attended, graph.constant([0, 2, 1, 3], np.int64)), 0, 0, width)
        value = ops.add(value, graph.linear(joined, *of(f"{block}.attention.output.dense")))
        value = graph.layer_norm(value, *of(f"{block}.attention.output.LayerNorm"))
        inner = ops.gelu(graph.linear(value, *of(f"{block}.intermediate.dense")), "erf")
        value = ops.add(value, graph.linear(inner, *of(f"{block}.output.dense")))
        value = graph.layer_norm(value, *of(f"{block}.output.LayerNorm"))
    kept = ops.multiply(value, ops.unsqueeze(mask, graph.constant([2], np.int64)))
    one = graph.constant(1, np.int64)
    total = ops.reduce_sum(kept, one, False)
    return graph.model([ops.normalize_l2(total, one, 1e-12, "max")], [words, mask])


def embedded(
    ids: Int64[np.ndarray, "text token"], word: Callable[[int], Float32[np.ndarray, " feature"]], parameters: Parameters
) -> Float32[np.ndarray, "text token feature"]:
    """What the graph is given: the rows of words, of their places, and of the first of two sentences; ``word`` reads one row."""
    rows = {number: word(number) for number in np.unique(ids).tolist()}
    words = np.stack([np.stack([rows[number] for number in text]) for text in ids.tolist()])
    places = parameters["embeddings.position_embeddings.weight"][: ids.shape[1]]
    return np.asarray(words + places + parameters["embeddings.token_type_embeddings.weight"][0])


def padded(tokens: list[list[int]]) -> tuple[Int64[np.ndarray, "text token"], Float32[np.ndarray, "text token"]]:
    """Token ids as one rectangle, and its mask.

    >>> padded([[101, 3899, 102], [101, 102]])[1].tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """
    width = max(map(len, tokens))
    ids = np.array([[*each, *[0] * (width - len(each))] for each in tokens], np.int64)
    mask = np.array([[*[1] * len(each), *[0] * (width - len(each))] for each in tokens], np.float32)
    return ids, mask
