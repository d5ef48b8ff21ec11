"""A recurrent network over the notes of a MIDI file, 256 notes at a time.

Pelchat & Gelowitz ask how well a recurrent network would classify MIDI.  A slice is 256 notes in
the order of their onsets (``features.midi`` defines the features of a note).  A GRU reads them in
both directions, and a dense layer maps the means and maxima of its states over the notes to the
genres.  The sizes and the training are our own choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genre_model.core.specs import NotesSpec, SliceSpec
from genre_model.features.midi import N_FEATURES
from genre_model.training.networks.base import Architecture, Cost, Network, TrainingSpec

if TYPE_CHECKING:
    import keras

N_NOTES = 256

N_UNITS = 64

DROPOUT = 0.3


def build(shape: tuple[int, ...], n_genres: int) -> keras.Model:
    """The network from (n, n_notes, n_features) notes to (n, n_genres) logits."""
    import keras

    layers = keras.layers
    notes = keras.Input(shape, name="slices")
    values = layers.Dense(N_UNITS, activation="relu")(notes)
    states = layers.Bidirectional(layers.GRU(N_UNITS, return_sequences=True))(values)
    pooled = [layers.GlobalAveragePooling1D()(states), layers.GlobalMaxPooling1D()(states)]
    values = layers.Dropout(DROPOUT)(layers.Concatenate()(pooled))
    return keras.Model(notes, layers.Dense(n_genres, name="logits")(values), name="midi-rnn")


MIDI_RNN = Architecture(
    name="midi-rnn",
    summary="A GRU in both directions over 256 notes of a MIDI file.",
    source="Future work of N. Pelchat, C. M. Gelowitz, 2019",
    spectrogram=NotesSpec(n_features=N_FEATURES),
    slices=SliceSpec(frames=N_NOTES, hop_frames=N_NOTES, max_slices=24),
    learner=Network(
        build,
        TrainingSpec(
            optimizer="adam",
            learning_rate=2e-3,
            batch_size=32,
            epochs=40,
            patience=8,
            clip_norm=5.0,
        ),
    ),
    cost=Cost(52_096, 257, 13_123_584, 256),
)
