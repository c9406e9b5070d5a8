"""EfficientNet-Lite0: a picture to the 1000 classes of ImageNet (Tan and Le, 2019; Google's ``efficientnet/lite``).

Twelve stages of inverted residuals without squeeze-and-excitation, ReLU6 throughout. Kernels, widths and expansions are read off the
parameters; only the strides are not among them.

Its 1×1 convolutions, four fifths of its time, can be computed in bytes. What goes into them lies between 0 and 6 behind a ReLU6; between
blocks there is none, so how far values reach there is measured. Depthwise convolutions stay in float32: their channels differ too much.
"""

from collections.abc import Sequence

import numpy as np

from av2a.backbones.light.graphs import Graph, Node, Parameters, with_norm

AREA = 1.3 * 224**2
"""How many pixels a picture has: a third more than in training, as its sides keep their ratio."""
MEAN, SPREAD = (127.0,) * 3, (128.0,) * 3
"""Colours are brought to about [−1, 1], as in training."""

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the depthwise convolution of each block."""
HIGHEST = 6.0
"""Of a ReLU6."""


def lite0(parameters: Parameters, reaches: Sequence[float] | None = None) -> object:
    """The graph: (1, 3, high, wide), normalised, to logits (1, 1000).

    ``reaches`` are those of :class:`~av2a.backbones.light.graphs.Graph`: of what goes into each expansion and into the last convolution.

    Raises:
        KeyError: a parameter is missing.
    """
    graph = Graph(reaches)

    def activated(value: Node) -> Node:
        return graph.ops.clamp(value, 0.0, HIGHEST)

    pictures = graph.input([1, 3, -1, -1])
    value = activated(graph.convolution(pictures, *with_norm(parameters, "_conv_stem.weight", "_bn0"), 2))
    for number, stride in enumerate(STRIDES):
        block, before = f"_blocks.{number}", value
        if f"{block}._expand_conv.weight" in parameters:
            expanded = with_norm(parameters, f"{block}._expand_conv.weight", f"{block}._bn0")
            value = activated(graph.pointwise(value, *expanded))
        spread = with_norm(parameters, f"{block}._depthwise_conv.weight", f"{block}._bn1")
        value = activated(graph.convolution(value, *spread, stride, depthwise=True))
        kernel, bias = with_norm(parameters, f"{block}._project_conv.weight", f"{block}._bn2")
        value = graph.pointwise(value, kernel, bias, HIGHEST)
        if stride == 1 and before.get_output_partial_shape(0)[1].get_length() == len(kernel):
            value = graph.ops.add(value, before)
    value = activated(graph.pointwise(value, *with_norm(parameters, "_conv_head.weight", "_bn1")))
    pooled = graph.ops.reduce_mean(value, graph.constant([2, 3], np.int64), False)
    return graph.model([graph.linear(pooled, parameters["_fc.weight"], parameters["_fc.bias"])], [pictures])
