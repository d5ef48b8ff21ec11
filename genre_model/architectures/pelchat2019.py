"""The network of Pelchat & Gelowitz, *Neural Network Music Genre Classification* (2019).

The paper takes it from Despois (github.com/despoisj/DeepAudioClassification, 2016) and puts ReLU in
the place of ELU.  Read with "a kernel of 2x2 with a stride of two and a max pooling layer after
each" as Despois has it: convolutions of stride one, poolings of stride two.  That makes 34,251,975
weights for the paper's seven genres, nearly all of them in the one dense layer.

What the paper leaves open is taken from Despois: the numbers of filters, RMSProp's learning rate,
the batch size and the number of epochs, and the bound of the gradients' norm (tflearn's default).
Ours are the log-mel slices in the place of SoX' pictures of a linear spectrogram (128 pixels of 20
ms as in the paper) and the early stopping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genre_model.architectures import Architecture, TrainingSpec
from genre_model.specs import SliceSpec, SpectrogramSpec

if TYPE_CHECKING:
    import keras

FILTERS = (64, 128, 256, 512)
N_DENSE = 1024
DROPOUT = 0.5
# Music's loudest hundredth, in log10 units: slices come to [0, 1] or so, as grey levels do.
FULL_SCALE = 6.0


def build(shape: tuple[int, int], n_genres: int) -> keras.Model:
    """The network from (n, frames, n_mels) slices to (n, n_genres) logits, Xavier-initialised."""
    import keras

    layers = keras.layers
    slices = keras.Input(shape, name="log_mel")
    values = layers.Rescaling(1 / FULL_SCALE)(slices)
    values = layers.Reshape((*shape, 1))(values)
    for n_filters in FILTERS:
        values = layers.Conv2D(
            n_filters,
            kernel_size=2,
            strides=1,
            padding="same",
            activation="relu",
            kernel_initializer="glorot_uniform",
            data_format="channels_last",
        )(values)
        values = layers.MaxPooling2D(pool_size=2, strides=2, data_format="channels_last")(values)
    values = layers.Flatten()(values)
    values = layers.Dense(N_DENSE, activation="relu", kernel_initializer="glorot_uniform")(values)
    values = layers.Dropout(DROPOUT)(values)
    logits = layers.Dense(n_genres, kernel_initializer="glorot_uniform", name="logits")(values)
    return keras.Model(slices, logits, name="pelchat2019")


PELCHAT2019 = Architecture(
    name="pelchat2019",
    summary="Four convolutions and a wide dense layer over 2.56 s, as in the paper.",
    source=(
        "N. Pelchat, C. M. Gelowitz: Neural Network Music Genre Classification, CCECE 2019, "
        "after J. Despois, DeepAudioClassification, 2016"
    ),
    spectrogram=SpectrogramSpec(sample_rate_hz=16_000, n_fft=1024, hop=320, n_mels=128),
    slices=SliceSpec(frames=128, hop_frames=128, max_slices=40, min_seconds=0.5),
    training=TrainingSpec(
        optimizer="rmsprop",
        learning_rate=1e-3,
        batch_size=128,
        epochs=20,
        patience=5,
        clip_norm=5.0,
    ),
    build=build,
)
