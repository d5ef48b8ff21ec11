"""The converter, with made-up weights: merging constant filters changes no output."""

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest

from shipped_model.conversion.checkpoint import N_MELS, N_TAGS, SLICE_FRAMES
from shipped_model.conversion.convert import probe_slices
from shipped_model.conversion.convolution import (
    Filters,
    GraphWriter,
    maximum_by_mels,
    maximum_by_times,
)
from shipped_model.conversion.graph import build_graph
from shipped_model.conversion.pruning import N_BRANCHES, branch_filters, without_dead
from shipped_model.distillation.add_groups import INPUTS, insert_student, with_groups
from shipped_model.distillation.linear import LinearLayer

FILTERS = 6
BRANCHES = [(7, 38), (7, 67), (32, 1), (64, 1), (128, 1)]  # frames, mel bands
MIDEND = 64
HIDDEN = 20


def made_up_checkpoint(seed, dead):
    """Random weights with the original's names; ``dead`` filters of each branch are zero."""
    rng = np.random.default_rng(seed)
    variables = {}

    def norm(index, size):
        name = "batch_normalization" + (f"_{index}" if index else "")
        variables[f"{name}/gamma"] = rng.normal(0, 1, size)
        variables[f"{name}/beta"] = rng.normal(0, 0.3, size)
        variables[f"{name}/moving_mean"] = rng.normal(0, 0.3, size)
        variables[f"{name}/moving_variance"] = rng.uniform(0.5, 2, size)

    def weights(name, *shape):
        variables[f"{name}/kernel"] = rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[:-1]))
        variables[f"{name}/bias"] = rng.normal(0, 0.5, shape[-1])

    norm(0, 1)
    for index, (frames, bands) in enumerate(BRANCHES):
        name = "conv2d" + (f"_{index}" if index else "")
        weights(name, frames, bands, 1, FILTERS)
        variables[f"{name}/kernel"][..., :dead] = 0
        norm(index + 1, FILTERS)
    n_frontend = N_BRANCHES * FILTERS
    for index, n_inputs in ((5, n_frontend), (6, MIDEND), (7, MIDEND)):
        weights(f"conv2d_{index}", 7, n_inputs, 1, MIDEND)
        norm(index + 1, MIDEND)
    n_pooled = 2 * (n_frontend + 3 * MIDEND)
    norm(9, n_pooled)
    weights("dense", n_pooled, HIDDEN)
    norm(10, HIDDEN)
    weights("dense_1", HIDDEN, N_TAGS)
    return {name: values.astype(np.float32) for name, values in variables.items()}


def answers(variables):
    model = build_graph(variables)
    model.graph.output[1].type.tensor_type.shape.dim[1].dim_value = HIDDEN
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"log_mel": probe_slices()})


