"""Genres from the spectral peaks that Shazam identifies songs by, after T. O'Brien.

What is known of this system comes from Pelchat & Gelowitz: its input is a signature of the
locations and amplitudes of a spectrogram's prominent peaks, and its classifier has two fully
connected layers and one for the genres.  Pictures from the original post that are quoted elsewhere
show the codes of an autoencoder, so the classifier takes codes here too: before the first epoch, an
autoencoder learns to encode a slice's constellation in 64 numbers, and its encoder then stays
fixed.

Peaks are at least five frames or bins apart, so a coarse map, the maximum of squares of four by
four, keeps all peaks, with a resolution of 80 ms and 690 Hz.  The encoder convolves the map over
time and takes the mean, so that its code says which peaks a slice has, but not when.  An encoder
with a dense layer on the whole map memorised positions: on the development music its codes
separated genres less well than sums over time, while the mean over time did as well as these sums.
The sizes and the training are our own choice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.training.networks.base import Architecture, Batches, Cost, Network, TrainingSpec

if TYPE_CHECKING:
    import keras

SQUARE = 4

N_FILTERS = 128

FILTER_SQUARES = 5

N_CODE = 64

N_DENSE = 128

DROPOUT = 0.5

PRETRAINING_EPOCHS = 8

PRETRAINING_RATE = 1e-3


def build(shape: tuple[int, ...], n_genres: int) -> keras.Model:
    """The network from (n, frames, n_bins) constellations to (n, n_genres) logits.

    The weights of its layer ``encoder`` are not trainable: :func:`pretrain` sets them.
    """
    import keras

    layers = keras.layers
    slices = keras.Input(shape, name="slices")
    encoder = build_encoder(shape)
    encoder.trainable = False
    values = encoder(slices)
    for _ in range(2):
        values = layers.Dense(N_DENSE, activation="relu")(values)
        values = layers.Dropout(DROPOUT)(values)
    return keras.Model(slices, layers.Dense(n_genres, name="logits")(values), name="obrien")


def build_encoder(shape: tuple[int, ...]) -> keras.Model:
    """The encoder from (n, frames, n_bins) constellations to (n, ``N_CODE``) codes around 0."""
    import keras

    layers = keras.layers
    slices = keras.Input(shape)
    values = layers.Conv1D(
        N_FILTERS,
        FILTER_SQUARES,
        padding="same",
        activation="relu",
        data_format="channels_last",
    )(coarse_map(slices))
    values = layers.GlobalAveragePooling1D(data_format="channels_last")(values)
    values = layers.Dense(N_CODE, use_bias=False)(values)
    # The low momentum lets the moving mean and variance adapt quickly.  Keras' epsilon (1e-3) keeps
    # codes of very low variance from being scaled up to unit variance.
    normalised = layers.BatchNormalization(momentum=0.5, center=False, scale=False)
    return keras.Model(slices, normalised(values), name="encoder")


def build_decoder(shape: tuple[int, ...], seed: int) -> keras.Model:
    """The decoder from (n, ``N_CODE``) codes to (n, *shape) coarse maps."""
    import keras

    layers = keras.layers
    first, second = (keras.initializers.GlorotUniform(seed + number) for number in (1, 2))
    return keras.Sequential(
        [
            keras.Input((N_CODE,)),
            layers.Dense(2 * N_DENSE, activation="relu", kernel_initializer=first),
            layers.Dense(math.prod(shape), kernel_initializer=second),
            layers.Reshape(shape),
        ]
    )


def coarse_map(slices: Any) -> Any:
    """The maximum of each square of (n, frames, n_bins); both axes become a quarter, rounded up."""
    import keras

    layers = keras.layers
    values = layers.Reshape((*slices.shape[1:], 1))(slices)
    values = layers.MaxPooling2D(SQUARE, padding="same", data_format="channels_last")(values)
    return layers.Reshape(values.shape[1:3])(values)


def pretrain(model: keras.Model, batches: Batches, seed: int) -> None:
    """Train the encoder of a model so that a slice's coarse map can be rebuilt from its code.

    The loss is the sum of the squared errors of a slice, averaged over the batch.

    Args:
        model: The model that :func:`build` returned.
        batches: Every call returns a new iterator over the training slices, (n, frames, n_bins).
        seed: For the decoder, which is discarded.
    """
    import keras
    import tensorflow as tf

    encoder = model.get_layer("encoder")
    slices = keras.Input(model.input_shape[1:])
    to_map = keras.Model(slices, coarse_map(slices))
    decoder = build_decoder(to_map.output_shape[1:], seed)
    optimizer = keras.optimizers.Adam(PRETRAINING_RATE)
    encoder.trainable = True
    variables = [*encoder.trainable_variables, *decoder.trainable_variables]
    optimizer.build(variables)

    def step(slices: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            made, wanted = decoder(encoder(slices, training=True)), to_map(slices)
            errors = tf.cast(made, tf.float32) - tf.cast(wanted, tf.float32)
            loss = tf.reduce_mean(tf.reduce_sum(errors**2, axis=(1, 2)))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    signature = [tf.TensorSpec(model.input_shape, tf.float32)]
    compiled_step = tf.function(step, input_signature=signature, autograph=False)
    for _ in range(PRETRAINING_EPOCHS):
        for batch in batches():
            compiled_step(batch)
    encoder.trainable = False


OBRIEN = Architecture(
    name="obrien",
    summary="Shazam's peaks, put into 64 numbers by an autoencoder; two dense layers on these.",
    source="T. O'Brien, as told by N. Pelchat, C. M. Gelowitz, 2019; peaks after A. Wang, 2003",
    spectrogram=SoxSpec(),
    slices=SliceSpec(frames=128, hop_frames=128, max_slices=40, transform="constellation"),
    learner=Network(
        build,
        TrainingSpec(optimizer="adam", learning_rate=1e-3, epochs=40, patience=8, microbatch=128),
        pretrain=pretrain,
    ),
    cost=Cost(53_760, 129, 688_128, 128),
)
