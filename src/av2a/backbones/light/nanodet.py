"""NanoDet-m: a picture to the 80 classes of COCO, read from the two files of ncnn in which its author publishes it.

Its 1×1 convolutions behind the first stage can be computed in bytes; in the first, channels of 58, errors would be three times those of
all others together, and the heads are hardly slower in float32.

The dozen kinds of layers that it has are translated here, so that neither ncnn's runtime (26 MB) nor a second converter is needed.
Format: ``.param`` is text, a layer a line (kind, name, numbers of inputs and outputs, their names, ``key=value``); ``.bin`` holds the
weights in the same order, each kernel behind a tag that says whether it is in half precision.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from av2a.backbones.light.graphs import Graph, Node

LONGER_SIDE = 416
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
    picture = graph.input([1, 3, -1, -1])
    values: dict[str, Node] = {}
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
            heads += given
            continue
        made = [picture] if kind == "Input" else _layer(graph, kind, given, int(outputs), said, numbers)
        values |= zip(names[int(inputs) :], made, strict=True)
    if not numbers.is_spent:
        raise UnknownLayer("more weights than layers")
    if len(heads) != 3:
        raise UnknownLayer(f"{len(heads)} heads instead of three")
    anywhere = [graph.ops.reduce_max(head, graph.constant([2, 3], np.int64), False) for head in heads]
    highest = graph.ops.maximum(graph.ops.maximum(*anywhere[:2]), anywhere[2])
    return graph.model([graph.ops.sigmoid(highest)], [picture])


def _layer(
    graph: Graph, kind: str, given: Sequence[Node], outputs: int, said: dict[str, str], numbers: _Weights
) -> list[Node]:
    """What one layer gives; ``said`` is as the file has it, keys numbered by ncnn for each kind of layer."""
    ops = graph.ops
    match kind:
        case "Convolution" | "ConvolutionDepthWise":
            return [_convolution(graph, given[0], said, numbers, depthwise=kind == "ConvolutionDepthWise")]
        case "Split":
            return [given[0]] * outputs
        case "Concat":
            return [ops.concat(list(given), 1)]
        case "Slice":
            lengths = graph.constant([_first_length(said), -1], np.int64)
            return list(ops.variadic_split(given[0], graph.constant(1, np.int64), lengths).outputs())
        case "ShuffleChannel":
            # Two halves of the channels, dealt alternately.
            return [ops.shuffle_channels(given[0], 1, int(said["0"]))]
        case "Pooling":
            size, stride, pad = int(said["1"]), int(said["2"]), int(said["3"])
            pads = [pad] * 2
            return [ops.max_pool(given[0], [stride] * 2, [1, 1], pads, pads, [size] * 2, "floor", "explicit").output(0)]
        case "Interp":
            scales = graph.constant([float(said["2"]), float(said["1"])])
            axes = graph.constant([2, 3], np.int64)
            return [ops.interpolate(given[0], scales, "linear_onnx", "scales", axes=axes)]
        case "BinaryOp":
            return [ops.add(*given)]
    raise UnknownLayer(f"a layer of kind {kind[:40]!r}")


def _first_length(said: dict[str, str]) -> int:
    """How many channels the first part of a slice has."""
    return int(said["-23300"].split(",")[1])


def _convolution(graph: Graph, given: Node, said: dict[str, str], numbers: _Weights, *, depthwise: bool) -> Node:
    out, size, count = int(said["0"]), int(said["1"]), int(said["6"])
    kernel = numbers.kernel(count).reshape(out, -1, size, size)
    bias = numbers.plain(out) if said.get("5") == "1" else np.zeros(out, np.float32)
    if out == CLASSES + EDGES:
        kernel, bias = kernel[:CLASSES], bias[:CLASSES]
    stride, padding = int(said.get("3", 1)), int(said.get("4", 0))
    if size == 1 and out not in (FIRST_STAGE, CLASSES + EDGES):
        value = graph.pointwise(given, kernel, bias)
    else:
        value = graph.convolution(given, kernel, bias, stride, padding=padding, depthwise=depthwise)
    if said.get("9") == "2":
        slope = float(said["-23310"].split(",")[1])
        value = graph.ops.prelu(value, graph.constant([slope]))
    return value
