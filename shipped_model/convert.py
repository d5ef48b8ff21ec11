"""Convert the MSD_musicnn checkpoint (ISC licence, Music Technology Group, UPF) to ONNX.

    pip download --no-deps musicnn==0.1.0
    python -m venv convert && convert/bin/pip install tensorflow-cpu tf_keras onnx onnxruntime
    convert/bin/python -m shipped_model.convert musicnn-0.1.0-py3-none-any.whl backbone.onnx \
        --golden tests/golden/musicnn.npz

TensorFlow reads the checkpoint and runs the original graph, from the wheel's own ``models.py``,
as the reference; the network that we ship is written here, node by node, with ``onnx.helper``.
Training left 497 of the front end's 561 filters without weights: they say the same of any music.
One filter that always says 1 takes their place, for equal answers at a tenth of the arithmetic.
The script fails if the two differ by more than 1e-5 on the 50 tag probabilities.

Network: Pons & Serra, *musicnn: pre-trained convolutional neural networks for music audio
tagging*, ISMIR 2019 late-breaking demo.  Input ``log_mel`` (n, 187, 96); outputs ``tags``
(n, 50) probabilities and ``embedding`` (n, 200), the batch-normalised penultimate layer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MODEL = "MSD_musicnn"
SLICE_FRAMES, N_MELS = 187, 96
BN_EPSILON = 1e-3  # tf.layers.batch_normalization's default
TOLERANCE = 1e-5
N_BRANCHES = 5
# A filter's gain is the sum of its weights' sizes times its batch norm's scale: those that count
# have 0.009 or more, the others less than 1e-8.
DEAD_GAIN = 1e-6

Array = NDArray[np.float32]
Variables = dict[str, Array]


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert MSD_musicnn to ONNX and compare the two.")
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("output", type=Path, help="where to write the .onnx file")
    parser.add_argument(
        "--golden", type=Path, help="write slices and the original's answers (.npz)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(options.wheel).extractall(folder)
        graph = build_graph(without_dead(read_checkpoint(Path(folder) / "musicnn" / MODEL)))
        onnx.checker.check_model(graph)
        options.output.write_bytes(graph.SerializeToString())
        slices = probe_slices()
        tags, embedding = run_original(Path(folder), slices)
    ours = onnxruntime.InferenceSession(str(options.output)).run(None, {"log_mel": slices})
    difference = float(np.abs(ours[0] - tags).max())
    print(f"{options.output}: {options.output.stat().st_size} bytes")
    print(f"largest difference to the original graph on tags: {difference:.2e}")
    print(f"largest difference on the embedding: {float(np.abs(ours[1] - embedding).max()):.2e}")
    if difference > TOLERANCE:
        sys.exit(f"the converted network differs by more than {TOLERANCE}")
    if options.golden:
        np.savez_compressed(options.golden, tags=tags, embedding=embedding)


def probe_slices() -> Array:
    """Eight slices of made-up log-mel, (8, 187, 96): noise, ramps, beats and silence."""
    rng = np.random.default_rng(20190811)
    slices = rng.gamma(2.0, 0.6, size=(8, SLICE_FRAMES, N_MELS))
    slices[1] *= np.linspace(2.0, 0.1, N_MELS)
    slices[2, ::23] += 2.5
    slices[3] *= 0.2
    slices[4] = 0.0
    slices[5] = np.linspace(0, 4, SLICE_FRAMES)[:, None]
    slices[6, :, 20:24] += 3.0
    slices[7] *= np.linspace(0.1, 1.6, N_MELS) * (1 + np.sin(np.arange(SLICE_FRAMES) / 3))[:, None]
    return slices.astype(np.float32)


def read_checkpoint(directory: Path) -> Variables:
    import tensorflow as tf

    # The checkpoint's prefix has an empty base name, hence the trailing separator.
    reader = tf.compat.v1.train.NewCheckpointReader(f"{directory}{os.sep}")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def run_original(folder: Path, slices: Array) -> tuple[Array, Array]:
    """Tags and penultimate layer of the original TensorFlow 1 graph, from the wheel's own code."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    sys.path.insert(0, str(folder))
    import tensorflow as tf

    # musicnn/__init__.py imports its extractor and with it librosa: register the bare package.
    package = type(sys)("musicnn")
    package.__path__ = [str(folder / "musicnn")]  # type: ignore[attr-defined]
    sys.modules["musicnn"] = package
    from musicnn import models  # type: ignore[import-not-found]

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, SLICE_FRAMES, N_MELS))
        outputs = models.define_model(x, tf.constant(False), MODEL, 50)
        tf.compat.v1.train.Saver().restore(session, f"{folder / 'musicnn' / MODEL}{os.sep}")
        tags, embedding = session.run([tf.sigmoid(outputs[0]), outputs[-1]], {x: slices})
    return tags, embedding


