"""From a Keras model to the bytes of an ``.onnx`` file, and the door to TensorFlow."""

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

# How far the exported network's logits may be from Keras', absolutely or relatively.
EXPORT_TOLERANCE = 1e-4


def require_tensorflow(name: str) -> None:
    """Import TensorFlow, Keras and tf2onnx without their log lines.

    oneDNN calculates on every x86 processor, unless the environment says otherwise: by itself,
    TensorFlow leaves it off where there is no AVX512_VNNI, and takes twice as long.

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
    """Nothing gets to file descriptor 2, where TensorFlow's libraries log whatever they are told.

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
    """A function as a TensorFlow graph, traced once; its Python is run, not read and rewritten.

    ``fused`` by XLA into few loops: no memory for what is in between.
    """
    import tensorflow as tf

    return tf.function(function, input_signature=signature, autograph=False, jit_compile=fused)


def export_onnx(model: keras.Model) -> bytes:
    """The model as an ONNX file that takes ``slices`` and gives ``logits``, any n at a time.

    tf2onnx is given a function of the slices and the weights, and the weights are filled in here:
    it would copy them so often that ``pelchat2019``, of 137 MB, took 8 GB and three quarters of a
    minute.  What depends on the weights alone (kernels in ONNX' order of axes) is calculated here
    too: ONNX Runtime is kept from doing so when it loads a network, and would do it for every song.
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
    """Make constants of the inputs of an ONNX graph that are Keras variables."""
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
    """Put their results in the place of the nodes of an ONNX graph that take constants alone."""
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
    """The names that the nodes of an ONNX graph and of those inside it take, and the results."""
    yield from (entry.name for entry in graph.output)
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from names_taken(attribute.g)


def check_export(answers: Float32, model: keras.Model, slices: Float32) -> None:
    """Compare what the exported network said of (n, *shape) slices with the model.

    Raises:
        GenreModelError: The exported network and the model answer differently.
    """
    expected = np.asarray(model(slices, training=False))
    if not np.allclose(answers, expected, rtol=EXPORT_TOLERANCE, atol=EXPORT_TOLERANCE):
        raise GenreModelError("the exported network answers otherwise than the trained one")
