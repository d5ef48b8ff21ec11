"""The students in Keras: networks that extend the shipped one, and their targets.

``branch`` keeps the shipped network as it is and adds a small network of inverted residuals
(Sandler et al., *MobileNetV2*, 2018) on the same spectrogram.  The output is the sum of a linear
layer on the shipped network's features and one on the branch's, which are trained together. (Beside
a layer that was fitted on the same pieces before, the branch learns nothing: the residual on these
pieces is mostly noise.)  ``whole`` starts from the shipped network's weights and changes all of
them.
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

N_SLICES = 5  # of a piece's ten in a batch: slices of twice as many pieces teach more
N_FROZEN = 714  # the shipped network's pooled layer and its embedding
N_BRANCH = 256  # features of the branch
FROZEN_DROPOUT = 0.5  # the linear layer on 714 features has more weights than the pieces can fit
# Adam moves all 714 weights of an output at each step: unscaled, the output would jump by one
# deviation.
FROZEN_SCALE = 0.05
# Filters, stride and repeats of the branch's blocks; inside, a block has three times its input's
# channels.
BLOCKS = ((16, 2, 1), (24, 2, 2), (48, 2, 2), (96, 2, 2))
EXPANSION = 3


@dataclass(frozen=True, eq=False)
class Scale:
    """The mean and deviation of each value of an input or a target."""

    mean: Float32
    deviation: Float32

    def standardised(self, values: Float32) -> Float32:
        """The values with mean 0 and deviation 1."""
        return (values - self.mean) / self.deviation

    def original(self, values: Float32) -> Float32:
        """The inverse of ``standardised``."""
        return values * self.deviation + self.mean


@dataclass(frozen=True, slots=True)
class Target:
    """One output of a student.

    Attributes:
        n: The number of values.
        weight: Weight of its loss, the mean squared error of standardised values.
        of_piece: The target is known for the whole piece only, and compared with the slices' mean.
    """

    n: int
    weight: float
    of_piece: bool = False


def build(kind: Kind, targets: Mapping[str, Target], frozen: Scale) -> keras.Model:
    """A student for pieces: (n, 5, 187, 96) log-mel, for ``branch`` also (n, 5, 714) ``frozen``.

    Args:
        kind: The kind of student.
        targets: Its outputs, by name.
        frozen: The scale of the shipped network's features, for ``branch``.

    Returns:
        A model with an output for each target, (n, 5, n_target) or (n, n_target); its layer
        ``student`` is the model from slices to features, (n, 256) or (n, 200).
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
    """The branch: (n, 187, 96) -> (n, 256)."""
    import keras

    layers = keras.layers
    log_mel = keras.Input((SLICE_FRAMES, SPECTROGRAM.n_mels), name="slices")
    x = layers.BatchNormalization(scale=False, center=False)(log_mel[..., None])
    x = normal(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x))
    for filters, stride, repeats in BLOCKS:
        for repeat in range(repeats):
            x = block(x, filters, stride if repeat == 0 else 1)
    # No ReLU here: all its outputs can die, which would leave only the frozen features.
    x = normal(layers.Conv2D(256, 1, use_bias=False)(x), active=False)
    # The mean over the mel bands; the mean and the maximum over time.
    x = keras.ops.mean(x, axis=2)
    x = layers.Concatenate()([keras.ops.mean(x, axis=1), keras.ops.max(x, axis=1)])
    x = layers.Dense(N_BRANCH, name="features")(layers.Dropout(0.1)(x))
    return keras.Model(log_mel, x, name="student")


def normal(x: Any, *, active: bool = True) -> Any:
    """Batch normalisation, and a ReLU if ``active``."""
    import keras

    x = keras.layers.BatchNormalization()(x)
    return keras.layers.ReLU()(x) if active else x


def block(x: Any, filters: int, stride: int) -> Any:
    """An inverted residual block."""
    import keras

    layers = keras.layers
    inner = normal(layers.Conv2D(EXPANSION * x.shape[-1], 1, use_bias=False)(x))
    inner = normal(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(inner))
    inner = normal(layers.Conv2D(filters, 1, use_bias=False)(inner), active=False)
    return layers.Add()([x, inner]) if x.shape[-1] == filters and stride == 1 else inner


def whole() -> keras.Model:
    """The shipped network with its weights, all trainable: (n, 187, 96) -> (n, 200)."""
    import keras

    log_mel = keras.Input((SLICE_FRAMES, SPECTROGRAM.n_mels), name="slices")
    model = keras.Model(log_mel, embedding_of(log_mel), name="student")
    for layer in model.layers:
        layer.trainable = True
    return model