class GraphWriter:
    """Collects nodes and initialisers; every method returns the name of the tensor it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[np.generic], name: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def affine(self, x: str, scale: Array, shift: Array, output: str) -> str:
        scaled = self.node("Mul", [x, self.constant(scale, f"{output}_scale")], f"{output}_mul")
        return self.node("Add", [scaled, self.constant(shift, f"{output}_shift")], output)


def batch_norm(variables: Variables, index: int) -> tuple[Array, Array]:
    """A batch normalisation at inference as (scale, shift)."""
    name = "batch_normalization" + (f"_{index}" if index else "")
    scale = variables[f"{name}/gamma"] / np.sqrt(variables[f"{name}/moving_variance"] + BN_EPSILON)
    return scale, variables[f"{name}/beta"] - scale * variables[f"{name}/moving_mean"]


def layer(variables: Variables, kind: str, index: int) -> tuple[Array, Array]:
    name = kind + (f"_{index}" if index else "")
    return variables[f"{name}/kernel"], variables[f"{name}/bias"]


def without_dead(variables: Variables) -> Variables:
    """The same network, with one filter that always says 1 in place of all that are constant.

    It is needed because the next layer's zero padding lets their end be heard.
    """
    kept, constant = zip(
        *(branch_filters(variables, index) for index in range(N_BRANCHES)), strict=True
    )
    smaller = dict(variables)
    for index, live in enumerate(kept):
        smaller |= smaller_branch(variables, index, live, always_one=index == N_BRANCHES - 1)
    live, said = np.concatenate(kept), np.concatenate(constant)
    kernel = variables["conv2d_5/kernel"]  # (7, channels, 1, 64)
    merged = np.einsum("c,hcio->hio", np.where(live, 0, said), kernel)[:, None]
    smaller["conv2d_5/kernel"] = np.concatenate([kernel[:, live], merged], axis=1)
    return smaller | smaller_dense(variables, live, said)


def branch_filters(variables: Variables, index: int) -> tuple[NDArray[np.bool_], Array]:
    """Which of a branch's filters hear anything, and what each says of nothing."""
    kernel, bias = layer(variables, "conv2d", index)
    scale, shift = batch_norm(variables, index + 1)
    gain = np.abs(kernel).sum(axis=(0, 1, 2)) * np.abs(scale)
    return gain > DEAD_GAIN, scale * np.maximum(bias, 0) + shift


def smaller_branch(
    variables: Variables, index: int, live: NDArray[np.bool_], *, always_one: bool
) -> Variables:
    """A branch's live filters, followed by one that says 1 where that is wanted."""
    norm, conv = f"batch_normalization_{index + 1}", "conv2d" + (f"_{index}" if index else "")
    names = [f"{conv}/kernel", f"{conv}/bias"]
    names += [f"{norm}/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")]
    ones = {f"{norm}/beta": 1, f"{norm}/moving_variance": 1}
    found = {name: variables[name][..., live] for name in names}
    if always_one:
        for name, values in found.items():
            added = np.full((*values.shape[:-1], 1), ones.get(name, 0), np.float32)
            found[name] = np.concatenate([values, added], axis=-1)
    return found


