"""EfficientNet-Lite0: a picture to the 1000 classes of ImageNet (Tan and Le, 2019; Google's ``efficientnet/lite``).

Twelve stages of inverted residuals without squeeze-and-excitation, ReLU6 throughout. Kernels, widths and expansions are read off the
parameters; only the strides are not among them.
"""

import numpy as np

from av2a.backbones.light.graphs import Graph, Node, Parameters, with_norm

PIXELS = 224
MEAN, SPREAD = (127.0,) * 3, (128.0,) * 3
"""Colours are brought to about [−1, 1], as in training."""

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the depthwise convolution of each block."""


def lite0(parameters: Parameters) -> object:
    """The graph: (picture, 3, 224, 224), normalised, to logits (picture, 1000).

    Raises:
        KeyError: a parameter is missing.
    """
    graph = Graph()

    def activated(value: Node) -> Node:
        return graph.ops.clamp(value, 0.0, 6.0)

    pictures = graph.input([-1, 3, PIXELS, PIXELS])
    value = activated(graph.convolution(pictures, *with_norm(parameters, "_conv_stem.weight", "_bn0"), 2))
    for number, stride in enumerate(STRIDES):
        block, before = f"_blocks.{number}", value
        if f"{block}._expand_conv.weight" in parameters:
            expanded = with_norm(parameters, f"{block}._expand_conv.weight", f"{block}._bn0")
            value = activated(graph.convolution(value, *expanded))
        spread = with_norm(parameters, f"{block}._depthwise_conv.weight", f"{block}._bn1")
        value = activated(graph.convolution(value, *spread, stride, depthwise=True))
        kernel, bias = with_norm(parameters, f"{block}._project_conv.weight", f"{block}._bn2")
        value = graph.convolution(value, kernel, bias)
        if stride == 1 and before.get_output_partial_shape(0)[1].get_length() == len(kernel):
            value = graph.ops.add(value, before)
    value = activated(graph.convolution(value, *with_norm(parameters, "_conv_head.weight", "_bn1")))
    pooled = graph.ops.reduce_mean(value, graph.constant([2, 3], np.int64), False)
    return graph.model([graph.linear(pooled, parameters["_fc.weight"], parameters["_fc.bias"])], [pictures])
