"""Convolution with one input channel and the maximum over frequency, in a form that runs fast.

ONNX Runtime computes such a convolution directly, in groups of ``CHANNEL_GROUP`` filters, and is
faster with more groups; the shipped network has branches of 3 to 23 filters.  So each filter is
copied, each copy is shifted by one more mel band or frame, and the convolution's stride is the
number of copies.  The sums are the same and in the same order, so the numbers are identical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from shipped_model.conversion.checkpoint import N_MELS, SLICE_FRAMES, Array

CHANNEL_GROUP = 16


class GraphWriter:
    """Collects nodes and initialisers; every method returns the name of the tensor it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[np.generic], name: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def whole(self, values: list[int], name: str) -> str:
        return self.constant(np.array(values, np.int64), name)

    def cut(self, x: str, axis: int, start: int, stop: int, output: str) -> str:
        """Slice a range of an axis."""
        edges = zip(("from", "to", "axis"), (start, stop, axis), strict=True)
        names = [self.whole([value], f"{output}_{edge}") for edge, value in edges]
        return self.node("Slice", [x, *names], output)

    def reshape(self, x: str, shape: list[int], output: str) -> str:
        return self.node("Reshape", [x, self.whole([-1, *shape], f"{output}_shape")], output)

    def affine(self, x: str, scale: Array, shift: Array, output: str) -> str:
        scaled = self.node("Mul", [x, self.constant(scale, f"{output}_scale")], f"{output}_mul")
        return self.node("Add", [scaled, self.constant(shift, f"{output}_shift")], output)


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """``kernel`` (filters, 1, frames, mels) and ``bias`` (filters,) of a convolution."""

    kernel: Array
    bias: Array

    def moved(self, at_once: int, axis: int) -> Filters:
        """Each filter followed by its copies, shifted along an axis; empty filters at the end."""
        n_filters, _, *shape = self.kernel.shape
        shape[axis] += at_once - 1
        kernel = np.zeros((n_filters, at_once, 1, *shape), np.float32)
        size = self.kernel.shape[2 + axis]
        for step in range(at_once):
            place = [slice(None)] * 5
            place[3 + axis] = slice(step, step + size)
            kernel[:, step][tuple(place[1:])] = self.kernel
        kernel = kernel.reshape(-1, 1, *shape)
        n_empty = -len(kernel) % CHANNEL_GROUP
        kernel = np.concatenate([kernel, np.zeros((n_empty, 1, *shape), np.float32)])
        bias = np.concatenate([np.repeat(self.bias, at_once), np.zeros(n_empty, np.float32)])
        return Filters(kernel, bias)

    def convolve(self, graph: GraphWriter, name: str, x: str, **attributes: Any) -> str:
        weights = [
            graph.constant(self.kernel, f"{name}_kernel"),
            graph.constant(self.bias, f"{name}_bias"),
        ]
        return graph.node("Conv", [x, *weights], f"{name}_conv", **attributes)


def maximum_by_mels(graph: GraphWriter, name: str, x: str, filters: Filters, at_once: int) -> str:
    """(n, 1, 187, 96) -> (n, filters, 187), with the mel bands in blocks of ``at_once``."""
    n_filters, _, height, width = filters.kernel.shape
    n_places = N_MELS - width + 1
    n_steps, n_rest = divmod(n_places, at_once)
    after = (at_once - n_rest) if n_rest else 0  # padded bands, which fill the last block
    before = (height - 1) // 2  # TensorFlow's "same": the odd frame of padding goes to the end
    conv = filters.moved(at_once, 1).convolve(
        graph, name, x, pads=[before, 0, height - 1 - before, after], strides=[1, at_once]
    )

    def maximum(suffix: str, n_columns: int, kernel: int, n_copies: int) -> str:
        pooled = graph.node(
            "MaxPool", [conv], f"{name}{suffix}_max", kernel_shape=[1, kernel], strides=[1, n_steps]
        )
        live = graph.cut(pooled, 1, 0, n_filters * at_once, f"{name}{suffix}_live")
        shape = [n_filters, at_once, SLICE_FRAMES, n_columns]
        blocks = graph.reshape(live, shape, f"{name}{suffix}_blocks")
        if n_copies < at_once:  # only the last column, and its copies without padding
            blocks = graph.cut(blocks, 2, 0, n_copies, f"{name}{suffix}_inside")
            blocks = graph.cut(blocks, 4, n_columns - 1, n_columns, f"{name}{suffix}_last")
        return graph.node("ReduceMax", [blocks], f"{name}{suffix}_top", axes=[2, 4], keepdims=0)

    whole_blocks = maximum("", 1, n_steps, at_once)
    if not n_rest:
        return whole_blocks
    return graph.node("Max", [whole_blocks, maximum("_end", 2, 1, n_rest)], f"{name}_pooled")


def maximum_by_times(graph: GraphWriter, name: str, x: str, filters: Filters, at_once: int) -> str:
    """(n, 1, 187, 96) -> (n, filters, 187), with the frames in blocks of ``at_once``."""
    n_filters, _, height, width = filters.kernel.shape
    n_steps = -(-SLICE_FRAMES // at_once)
    before = (height - 1) // 2
    after = n_steps * at_once + height - 1 - SLICE_FRAMES - before
    conv = filters.moved(at_once, 0).convolve(
        graph, name, x, pads=[before, 0, after, 0], strides=[at_once, 1]
    )
    pooled = graph.node("MaxPool", [conv], f"{name}_max", kernel_shape=[1, N_MELS - width + 1])
    live = graph.cut(pooled, 1, 0, n_filters * at_once, f"{name}_live")
    blocks = graph.reshape(live, [n_filters, at_once, n_steps], f"{name}_blocks")
    in_time = graph.node("Transpose", [blocks], f"{name}_times", perm=[0, 1, 3, 2])
    flat = graph.reshape(in_time, [n_filters, n_steps * at_once], f"{name}_flat")
    return graph.cut(flat, 2, 0, SLICE_FRAMES, f"{name}_pooled")