def smaller_dense(variables: Variables, live: NDArray[np.bool_], said: Array) -> Variables:
    """The first dense layer, with what the constant filters say moved to its bias.

    Its input has the maximum and the mean of each channel by turns; the front end comes first.
    """
    name = "batch_normalization_9"
    scale, shift = batch_norm(variables, 9)
    kernel, bias = layer(variables, "dense", 0)
    n = len(live)
    constant = np.repeat(np.where(live, 0, said), 2) * scale[: 2 * n] + shift[: 2 * n]
    dead = np.repeat(~live, 2)
    rows = np.concatenate([np.repeat(live, 2), np.ones(len(kernel) - 2 * n, bool)])
    at = int(2 * live.sum())  # where the maximum and the mean of the filter that says 1 go
    found = {
        f"{name}/{part}": np.insert(variables[f"{name}/{part}"][rows], at, [rest, rest])
        for part, rest in (("gamma", 0), ("beta", 0), ("moving_mean", 0), ("moving_variance", 1))
    }
    found["dense/kernel"] = np.insert(kernel[rows], at, np.zeros((2, 1)), axis=0)
    found["dense/bias"] = bias + constant[dead] @ kernel[: 2 * n][dead]
    return found


def frontend_branch(
    graph: GraphWriter, variables: Variables, index: int, x: str, width: int, pads: list[int]
) -> str:
    """Convolution, ReLU, batch norm, maximum over frequency -> (n, filters, 187).

    The maximum is taken straight after the convolution, on a fraction of the work: ReLU is
    monotonic, and so is the batch norm up to the sign of its scale.  Where that is negative the
    filter is negated, so that a maximum finds the minimum.
    """
    kernel, bias = layer(variables, "conv2d", index)
    scale, shift = batch_norm(variables, index + 1)
    sign = np.where(scale < 0, -1, 1).astype(np.float32)
    name = f"frontend{index}"
    weights = [
        graph.constant(kernel.transpose(3, 2, 0, 1) * sign[:, None, None, None], f"{name}_kernel"),
        graph.constant(bias * sign, f"{name}_bias"),
    ]
    conv = graph.node("Conv", [x, *weights], f"{name}_conv", pads=pads)
    pooled = graph.node("MaxPool", [conv], f"{name}_max", kernel_shape=[1, width])
    flat = graph.node("Squeeze", [pooled, "axis_frequency"], f"{name}_pooled")
    signed = graph.node("Mul", [flat, graph.constant(sign[:, None], f"{name}_sign")], f"{name}_pre")
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
    graph.constant(np.array([3], np.int64), "axis_frequency")
    image = graph.node("Unsqueeze", ["log_mel", "axis_channel"], "image")
    x = graph.affine(image, *batch_norm(variables, 0), "normalised")
    branches = []
    for index in range(N_BRANCHES):
        height, mels = layer(variables, "conv2d", index)[0].shape[:2]
        before = (height - 1) // 2  # TensorFlow's "same": the odd one goes to the end
        pads = [before, 0, height - 1 - before, 0]
        branches.append(frontend_branch(graph, variables, index, x, N_MELS - mels + 1, pads))
    frontend = graph.node("Concat", branches, "frontend", axis=1)
    first = midend_layer(graph, variables, 5, frontend)
    second = graph.node("Add", [midend_layer(graph, variables, 6, first), first], "residual6")
    third = graph.node("Add", [midend_layer(graph, variables, 7, second), second], "residual7")
    backend(
        graph,
        variables,
        graph.node("Concat", [frontend, first, second, third], "features", axis=1),
    )
    outputs = [("tags", 50), ("embedding", 200)]
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
    model.producer_name = "beets-cnngenre scripts/convert_musicnn.py"
    return model


if __name__ == "__main__":
    main()
