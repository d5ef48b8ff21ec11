"""Two networks with about a quarter of the shipped one's multiplications, in Keras.

Both take log-mel slices (n, 187, 96) and give ``embedding`` (n, 200) and ``tags`` (n, 50).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from genre_model.model.bundle.store import SHIPPED, read_bundle

FRAMES, N_MELS, N_FEATURES, N_TAGS = 187, 96, 200, 50
Float32 = NDArray[np.float32]
layers = keras.layers

# Mel bands between two places at which a branch's filters are tried; the shipped network has 1.
STEPS = (8, 5, 12, 12, 12)


class Affine(layers.Layer):
    """A trainable factor and summand for each channel."""

    def __init__(self, scale: Float32, shift: Float32) -> None:
        super().__init__()
        self.scale = self.add_weight(
            shape=scale.shape, initializer=keras.initializers.Constant(scale)
        )
        self.shift = self.add_weight(
            shape=shift.shape, initializer=keras.initializers.Constant(shift)
        )

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return values * self.scale + self.shift


class Tried(layers.Layer):
    """Filters over time and mel bands, tried at every ``step`` bands; the best place counts.

    (n, frames, n_mels) -> (n, frames, n_filters).  Learning, the places are so many samples of one
    convolution over time, whose gradients are fast; ``strided``, they are one of two dimensions.
    """

    def __init__(self, kernel: Float32, bias: Float32, step: int) -> None:
        super().__init__()
        constant = keras.initializers.Constant
        self.step, self.strided = step, False
        self.kernel = self.add_weight(shape=kernel.shape, initializer=constant(kernel))
        self.bias = self.add_weight(shape=bias.shape, initializer=constant(bias))

    def call(self, values: tf.Tensor) -> tf.Tensor:
        height, width = self.kernel.shape[:2]
        before = (height - 1) // 2
        values = tf.pad(values, ((0, 0), (before, height - 1 - before), (0, 0)))
        if self.strided:
            steps = (1, self.step)
            found = tf.nn.conv2d(values[..., None], self.kernel[:, :, None], steps, "VALID")
            return tf.reduce_max(found, axis=2) + self.bias
        places = range(0, N_MELS - width + 1, self.step)
        pieces = tf.concat([values[:, :, place : place + width] for place in places], axis=0)
        found = tf.nn.conv1d(pieces, self.kernel, 1, "VALID")
        apart = tf.reshape(found, (len(places), -1, FRAMES, found.shape[-1]))
        return tf.reduce_max(apart, axis=0) + self.bias


def build_thinned() -> keras.Model:
    """The shipped network with its weights, but filters are tried at every so many bands only."""
    bundle = read_bundle(SHIPPED)
    graph = onnx.load_from_string(bundle.read(bundle.manifest.network.file)).graph
    stored = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}

    def affine(values: tf.Tensor, name: str) -> tf.Tensor:
        return Affine(stored[f"{name}_scale"].ravel(), stored[f"{name}_shift"].ravel())(values)

    slices = keras.Input((FRAMES, N_MELS), name="log_mel")
    image = affine(slices, "normalised")
    branches = []
    for index, step in enumerate(STEPS):
        name = f"frontend{index}"
        kernel = stored[f"{name}_kernel"][:, 0].transpose(1, 2, 0)
        values = Tried(kernel, stored[f"{name}_bias"], step)(image)
        sign = stored[f"{name}_sign"].ravel()
        values = layers.ReLU()(Affine(sign, np.zeros_like(sign))(values))
        branches.append(affine(values, name))
    found = [layers.Concatenate()(branches)]
    for index in (5, 6, 7):
        name = f"midend{index}"
        values = layers.Conv1D(64, 7, padding="same", activation="relu", name=name)(found[-1])
        values = affine(values, name)
        found.append(values if index == 5 else values + found[-1])
    model = with_backend(slices, layers.Concatenate()(found))
    for name in ("midend5", "midend6", "midend7"):
        kernel = stored[f"{name}_kernel"].transpose(2, 1, 0)
        model.get_layer(name).set_weights([kernel, stored[f"{name}_bias"]])
    for name in ("dense", "tags"):
        model.get_layer(name).set_weights([stored[f"{name}_kernel"], stored[f"{name}_bias"]])
    scale, shift = stored["embedding_scale"], stored["embedding_shift"]
    model.get_layer("embedding").set_weights([scale, shift])
    return model


def with_backend(slices: tf.Tensor, values: tf.Tensor) -> keras.Model:
    """The shipped network's end: maximum and mean over time, a dense layer, the tags."""
    pooled = layers.Concatenate()(
        [layers.GlobalMaxPooling1D()(values), layers.GlobalAveragePooling1D()(values)]
    )
    hidden = layers.Dense(N_FEATURES, activation="relu", name="dense")(pooled)
    last = Affine(np.ones(N_FEATURES, np.float32), np.zeros(N_FEATURES, np.float32))
    last.name = "embedding"
    embedding = last(hidden)
    tags = layers.Dense(N_TAGS, activation="sigmoid", name="tags")(embedding)
    return keras.Model(slices, [embedding, tags])


def build_small() -> keras.Model:
    """Four plain convolutions with steps of two, and one over time."""

    def convolve(values: tf.Tensor, n: int, size: int, strides: tuple[int, int]) -> tf.Tensor:
        values = layers.Conv2D(n, size, strides=strides, padding="same", use_bias=False)(values)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(values))

    slices = keras.Input((FRAMES, N_MELS), name="log_mel")
    image = layers.Reshape((FRAMES, N_MELS, 1))(slices)
    values = convolve(layers.BatchNormalization(momentum=0.9)(image), 16, 5, (2, 2))
    values = convolve(values, 32, 3, (2, 2))
    values = convolve(values, 64, 3, (1, 2))
    values = convolve(values, 64, 3, (1, 2))
    n_frames, n_bands, n_channels = values.shape[1:]
    values = layers.Reshape((n_frames, n_bands * n_channels))(values)
    values = layers.Conv1D(128, 3, padding="same", use_bias=False)(values)
    values = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(values))
    return with_backend(slices, values)


NETWORKS: dict[str, Callable[[], keras.Model]] = {"thinned": build_thinned, "small": build_small}


def export(model: keras.Model, path: Path) -> None:
    """Write the model as ONNX, with the shipped network's names."""
    for layer in model.layers:
        if isinstance(layer, Tried):
            layer.strided = True
    signature = [tf.TensorSpec((None, FRAMES, N_MELS), tf.float32, name="log_mel")]

    @tf.function(input_signature=signature, autograph=False)
    def answers(log_mel: tf.Tensor) -> dict[str, tf.Tensor]:
        embedding, tags = model(log_mel, training=False)
        return {"embedding": embedding, "tags": tags}

    network, _ = tf2onnx.convert.from_function(answers, input_signature=signature, opset=17)
    path.write_bytes(network.SerializeToString())
