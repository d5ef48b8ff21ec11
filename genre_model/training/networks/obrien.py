"""Genres from the peaks that Shazam knows songs by, after T. O'Brien.

What is known of it is what Pelchat & Gelowitz tell: the input is a signature of locations and
amplitudes of a spectrogram's prominent peaks, the classifier two fully connected layers and one of
the genres.  Pictures from the post that are quoted elsewhere show an autoencoder's codes, so the
classifier takes those here: an autoencoder learns to put a slice's constellation into 64 numbers
before the first epoch, and its encoder then stays as it is.

Peaks are at least five frames or bins apart, so that a coarse map, the maximum of squares of four
by four, keeps each of them, to 80 ms and 690 Hz.  The encoder goes over the map in time and takes
the mean, so that its code tells which peaks a slice has and not when.  An encoder that is a dense
layer on all of the map learned places by heart: on the development music its codes told genres less
well than sums over time did, and the mean over time as well as these.  Sizes and training are ours.
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
    """From (n, frames, n_bins) constellations to (n, ``N_CODE``) codes around 0."""
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
    # Soon at its moments.  Of codes that vary little it makes no more than they are.
    normalised = layers.BatchNormalization(momentum=0.5, center=False, scale=False)
    return keras.Model(slices, normalised(values), name="encoder")


def build_decoder(shape: tuple[int, ...], seed: int) -> keras.Model:
    """From (n, ``N_CODE``) codes to coarse maps of a shape, (n, *shape)."""
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
    """The largest value of each square of (n, frames, n_bins): a quarter of either, rounded up."""
    import keras

    layers = keras.layers
    values = layers.Reshape((*slices.shape[1:], 1))(slices)
    values = layers.MaxPooling2D(SQUARE, padding="same", data_format="channels_last")(values)
    return layers.Reshape(values.shape[1:3])(values)


def pretrain(model: keras.Model, batches: Batches, seed: int) -> None:
    """Set the encoder of a model so that a slice's coarse map can be made again from its code.

    The loss is the sum of the squares of the errors.

    Args:
        model: What :func:`build` returned.
        batches: The training's slices, (n, frames, n_bins), anew with every call.
        seed: Of the decoder, which is thrown away.
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
