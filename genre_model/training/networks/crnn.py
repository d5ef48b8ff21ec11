"""A recurrent network over the slices of a song in their order.

Pelchat & Gelowitz name recurrent networks as their future work.  Here, four convolutions, as in the
strided version of their network but with at most half as many filters, turn each slice into an
embedding.  A GRU reads the embeddings of the song in order, so that a slice's logits depend on all
slices before it.  Cf. Choi, Fazekas, Sandler & Cho, *Convolutional recurrent neural networks for
music classification*, ICASSP 2017, whose recurrence is within a clip.  The sizes and the training
are our own choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.training.networks.base import Architecture, Cost, Network, TrainingSpec
from genre_model.training.networks.pelchat2019 import convolved

if TYPE_CHECKING:
    import keras

FILTERS = (32, 64, 128, 128)

N_UNITS = 64

DROPOUT = 0.5


def build(shape: tuple[int, ...], n_genres: int) -> keras.Model:
    """The network from the slices of one song to the logits of each slice.

    (n_slices, frames, n_bins) grey levels -> (n_slices, n_genres), for any n_slices.
    """
    import keras

    layers = keras.layers
    slices = keras.Input(shape, name="slices")
    embeddings = layers.Dropout(DROPOUT)(convolved(slices, FILTERS, stride=2))
    song = keras.ops.expand_dims(embeddings, 0)
    steps = keras.ops.squeeze(layers.GRU(N_UNITS, return_sequences=True)(song), 0)
    logits = layers.Dense(n_genres, name="logits")(layers.Dropout(DROPOUT)(steps))
    return keras.Model(slices, logits, name="crnn")


CRNN = Architecture(
    name="crnn",
    summary="Four convolutions to an embedding of each slice, a GRU over those of the song.",
    source=(
        "Future work of N. Pelchat, C. M. Gelowitz, 2019; "
        "cf. K. Choi et al., Convolutional recurrent neural networks, ICASSP 2017"
    ),
    spectrogram=SoxSpec(),
    slices=SliceSpec(frames=128, hop_frames=128, max_slices=40),
    learner=Network(
        build,
        TrainingSpec(
            optimizer="adam",
            learning_rate=1e-3,
            batch_size=8,
            epochs=60,
            patience=12,
            clip_norm=5.0,
        ),
        whole_song=True,
    ),
    cost=Cost(144_224, 65, 3_248_128, 64),
)
