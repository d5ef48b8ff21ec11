"""Give a training set its starting model, converted to the user's genres."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genre_model.core.errors import GenreModelError
from genre_model.model.bundle.store import Bundle
from genre_model.model.head import Head, StartingModel
from genre_model.model.music_detector import MUSIC_THRESHOLD, MusicDetector
from genre_model.training.head.correspondence import correspond
from genre_model.training.training_set import TrainingSet, with_music_detector, with_start

# If the music detector rejects more than this share of a genre's tracks, it is not used.
MOST_REJECTED = 1 / 5


def starting_from(
    training_set: TrainingSet, backbone: Bundle, tree: Mapping[str, str], *, others: bool
) -> TrainingSet:
    """The training set with a bundle's head as starting model, and with its music detector.

    Args:
        training_set: Tracks with the features of the bundle's network.
        backbone: The model to start from.
        tree: Genre tree, child -> parent, in canonical names, in addition to the bundle's own.
        others: Whether genres of the bundle that match none of the user's can still be predicted.
            If not, or if the bundle knows neither the user's genres nor any above them, only the
            user's genres can be predicted.

    Raises:
        GenreModelError: The bundle has no linear head.
    """
    manifest, head = backbone.manifest, backbone.head()
    if not isinstance(head, Head):
        raise GenreModelError(f"{backbone.directory}: its network has no head to start from")
    labelled = training_set.genres
    found = correspond(labelled, manifest.genres, manifest.parents, tree, others=others)
    # The shares, not the answers: a subgenre that the bundle lacks (Bebop) has only a share.
    if others and not found.shares[:-1, : len(labelled)].any():  # no genre in common
        others = False
        found = correspond(labelled, manifest.genres, manifest.parents, tree, others=False)
    aggregation = manifest.aggregation
    scaled = Head(
        head.weights * aggregation.inverse_temperature, head.bias * aggregation.inverse_temperature
    )
    start = StartingModel(scaled, aggregation.other_logit, found.shares)
    training_set = with_music_detector(training_set, music_detector_for(training_set, backbone))
    return with_start(training_set, found.genres, start, found.parents, closed=not others)


def music_detector_for(training_set: TrainingSet, backbone: Bundle) -> MusicDetector | None:
    """The backbone's music detector; None if it rejects too many tracks of a genre.

    A user who labels audiobooks, field recordings or noise wants predictions for them.
    """
    detector = backbone.music_detector()
    if detector is None:
        return None
    rejected = [
        detector.probability(song.features) < MUSIC_THRESHOLD for song in training_set.extracted
    ]
    of_genres = training_set.candidates.astype(np.float64)
    too_many = rejected @ of_genres > MOST_REJECTED * of_genres.sum(axis=0)
    return None if too_many.any() else detector
