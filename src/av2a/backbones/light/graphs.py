"""Networks as OpenVINO graphs, built from published parameters: no torch, no conversion beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from av2a.backbones.openvino_library import input_steps, library, operations

Node = Any
"""A value of a graph that is being built."""

Parameters = Mapping[str, np.ndarray]
"""Arrays by the names under which they were published."""

BATCH_NORM_EPSILON = 1e-3
LAYER_NORM_EPSILON = 1e-12


class Graph:
    """Operations on values; parameters enter as constants.

    ``reaches`` are the largest magnitudes that go into each 1×1 convolution whose input has no bounds by itself, in the order in which
    they are added; all 1×1 convolutions are then computed in bytes. Without them all is computed in float32, and the model has a further
    output for each: its reach.
    """

    def __init__(self, reaches: Sequence[float] | None = None) -> None:
        self.ops: Any = operations()
        self._reaches = None if reaches is None else iter(reaches)
        self._magnitudes: list[Node] = []

    def constant(self, values: Any, kind: Any = np.float32) -> Node:
        """A value that does not depend on the input."""
        return self.ops.constant(np.asarray(values, kind))

    def input(self, shape: Sequence[int | tuple[int, int]], kind: Any = np.float32) -> Node:
        """What is given at each call; −1 is a length that may differ from call to call, a pair one that lies between both."""
        return self.ops.parameter(library().PartialShape(list(shape)), kind)

    def convolution(
        self,
        pictures: Node,
        kernel: Float32[np.ndarray, "out in high wide"],
        bias: Float32[np.ndarray, " out"],
        stride: int = 1,
        *,
        padding: int | None = None,
        depthwise: bool = False,
    ) -> Node:
        """A convolution with a bias; with ``padding`` None the picture is padded as TensorFlow's "same" does."""
        pad, how = [padding or 0] * 2, "same_upper" if padding is None else "explicit"
        strides, ones = [stride] * 2, [1, 1]
        if depthwise:
            weights = self.constant(kernel[:, :, None])
            done = self.ops.group_convolution(pictures, weights, strides, pad, pad, ones, auto_pad=how)
        else:
            done = self.ops.convolution(pictures, self.constant(kernel), strides, pad, pad, ones, auto_pad=how)
        return self._with_bias(done, bias)

    def pointwise(
        self,
        pictures: Node,
        kernel: Float32[np.ndarray, "out in 1 1"],
        bias: Float32[np.ndarray, " out"],
        highest: float | None = None,
    ) -> Node:
        """A 1×1 convolution with a bias, in bytes if reaches are known: nearly twice as fast.

        ``highest`` is the highest value of an input that is never negative; others lie within their reach.
        """
        if self._reaches is None:
            if highest is None:
                everywhere = self.constant([0, 1, 2, 3], np.int64)
                self._magnitudes.append(self.ops.reduce_max(self.ops.abs(pictures), everywhere, False))
            return self.convolution(pictures, kernel, bias)
        # Processors without instructions of their own for bytes add two products of bytes in sixteen bits. Half of the steps, of the
        # input where it has no sign and of the kernel where it has, keep the sum within, so that every processor computes the same.
        # Ends are chosen so that 0 and the highest value, which a ReLU6 gives often, are steps.
        largest = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
        if highest is None:
            reach = next(self._reaches)
            given, largest = self._in_steps(pictures, -reach * 128 / 127, reach, 256), largest * 127 / 63
        else:
            given = self._in_steps(pictures, 0.0, highest * 255 / 127, 256)
        weights = self._in_steps(self.constant(kernel), -largest, largest, 255)
        return self._with_bias(self.ops.convolution(given, weights, [1, 1], [0, 0], [0, 0], [1, 1]), bias)

    def _with_bias(self, convolved: Node, bias: Float32[np.ndarray, " out"]) -> Node:
        return self.ops.add(convolved, self.constant(bias[None, :, None, None]))

    def _in_steps(self, value: Node, lowest: Any, highest: Any, steps: int) -> Node:
        ends = self.constant(lowest), self.constant(highest)
        return self.ops.fake_quantize(value, *ends, *ends, steps)

    def linear(self, rows: Node, weights: Float32[np.ndarray, "out in"], bias: Float32[np.ndarray, " out"]) -> Node:
        """An affine map of the last axis."""
        return self.ops.add(self.ops.matmul(rows, self.constant(weights), False, True), self.constant(bias))

    def layer_norm(
        self, rows: Node, scale: Float32[np.ndarray, " feature"], shift: Float32[np.ndarray, " feature"]
    ) -> Node:
        """Each row brought to mean 0 and spread 1, then scaled and shifted."""
        axes = self.constant([-1], np.int64)
        centred = self.ops.mvn(rows, axes, True, LAYER_NORM_EPSILON, "inside_sqrt")
        return self.ops.add(self.ops.multiply(centred, self.constant(scale)), self.constant(shift))

    def reshape(self, value: Node, *shape: int) -> Node:
        """The same numbers in another shape; 0 keeps a length, −1 takes what is left."""
        return self.ops.reshape(value, self.constant(shape, np.int64), True)

    def model(self, outputs: Sequence[Node], inputs: Sequence[Node]) -> Any:
        """The finished graph."""
        return library().Model([*outputs, *self._magnitudes], list(inputs))


def with_norm(parameters: Parameters, kernel: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """A kernel and a bias into which the batch normalisation behind the convolution is folded."""
    scale = parameters[f"{norm}.weight"] / np.sqrt(parameters[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    bias = parameters[f"{norm}.bias"] - parameters[f"{norm}.running_mean"] * scale
    return (parameters[kernel] * scale[:, None, None, None]).astype(np.float32), bias.astype(np.float32)


def of_pixels(model: Any, mean: Sequence[float], spread: Sequence[float], *, blue_first: bool = False) -> Any:
    """The same network from pixels, (picture, high, wide, RGB) of bytes; what it took before is made of them in the graph.

    ``mean`` and ``spread``, in grey levels and in the network's order of colours, are those that it was trained with.
    """
    steps = input_steps(model)
    pixels = steps.input()
    pixels.tensor().set_element_type(library().Type.u8).set_layout(library().Layout("NHWC"))
    pixels.model().set_layout(library().Layout("NCHW"))
    made = pixels.preprocess().convert_element_type(library().Type.f32)
    if blue_first:
        made = made.reverse_channels()
    made.mean(list(mean)).scale(list(spread))
    return steps.build()
