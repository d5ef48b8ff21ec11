"""Import TensorFlow, and export a Keras model as the bytes of an ``.onnx`` file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genre_model.core.arrays import Float32
from genre_model.core.errors import GenreModelError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


INPUT = "slices"

OUTPUT = "logits"

OPSET = 17

# Absolute and relative tolerance between the exported network's logits and Keras'.
EXPORT_TOLERANCE = 1e-4


def require_tensorflow(name: str) -> None:
    """Import TensorFlow, Keras and tf2onnx without their log lines.

    oneDNN is turned on for every x86 processor, unless the environment says otherwise: by default,
    TensorFlow leaves it off on processors without AVX512_VNNI, and takes twice as long.

    Raises:
        GenreModelError: A library is missing, or Keras does not run on TensorFlow.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with quiet_stderr():
            import keras
            import tensorflow  # noqa: F401
            import tf2onnx  # noqa: F401
    except ImportError as error:
        raise GenreModelError(
            f"training {name} needs TensorFlow: pip install 'beets-cnngenre[train]'"
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise GenreModelError(f"training {name} needs Keras to run on TensorFlow")


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard output to file descriptor 2, where TensorFlow's libraries log despite all settings.

    Exceptions are not affected.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def compiled(
    function: Callable[..., Any], signature: Sequence[tf.TensorSpec], *, fused: bool = False
) -> Any:
    """A function as a TensorFlow graph, traced once and without AutoGraph.

    ``fused``: XLA fuses it into few loops, which need no memory for intermediate results.
    """
    import tensorflow as tf

    return tf.function(function, input_signature=signature, autograph=False, jit_compile=fused)


def export_onnx(model: keras.Model) -> bytes:
    """The model as an ONNX file from ``slices`` to ``logits``, for any number of slices at a time.

    tf2onnx gets a function of the slices and the weights, and the weights are filled in here:
    tf2onnx copies constants so often that ``pelchat2019``, of 137 MB, took 8 GB and 45 seconds.
    Nodes that depend on the weights alone (kernels in ONNX' order of axes) are also computed here:
    constant folding is disabled when ONNX Runtime loads a network, so they would be computed for
    every song.
    """
    import tensorflow as tf
    import tf2onnx

    weights = {f"weight_{index}": value for index, value in enumerate(model.trainable_variables)}
    signature = [
        tf.TensorSpec(model.input_shape, tf.float32, name=INPUT),
        *(tf.TensorSpec(value.shape, value.dtype, name=name) for name, value in weights.items()),
    ]

    def logits(slices: tf.Tensor, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        others = model.non_trainable_variables
        return {OUTPUT: model.stateless_call(values, others, slices, training=False)[0]}

    graph = compiled(logits, signature)
    with quiet_stderr():
        network, _ = tf2onnx.convert.from_function(graph, input_signature=signature, opset=OPSET)
    fill_in(network.graph, weights)
    fold_constants(network.graph)
    content: bytes = network.SerializeToString()
    return content


def fill_in(graph: Any, weights: Mapping[str, Any]) -> None:
    """Turn the inputs of an ONNX graph that are Keras variables into constants."""
    inputs = list(graph.input)
    del graph.input[:]
    for entry in inputs:
        if entry.name not in weights:
            graph.input.append(entry)
            continue
        weight = weights[entry.name]
        constant = graph.initializer.add()
        constant.name = entry.name
        constant.data_type = entry.type.tensor_type.elem_type
        constant.dims.extend(weight.shape)
        constant.raw_data = np.asarray(weight).tobytes()


def fold_constants(graph: Any) -> None:
    """Replace the nodes of an ONNX graph whose inputs are all constants by their results."""
    from onnx.numpy_helper import from_array, to_array
    from onnx.reference import ReferenceEvaluator

    constants = {entry.name: entry for entry in graph.initializer}
    remaining = []
    for node in graph.node:
        if not node.input or not constants.keys() >= set(node.input):
            remaining.append(node)
            continue
        given = {name: to_array(constants[name]) for name in node.input}
        results = ReferenceEvaluator(node).run(None, given)
        for name, result in zip(node.output, results, strict=True):
            constants[name] = from_array(np.asarray(result), name)
    del graph.node[:], graph.initializer[:]
    graph.node.extend(remaining)
    taken = set(names_taken(graph))
    graph.initializer.extend(entry for name, entry in constants.items() if name in taken)


def names_taken(graph: Any) -> Iterator[str]:
    """The names of the inputs of all nodes, and of the outputs, of an ONNX graph and subgraphs."""
    yield from (entry.name for entry in graph.output)
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from names_taken(attribute.g)


def check_export(answers: Float32, model: keras.Model, slices: Float32) -> None:
    """Compare the exported network's answers to (n, *shape) slices with the model's.

    Raises:
        GenreModelError: The exported network and the model answer differently.
    """
    expected = np.asarray(model(slices, training=False))
    if not np.allclose(answers, expected, rtol=EXPORT_TOLERANCE, atol=EXPORT_TOLERANCE):
        raise GenreModelError("the exported network answers otherwise than the trained one")
