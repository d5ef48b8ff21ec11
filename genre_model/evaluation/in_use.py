"""A model's probabilities for labelled tracks as in use: with artist context and play history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.data.folds import context_group
from genre_model.data.tracks import LabelledTrack
from genre_model.model.artist_context import informed, roots_of
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.play_history import with_play_history
from genre_model.model.vocabulary import Vocabulary


def probabilities_in_use(
    alone: Float64,
    tracks: Sequence[LabelledTrack],
    manifest: Manifest,
    vocabulary: Vocabulary,
) -> Float64:
    """Probabilities (n_tracks, n_genres) with the artist context and the play history applied.

    Args:
        alone: (n_tracks, n_genres) probabilities of each track by its audio.
        tracks: The tracks.
        manifest: The model's manifest.  A context or a play history that it lacks is not applied.
            Ages in the play history are as of the time of the training.
        vocabulary: The genres that the model may answer.
    """
    probabilities = alone
    if manifest.context is not None:
        artists = [context_group(track) for track in tracks]
        roots = roots_of(manifest.genres, vocabulary)
        probabilities = informed(probabilities, artists, manifest.context, roots)
    if manifest.play_history is not None:
        spec = manifest.play_history
        features = np.array([track.play_history.features(spec.now_s) for track in tracks])
        probabilities = with_play_history(probabilities, features, spec)
    return probabilities
