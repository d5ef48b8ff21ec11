"""Add a linear layer to the shipped network that predicts the teachers' tag groups.

    python -m shipped_model.distillation.add_groups WORK MUSIC network.onnx network-with-groups.onnx \
        --teachers FOLDER [--student RUN]

WORK has the labels of ``shipped_model.distillation.label``.  The layer maps the pooled layer and
the embedding to the tag groups of mn04 and YAMNet, as measured by ``tag_layer``.  It is fitted on
the packages and on the clips of the artists that the shipped head is fitted on.  The output
``embedding_and_groups`` has the embedding and then the groups, scaled to the same spread.  With
``--student``, the student whose features ``student_features`` has computed becomes part of the
network, and its features are inputs of the layer, too.  Runs for a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from genre_model.core.arrays import Float64, Ints
from shipped_model.clips import fitted_half, read_rows, without_features
from shipped_model.distillation.linear import RIDGE, LinearLayer, fit_layer, sums_of
from shipped_model.distillation.student_features import NETWORK
from shipped_model.distillation.tag_layer import SOURCES, Material, clips_and_packages
from shipped_model.distillation.teachers import with_teachers
from shipped_model.groups import EMBEDDING, GROUPS, WITH_GROUPS
from shipped_model.settings import read_settings

TEACHERS_GROUPS = ("mn04 groups", "yamnet groups")
INPUTS = ("pooled", EMBEDDING)  # in the order of Material.inputs


def main() -> None:
    """Fit the layer and write the network."""
    options = parse()
    rows = read_rows(options.music)
    clips, packages = clips_and_packages(options.work, rows, options.teachers, options.student)
    fit = np.flatnonzero(fitted_half(without_features(rows, read_settings())))
    layer = joined([layer_of(name, clips, packages, fit) for name in TEACHERS_GROUPS])
    embedding = clips.outputs[EMBEDDING][fit]
    layer = scaled(layer, clips.inputs[fit], float(np.median(embedding.std(axis=0))))
    network, inputs = onnx.load(str(options.network)), list(INPUTS)
    if options.student:
        inputs.append(insert_student(network, onnx.load(str(options.student / NETWORK))))
    options.output.write_bytes(with_groups(network, layer, inputs))
    print(f"{layer.weights.shape[1]} groups, from {len(packages.inputs)} pieces, {len(fit)} clips")


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("work", "music", "network", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--student", type=Path, help="the RUN of student_features")
    return with_teachers(parser)


def layer_of(name: str, clips: Material, packages: Material, fit: Ints) -> LinearLayer:
    """Fit the layer for one teacher's groups, on all packages and some of the clips."""
    of_packages, of_clips = SOURCES["both"]
    return fit_layer(
        sums_of(packages.inputs, packages.outputs[name], of_packages)
        + sums_of(clips.inputs[fit], clips.outputs[name][fit], of_clips),
        RIDGE,
    )


def joined(layers: Sequence[LinearLayer]) -> LinearLayer:
    """One layer with the outputs of several."""
    return LinearLayer(
        np.concatenate([layer.weights for layer in layers], axis=1),
        np.concatenate([layer.bias for layer in layers]),
    )


def scaled(layer: LinearLayer, inputs: Float64, spread: float) -> LinearLayer:
    """The layer with outputs of mean 0 and standard deviation ``spread`` over some inputs."""
    said = layer(inputs)
    scale = spread / said.std(axis=0)
    return LinearLayer(layer.weights * scale, (layer.bias - said.mean(axis=0)) * scale)


def insert_student(model: onnx.ModelProto, student: onnx.ModelProto) -> str:
    """Add a student to a network, on the same spectrogram; returns the name of its features."""
    part = compose.add_prefix(student, "student_").graph
    [slices], [features] = part.input, part.output
    for node in part.node:
        node.input[:] = ["log_mel" if name == slices.name else name for name in node.input]
    model.graph.node.extend(part.node)
    model.graph.initializer.extend(part.initializer)
    return str(features.name)


def with_groups(model: onnx.ModelProto, layer: LinearLayer, inputs: Sequence[str]) -> bytes:
    """The network with the layer on ``inputs``, and with an output of embedding and groups."""
    graph = model.graph
    for name, values in (("kernel", layer.weights), ("bias", layer.bias)):
        array = np.ascontiguousarray(values, dtype=np.float32)
        graph.initializer.append(numpy_helper.from_array(array, f"{GROUPS}_{name}"))
    weights = [f"{GROUPS}_kernel", f"{GROUPS}_bias"]
    concat, gemm = "groups_input", GROUPS
    graph.node.extend(
        [
            helper.make_node("Concat", list(inputs), [concat], name=concat, axis=1),
            helper.make_node("Gemm", [concat, *weights], [gemm], name=gemm),
            helper.make_node("Concat", [EMBEDDING, gemm], [WITH_GROUPS], name=WITH_GROUPS, axis=1),
        ]
    )
    n_features = next(
        output.type.tensor_type.shape.dim[1].dim_value
        for output in graph.output
        if output.name == EMBEDDING
    ) + len(layer.bias)
    graph.output.append(
        helper.make_tensor_value_info(WITH_GROUPS, TensorProto.FLOAT, ["n", n_features])
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


if __name__ == "__main__":
    main()
