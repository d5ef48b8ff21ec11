"""The network of Pelchat & Gelowitz, *Neural Network Music Genre Classification* (2019).

The paper takes the network from Despois (github.com/despoisj/DeepAudioClassification, 2016), but
uses ReLU instead of ELU, and Xavier's initial weights everywhere.  Its "kernel of 2x2 with a stride
of two and a max pooling layer after each" can be read in two ways.  ``pelchat2019`` is Despois'
version: convolutions of stride one, poolings of stride two, and 34,251,975 weights for the paper's
seven genres, nearly all of them in the wide dense layer.  ``pelchat2019-strided`` uses stride two
for both, which reduces the picture to one pixel, and has 1,221,831 weights.

What the paper does not specify is taken from Despois: the numbers of filters, RMSProp's settings,
the batch size, the number of epochs, and the limit of the gradients' norm (tflearn's default).  Our
own choices are the early stopping, on the accuracy of songs that are not trained on, and resampling
songs to 44.1 kHz first, so that a row of the picture is the same frequency in all songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.training.networks.base import Architecture, Cost, Network, TrainingSpec

if TYPE_CHECKING:
    import keras

FILTERS = (64, 128, 256, 512)

N_DENSE = 1024

DROPOUT = 0.5

WHITE = 255.0


def build(
    shape: tuple[int, ...],
    n_genres: int,
    *,
    stride: int = 1,
    activation: str = "relu",
    convolution_init: str = "glorot_uniform",
    dense_init: str | float = "glorot_uniform",
) -> keras.Model:
    """The network from (n, frames, n_bins) grey levels to (n, n_genres) logits.

    ``stride`` is that of the convolutions.  ``convolution_init`` and ``dense_init`` are Keras'
    names of initialisers, by default Xavier's; a number for ``dense_init`` is the deviation of a
    truncated normal.
    """
    import keras

    if isinstance(dense_init, float):
        dense_init = keras.initializers.TruncatedNormal(stddev=dense_init)

    layers = keras.layers
    slices = keras.Input(shape, name="slices")
    values = convolved(
        slices, FILTERS, stride=stride, activation=activation, initializer=convolution_init
    )
    values = layers.Dense(N_DENSE, activation=activation, kernel_initializer=dense_init)(values)
    values = layers.Dropout(DROPOUT)(values)
    logits = layers.Dense(n_genres, kernel_initializer=dense_init, name="logits")(values)
    return keras.Model(slices, logits, name="pelchat2019")


def convolved(
    slices: keras.KerasTensor,
    filters: Sequence[int],
    *,
    stride: int,
    activation: str = "relu",
    initializer: str = "glorot_uniform",
) -> keras.KerasTensor:
    """(n, frames, n_bins) grey levels to (n, n_values), by convolutions of 2x2 with poolings."""
    import keras

    layers = keras.layers
    values = layers.Rescaling(1 / WHITE)(slices)
    values = layers.Reshape((*slices.shape[1:], 1))(values)
    for n_filters in filters:
        values = layers.Conv2D(
            n_filters,
            kernel_size=2,
            strides=stride,
            padding="same",
            activation=activation,
            kernel_initializer=initializer,
            data_format="channels_last",
        )(values)
        values = layers.MaxPooling2D(
            pool_size=2, strides=2, padding="same", data_format="channels_last"
        )(values)
    return layers.Flatten()(values)


SPECTROGRAM = SoxSpec(sample_rate_hz=44_100, pixels_per_s=50)

SLICES = SliceSpec(frames=128, hop_frames=128, max_slices=40, min_seconds=0.5)

TRAINING = TrainingSpec(
    optimizer="rmsprop",
    learning_rate=1e-3,
    optimizer_settings=(("rho", 0.9), ("epsilon", 1e-10)),
    first_accumulator=1.0,
    batch_size=128,
    epochs=20,
    patience=5,
    clip_norm=5.0,
)

PELCHAT2019 = Architecture(
    name="pelchat2019",
    summary="Four convolutions and a wide dense layer over 2.56 s, as in the paper.",
    source=(
        "N. Pelchat, C. M. Gelowitz: Neural Network Music Genre Classification, 2019, "
        "after J. Despois, DeepAudioClassification, 2016"
    ),
    spectrogram=SPECTROGRAM,
    slices=SLICES,
    learner=Network(build, TRAINING),
    cost=Cost(34_244_800, 1_025, 440_401_920, 1_024),
)

PELCHAT2019_STRIDED = Architecture(
    name="pelchat2019-strided",
    summary="The paper's network with convolutions of stride two: a thirtieth of the weights.",
    source="The other reading of the same sentence of the paper.",
    spectrogram=SPECTROGRAM,
    slices=SLICES,
    learner=Network(
        partial(build, stride=2),
        replace(TRAINING, microbatch=TRAINING.batch_size),
    ),
    cost=Cost(1_214_656, 1_025, 12_582_912, 1_024),
)
