"""NanoDet-m: a picture to the 80 classes of COCO, read from the two files of ncnn in which its author publishes it.

Its 1×1 convolutions behind the first stage can be computed in bytes; in the first, channels of 58, errors would be three times those of
all others together, and the heads are hardly slower in float32.

Between its units channels are shuffled and split. Here they are only renamed: a convolution takes its channels in any order, as its
kernel can be put into the same order. Shuffling took a sixth of the time, on a loaded machine half of it.

The dozen kinds of layers that it has are translated here, so that neither ncnn's runtime (26 MB) nor a second converter is needed.
Format: ``.param`` is text, a layer a line (kind, name, numbers of inputs and outputs, their names, ``key=value``); ``.bin`` holds the
weights in the same order, each kernel behind a tag that says whether it is in half precision.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from av2a.backbones.light.graphs import Graph, Node

TRAINING_SIDE = 416
LONGER_SIDE = 352
"""Of a picture. As large as in training it takes a third longer, and no more events are found (docs/real.md)."""
CLASSES, EDGES = 80, 32
"""Channels of each of its three heads: what is there, and how far away the edges of its box are."""
MEAN_BGR = (103.53, 116.28, 123.675)
SPREAD_BGR = (57.375, 57.12, 58.395)
"""Blue, green and red as in training (1 / 0.017429 and so on in the author's demo)."""

FIRST_STAGE = 58
"""Channels of its convolutions, and of no others."""

MAGIC = "7767517"
HALF, FULL = 0x01306B47, 0
"""Tags before a kernel: half precision or single."""
ARRANGING = ("Sigmoid", "Reshape", "Permute")
"""Layers that stand only behind the heads and bring what they give into the order of boxes, which are not asked for here."""


Channels = Sequence[tuple[Node, int]]
"""A value, channel by channel: where each was computed, and its number there."""


class UnknownLayer(ValueError):
    """A file of another network than this reader knows."""


class _Weights:
    """The numbers of a ``.bin``, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def kernel(self, count: int) -> np.ndarray:
        (tag,) = struct.unpack_from("<I", self._data, self._at)
        self._at += 4
        if tag not in (HALF, FULL):
            raise UnknownLayer(f"weights with the tag {tag:#x}")
        # Kernels of half precision end on a multiple of four bytes.
        return self._take(count, "<f2" if tag == HALF else "<f4", align=4)

    def plain(self, count: int) -> np.ndarray:
        return self._take(count, "<f4")

    def _take(self, count: int, kind: str, align: int = 1) -> np.ndarray:
        found = np.frombuffer(self._data, kind, count, self._at)
        self._at += -(-found.nbytes // align) * align
        return found.astype(np.float32)

    @property
    def is_spent(self) -> bool:
        return self._at == len(self._data)


def nanodet(param: Path, weights: Path, reaches: Sequence[float] | None = None) -> object:
    """The graph: (1, 3, high, wide), BGR, normalised, to the probability of each class anywhere in the picture, (1, 80).

    ``reaches`` are those of :class:`~av2a.backbones.light.graphs.Graph`, in the order of the file.

    Raises:
        UnknownLayer, ValueError, struct.error: the files are not those of NanoDet-m.
    """
    lines = param.read_text("utf-8").split("\n")
    if lines[0].strip() != MAGIC:
        raise UnknownLayer("not ncnn's format")
    graph, numbers = Graph(reaches), _Weights(weights.read_bytes())
    picture = graph.input([1, 3, (1, TRAINING_SIDE), (1, TRAINING_SIDE)])
    values: dict[str, Channels] = {}
    heads: list[Node] = []
    for line in filter(None, lines[2:]):
        kind, _, inputs, outputs, *rest = line.split()
        if kind in ARRANGING:
            continue
        names, said = (
            rest[: int(inputs) + int(outputs)],
            dict(pair.split("=") for pair in rest[int(inputs) + int(outputs) :]),
        )
        given = [values[name] for name in names[: int(inputs)]]
        if kind == "Slice" and _first_length(said) == CLASSES:
            heads += [_in_order(graph, each) for each in given]
            continue
        made = (
            [_channels(picture.output(0))]
            if kind == "Input"
            else _layer(graph, kind, given, int(outputs), said, numbers)
        )
        values |= zip(names[int(inputs) :], made, strict=True)
    if not numbers.is_spent:
        raise UnknownLayer("more weights than layers")
    if len(heads) != 3:
        raise UnknownLayer(f"{len(heads)} heads instead of three")
    anywhere = [graph.ops.reduce_max(head, graph.constant([2, 3], np.int64), False) for head in heads]
    highest = graph.ops.maximum(graph.ops.maximum(*anywhere[:2]), anywhere[2])
    return graph.model([graph.ops.sigmoid(highest)], [picture])


def _layer(
    graph: Graph, kind: str, given: Sequence[Channels], outputs: int, said: dict[str, str], numbers: _Weights
) -> list[Channels]:
    """What one layer gives; ``said`` is as the file has it, keys numbered by ncnn for each kind of layer."""
    ops = graph.ops
    match kind:
        case "Convolution" | "ConvolutionDepthWise":
            return [_convolution(graph, given[0], said, numbers, depthwise=kind == "ConvolutionDepthWise")]
        case "Split":
            return [given[0]] * outputs
        case "Concat":
            return [[channel for each in given for channel in each]]
        case "Slice":
            return [given[0][: _first_length(said)], given[0][_first_length(said) :]]
        case "ShuffleChannel":
            # As many parts as it says, dealt in turn.
            rest = len(given[0]) // int(said["0"])
            return [[channel for n in range(rest) for channel in given[0][n::rest]]]
    pictures = [_in_order(graph, each) for each in given]
    match kind:
        case "Pooling":
            size, stride, pad = int(said["1"]), int(said["2"]), int(said["3"])
            pads = [pad] * 2
            made = ops.max_pool(pictures[0], [stride] * 2, [1, 1], pads, pads, [size] * 2, "floor", "explicit")
            return [_channels(made.output(0))]
        case "Interp":
            scales = graph.constant([float(said["2"]), float(said["1"])])
            axes = graph.constant([2, 3], np.int64)
            return [_channels(ops.interpolate(pictures[0], scales, "linear_onnx", "scales", axes=axes).output(0))]
        case "BinaryOp":
            return [_channels(ops.add(*pictures).output(0))]
    raise UnknownLayer(f"a layer of kind {kind[:40]!r}")


def _channels(node: Node, order: Sequence[int] | None = None) -> Channels:
    """The channels of what was computed; ``order`` says which of them each one there is, if not its own number."""
    places = range(node.get_partial_shape()[1].get_length()) if order is None else np.argsort(order).tolist()
    return [(node, place) for place in places]


def _gathered(graph: Graph, channels: Channels) -> tuple[Node, list[int]]:
    """All channels in one value, in the order in which they were computed, and which channel each of them is.

    Neighbours are copied together.
    """
    nodes = list({id(node): node for node, _ in channels}.values())
    places = sorted((nodes.index(node), place, number) for number, (node, place) in enumerate(channels))
    runs: list[tuple[int, int, int]] = []
    for source, place, _ in places:
        if runs and runs[-1][::2] == (source, place):
            runs[-1] = source, runs[-1][1], place + 1
        else:
            runs.append((source, place, place + 1))
    parts = [_part(graph, nodes[source], start, stop) for source, start, stop in runs]
    return graph.ops.concat(parts, 1) if len(parts) > 1 else parts[0], [number for *_, number in places]


def _part(graph: Graph, node: Node, start: int, stop: int) -> Node:
    if (start, stop) == (0, node.get_partial_shape()[1].get_length()):
        return node
    step = axis = 1
    return graph.ops.slice(node, *(graph.constant([value], np.int64) for value in (start, stop, step, axis)))


def _in_order(graph: Graph, channels: Channels) -> Node:
    """All channels in one value, in their own order."""
    node, order = _gathered(graph, channels)
    if order == sorted(order):
        return node
    return graph.ops.gather(node, graph.constant(np.argsort(order), np.int64), graph.constant(1, np.int64))


def _first_length(said: dict[str, str]) -> int:
    """How many channels the first part of a slice has."""
    return int(said["-23300"].split(",")[1])


def _convolution(
    graph: Graph, given: Channels, said: dict[str, str], numbers: _Weights, *, depthwise: bool
) -> Channels:
    out, size, count = int(said["0"]), int(said["1"]), int(said["6"])
    kernel = numbers.kernel(count).reshape(out, -1, size, size)
    bias = numbers.plain(out) if said.get("5") == "1" else np.zeros(out, np.float32)
    if out == CLASSES + EDGES:
        kernel, bias = kernel[:CLASSES], bias[:CLASSES]
    pictures, order = _gathered(graph, given)
    kernel, bias = (kernel[order], bias[order]) if depthwise else (kernel[:, order], bias)
    stride, padding = int(said.get("3", 1)), int(said.get("4", 0))
    if size == 1 and out not in (FIRST_STAGE, CLASSES + EDGES):
        value = graph.pointwise(pictures, kernel, bias)
    else:
        value = graph.convolution(pictures, kernel, bias, stride, padding=padding, depthwise=depthwise)
    if said.get("9") == "2":
        slope = float(said["-23310"].split(",")[1])
        value = graph.ops.prelu(value, graph.constant([slope]))
    return _channels(value.output(0), order if depthwise else None)
