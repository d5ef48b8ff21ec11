"""The students, in Keras: the shipped network with more, and what it is taught.

``branch`` keeps the shipped network as it is and adds a small network of inverted residuals
(Sandler et al., *MobileNetV2*, 2018) on the same spectrogram.  What is said is the sum of a linear
layer on the shipped network's features and of one on the branch's, which learn together.  (Beside a
layer that was fitted on the same pieces before, the branch learns nothing: what is left of these
pieces is mostly noise.)  ``whole`` starts from the shipped network's weights and changes all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genre_model.core.arrays import Float32
from genre_model.training.networks.finetune import embedding_of
from shipped_model.distillation.teachers import SLICE_FRAMES, SPECTROGRAM

if TYPE_CHECKING:
    import keras

Kind = Literal["branch", "whole"]

N_SLICES = 5  # of a piece's ten at once: slices of twice as many pieces teach more
N_FROZEN = 714  # the shipped network's pooled layer and its embedding
N_BRANCH = 256  # features of the branch
FROZEN_DROPOUT = 0.5  # the linear layer on 714 features has more weights than pieces say
# Adam moves all 714 weights of an output at each step: unscaled, it would jump by one deviation.
FROZEN_SCALE = 0.05
# Filters, stride and repeats of the branch's blocks; a block widens its input threefold inside.
BLOCKS = ((16, 2, 1), (24, 2, 2), (48, 2, 2), (96, 2, 2))
EXPANSION = 3


@dataclass(frozen=True, eq=False)
class Scale:
    """The mean and deviation of each number of an input or a target, or of several."""

    mean: Float32
    deviation: Float32

    def standardised(self, values: Float32) -> Float32:
        """With mean 0 and deviation 1."""
        return (values - self.mean) / self.deviation

    def original(self, values: Float32) -> Float32:
        """The inverse."""
        return values * self.deviation + self.mean


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a student says.

    Attributes:
        n: How many numbers.
        weight: Of its loss, the mean squared error of standardised numbers.
        of_piece: It is known of a piece only, whose slices' mean is compared.
    """

    n: int
    weight: float
    of_piece: bool = False


def build(kind: Kind, targets: Mapping[str, Target], frozen: Scale) -> keras.Model:
    """A student of pieces: (n, 5, 187, 96) log-mel, for ``branch`` also (n, 5, 714) ``frozen``.

    Args:
        kind: What it is made of.
        targets: What it says, by name.
        frozen: The scale of the shipped network's features, for ``branch``.

    Returns:
        A model with an output for each target, (n, 5, n_target) or (n, n_target); its layer
        ``student`` is the model of slices whose output is the features, (n, 256) or (n, 200).
    """
    import keras

    layers, ops = keras.layers, keras.ops
    log_mel = keras.Input((N_SLICES, SLICE_FRAMES, SPECTROGRAM.n_mels), name="log_mel")
    slices = ops.reshape(log_mel, (-1, SLICE_FRAMES, SPECTROGRAM.n_mels))
    inputs = {"log_mel": log_mel}
    features = (branch() if kind == "branch" else whole())(slices)
    if kind == "branch":
        inputs["frozen"] = keras.Input((N_SLICES, N_FROZEN), name="frozen")
        known = (inputs["frozen"] - frozen.mean) / frozen.deviation * FROZEN_SCALE
        known = layers.Dropout(FROZEN_DROPOUT)(ops.reshape(known, (-1, N_FROZEN)))
        features = layers.Concatenate(name="both")([known, features])
    outputs = {}
    for name, target in targets.items():
        said = layers.Dense(target.n, name=f"{name}_layer")(features)
        said = ops.reshape(said, (-1, N_SLICES, target.n))
        said = ops.mean(said, axis=1) if target.of_piece else said
        outputs[name] = layers.Identity(name=name, dtype="float32")(said)
    return keras.Model(inputs, outputs, name=kind)


def branch() -> keras.Model:
    """(n, 187, 96) -> (n, 256)."""
    import keras

    layers = keras.layers
    log_mel = keras.Input((SLICE_FRAMES, SPECTROGRAM.n_mels), name="slices")
    x = layers.BatchNormalization(scale=False, center=False)(log_mel[..., None])
    x = normal(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x))
    for filters, stride, repeats in BLOCKS:
        for repeat in range(repeats):
            x = block(x, filters, stride if repeat == 0 else 1)
    # No ReLU here: all its outputs can die, and then only the frozen features would be left.
    x = normal(layers.Conv2D(256, 1, use_bias=False)(x), active=False)
    # Over the bands the mean alone; over time what is there at all, too.
    x = keras.ops.mean(x, axis=2)
    x = layers.Concatenate()([keras.ops.mean(x, axis=1), keras.ops.max(x, axis=1)])
    x = layers.Dense(N_BRANCH, name="features")(layers.Dropout(0.1)(x))
    return keras.Model(log_mel, x, name="student")


def normal(x: Any, *, active: bool = True) -> Any:
    """Batch normalisation, and a ReLU."""
    import keras

    x = keras.layers.BatchNormalization()(x)
    return keras.layers.ReLU()(x) if active else x


def block(x: Any, filters: int, stride: int) -> Any:
    """An inverted residual."""
    import keras

    layers = keras.layers
    inner = normal(layers.Conv2D(EXPANSION * x.shape[-1], 1, use_bias=False)(x))
    inner = normal(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(inner))
    inner = normal(layers.Conv2D(filters, 1, use_bias=False)(inner), active=False)
    return layers.Add()([x, inner]) if x.shape[-1] == filters and stride == 1 else inner


def whole() -> keras.Model:
    """The shipped network with its weights, all to be trained on: (n, 187, 96) -> (n, 200)."""
    import keras

    log_mel = keras.Input((SLICE_FRAMES, SPECTROGRAM.n_mels), name="slices")
    model = keras.Model(log_mel, embedding_of(log_mel), name="student")
    for layer in model.layers:
        layer.trainable = True
    return model
