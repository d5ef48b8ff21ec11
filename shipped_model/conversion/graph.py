"""The network in ONNX, node by node."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from shipped_model.conversion.checkpoint import (
    MODEL,
    N_MELS,
    N_TAGS,
    SLICE_FRAMES,
    Variables,
    batch_norm,
    layer,
)
from shipped_model.conversion.convolution import (
    Filters,
    GraphWriter,
    maximum_by_mels,
    maximum_by_times,
)
from shipped_model.conversion.pruning import N_BRANCHES

# How many neighbouring mel bands, or frames, a branch's convolution computes at each step: the
# fastest of those tried with ``benchmarks.parts``, by a little.
N_MELS_AT_ONCE = {0: 2, 1: 2}
N_TIMES_AT_ONCE = {2: 32, 3: 8, 4: 4}

# Stored in the ONNX file, whose hash is in the shipped bundle's id: the converter's path back then.
PRODUCER = "beets-cnngenre scripts/convert_musicnn.py"


def frontend_branch(graph: GraphWriter, variables: Variables, index: int, x: str) -> str:
    """Convolution, ReLU, batch norm, maximum over frequency -> (n, filters, 187).

    The maximum is taken directly after the convolution, so that the other steps have a fraction of
    the work: ReLU is monotonic, and so is batch norm up to the sign of its scale.  If the scale is
    negative, the filter is negated, so that the maximum finds the minimum.
    """
    kernel, bias = layer(variables, "conv2d", index)
    scale, shift = batch_norm(variables, index + 1)
    sign = np.where(scale < 0, -1, 1).astype(np.float32)
    name = f"frontend{index}"
    filters = kernel.transpose(3, 2, 0, 1) * sign[:, None, None, None]
    pool = maximum_by_mels if index in N_MELS_AT_ONCE else maximum_by_times
    at_once = (N_MELS_AT_ONCE | N_TIMES_AT_ONCE)[index]
    pooled = pool(graph, name, x, Filters(filters, bias * sign), at_once)
    signed = graph.node(
        "Mul", [pooled, graph.constant(sign[:, None], f"{name}_sign")], f"{name}_pre"
    )
    relu = graph.node("Relu", [signed], f"{name}_relu")
    return graph.affine(relu, scale[:, None], shift[:, None], name)


def midend_layer(graph: GraphWriter, variables: Variables, index: int, x: str) -> str:
    """Convolution over time, ReLU, batch norm: (n, channels, 187) -> (n, 64, 187)."""
    kernel, bias = layer(variables, "conv2d", index)  # (7, channels, 1, 64)
    scale, shift = batch_norm(variables, index + 1)
    name = f"midend{index}"
    weights = [
        graph.constant(kernel[:, :, 0].transpose(2, 1, 0), f"{name}_kernel"),
        graph.constant(bias, f"{name}_bias"),
    ]
    conv = graph.node("Conv", [x, *weights], f"{name}_conv", pads=[3, 3])
    relu = graph.node("Relu", [conv], f"{name}_relu")
    return graph.affine(relu, scale[:, None], shift[:, None], name)


def backend(graph: GraphWriter, variables: Variables, x: str) -> None:
    """Maximum and mean over time, two dense layers; both batch norms are folded into the first."""
    kernel, bias = layer(variables, "dense", 0)
    scale, shift = batch_norm(variables, 9)
    bias = bias + shift @ kernel
    kernel = scale[:, None] * kernel
    kernel = np.concatenate([kernel[0::2], kernel[1::2]])  # the original interleaves max and mean
    maximum = graph.node("ReduceMax", [x], "max_pool", axes=[2], keepdims=0)
    mean = graph.node("ReduceMean", [x], "mean_pool", axes=[2], keepdims=0)
    pooled = graph.node("Concat", [maximum, mean], "pooled", axis=1)
    weights = [graph.constant(kernel, "dense_kernel"), graph.constant(bias, "dense_bias")]
    hidden = graph.node("Relu", [graph.node("Gemm", [pooled, *weights], "dense")], "dense_relu")
    graph.affine(hidden, *batch_norm(variables, 10), "embedding")
    kernel, bias = layer(variables, "dense", 1)
    weights = [graph.constant(kernel, "tags_kernel"), graph.constant(bias, "tags_bias")]
    graph.node("Sigmoid", [graph.node("Gemm", ["embedding", *weights], "tag_logits")], "tags")


def build_graph(variables: Variables) -> onnx.ModelProto:
    graph = GraphWriter()
    graph.constant(np.array([1], np.int64), "axis_channel")
    image = graph.node("Unsqueeze", ["log_mel", "axis_channel"], "image")
    x = graph.affine(image, *batch_norm(variables, 0), "normalised")
    branches = [frontend_branch(graph, variables, index, x) for index in range(N_BRANCHES)]
    frontend = graph.node("Concat", branches, "frontend", axis=1)
    first = midend_layer(graph, variables, 5, frontend)
    second = graph.node("Add", [midend_layer(graph, variables, 6, first), first], "residual6")
    third = graph.node("Add", [midend_layer(graph, variables, 7, second), second], "residual7")
    backend(
        graph,
        variables,
        graph.node("Concat", [frontend, first, second, third], "features", axis=1),
    )
    outputs = [("tags", N_TAGS), ("embedding", 200)]
    proto = helper.make_graph(
        graph.nodes,
        MODEL,
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", SLICE_FRAMES, N_MELS])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size])
            for name, size in outputs
        ],
        graph.initializers,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.producer_name = PRODUCER
    return model