@pytest.mark.parametrize(("seed", "dead"), [(0, 4), (1, 1), (2, 5)])
def test_merging_constant_filters_changes_no_answer(seed, dead):
    variables = made_up_checkpoint(seed, dead)
    smaller = without_dead(variables)
    n_filters = sum(smaller[f"conv2d{end}/bias"].size for end in ("", "_1", "_2", "_3", "_4"))
    assert n_filters == N_BRANCHES * (FILTERS - dead) + 1
    for whole, merged in zip(answers(variables), answers(smaller), strict=True):
        assert np.ptp(whole, axis=0).max() > 0.01  # the outputs depend on the slices
        np.testing.assert_allclose(merged, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("pool", "at_once", "frames", "bands"),
    [
        *((maximum_by_mels, at_once, 7, bands) for at_once in (2, 4) for bands in (38, 67)),
        *((maximum_by_times, at_once, frames, 1) for at_once in (4, 32) for frames in (32, 5)),
    ],
)
def test_filters_in_blocks_are_those_one_by_one(pool, at_once, frames, bands):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(5, 1, frames, bands)).astype(np.float32)
    filters = Filters(kernel, rng.normal(size=5).astype(np.float32))
    before = (frames - 1) // 2
    graph = GraphWriter()
    conv = filters.convolve(graph, "plain", "x", pads=[before, 0, frames - 1 - before, 0])
    graph.node("ReduceMax", [conv], "one_by_one", axes=[3], keepdims=0)
    graph.node("Identity", [pool(graph, "block", "x", filters, at_once)], "in_blocks")
    names = ["one_by_one", "in_blocks"]
    value = partial(onnx.helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT)
    outputs = [value(name, shape=["n", 5, SLICE_FRAMES]) for name in names]
    inputs = [value("x", shape=["n", 1, SLICE_FRAMES, N_MELS])]
    proto = onnx.helper.make_graph(graph.nodes, "both", inputs, outputs, graph.initializers)
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(proto, opset_imports=opset, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    plain, blocks = session.run(names, {"x": probe_slices()[:, None]})
    assert plain.shape == blocks.shape
    np.testing.assert_allclose(blocks, plain, atol=1e-4)


def test_a_filter_with_little_weight_is_kept():
    variables = made_up_checkpoint(3, dead=2)
    variables["conv2d/kernel"][..., 0] = 1e-4
    live, _ = branch_filters(variables, 0)
    assert live.tolist() == [True, False, True, True, True, True]


def test_the_shipped_network_is_what_the_graph_writes():
    """The operators are the same and in the same order, so the file can be made again."""
    from genre_model.model.bundle.store import SHIPPED

    shipped = onnx.load(str(SHIPPED / "network.onnx"))
    written = build_graph(without_dead(made_up_checkpoint(0, 4)))
    layer = LinearLayer(np.zeros((714, 24)), np.zeros(24))
    written = onnx.load_from_string(with_groups(written, layer, INPUTS))
    assert [n.op_type for n in written.graph.node] == [n.op_type for n in shipped.graph.node]
    assert [n.name for n in written.graph.node] == [n.name for n in shipped.graph.node]
    assert written.producer_name == shipped.producer_name


def test_a_students_features_are_among_what_the_groups_are_made_of():
    value = partial(onnx.helper.make_tensor_value_info, elem_type=onnx.TensorProto.FLOAT)
    node = onnx.helper.make_node("ReduceMax", ["slices"], ["largest"], axes=[1], keepdims=0)
    twice = onnx.helper.make_node("Mul", ["largest", "two"], ["logits"])
    two = onnx.numpy_helper.from_array(np.float32([2]), "two")
    student = onnx.helper.make_model(
        onnx.helper.make_graph(
            [node, twice],
            "student",
            [value("slices", shape=["n", SLICE_FRAMES, N_MELS])],
            [value("logits", shape=["n", N_MELS])],
            [two],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    network = build_graph(without_dead(made_up_checkpoint(0, 2)))
    network.graph.output[1].type.tensor_type.shape.dim[1].dim_value = HIDDEN
    pooled, dense = (
        next(entry.dims for entry in network.graph.initializer if entry.name == name)
        for name in ("dense_kernel", "tags_kernel")
    )
    weights = np.zeros((pooled[0] + dense[0] + N_MELS, 1))
    weights[-1] = 3  # for the student's last feature
    layer = LinearLayer(weights, np.array([1.0]))
    inputs = [*INPUTS, insert_student(network, student)]
    content = with_groups(network, layer, inputs)
    session = onnxruntime.InferenceSession(content)
    slices = probe_slices()
    both = session.run(["embedding_and_groups"], {"log_mel": slices})[0]
    np.testing.assert_allclose(both[:, -1], 1 + 3 * 2 * slices[..., -1].max(axis=1), rtol=1e-5)


def test_the_probe_has_what_the_network_takes():
    slices = probe_slices()
    assert slices.shape == (8, SLICE_FRAMES, N_MELS)
    assert slices.dtype == np.float32
    np.testing.assert_array_equal(slices, probe_slices())
