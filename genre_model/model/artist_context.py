"""What the library knows: tracks of one artist inform each other.

Only the *audio* of the other tracks counts, never their labels, so nothing leaks: in
evaluation all tracks of an artist are in one fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from genre_model.core.specs import ContextSpec
from genre_model.model.aggregation import softmax

Float64 = NDArray[np.float64]
Key = TypeVar("Key")

SMALLEST = 1e-4  # probabilities are kept with four digits

ROUNDING = 2e-3  # what that may take from the sum of a closed set of genres


def in_context(probabilities: Float64, groups: Sequence[str], spec: ContextSpec) -> Float64:
    """Probabilities (n_tracks, n_genres) after each track has looked at its group's.

    A group of one is sharpened only.  Rows keep their sum: what belongs to "something else" takes
    part as a genre of its own.
    """
    mixed = mixed_logs(probabilities, groups, spec.weight)
    n_genres = probabilities.shape[1]
    changed: Float64 = softmax(mixed * sharpness(groups, spec))[:, :n_genres]
    return changed


def sharpness(groups: Sequence[str], spec: ContextSpec) -> Float64:
    """(n_tracks, 1) the inverse temperature of each track, by the size of its group."""
    members, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)[1:]
    found: Float64 = spec.inverse_temperature * (1 + spec.evidence * (1 - 1 / sizes[members]))
    return found[:, None]


def mixed_logs(probabilities: Float64, groups: Sequence[str], weight: float) -> Float64:
    """Log-probabilities mixed with their groups' means.

    (n_tracks, n_genres), or with one more column, of "something else", where that gets anything: a
    closed set of genres stays one.
    """
    rest = np.clip(1 - probabilities.sum(axis=1, keepdims=True), 0, 1)
    logs = np.log(np.maximum(np.concatenate([probabilities, rest], axis=1), SMALLEST))
    mixed = (1 - weight) * logs + weight * means_of_groups(logs, groups)
    n_columns = mixed.shape[1] if (rest > ROUNDING).any() else mixed.shape[1] - 1
    kept: Float64 = mixed[:, :n_columns]
    return kept


def means_of_groups(values: Float64, groups: Sequence[str]) -> Float64:
    """For each row of (n, k) the mean of its group's rows."""
    members, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)[1:]
    order = np.argsort(members, kind="stable")
    sums = np.add.reduceat(values[order], np.cumsum(sizes) - sizes, axis=0)
    means: Float64 = (sums / sizes[:, None])[members]
    return means


def songs_in_context(
    songs: Mapping[Key, Mapping[str, float]], spec: ContextSpec
) -> dict[Key, dict[str, float]]:
    """The probabilities of each song of one group, in the light of the others.

    A genre that a song lacks has probability 0 there.
    """
    genres = list(dict.fromkeys(genre for song in songs.values() for genre in song))
    rows = [[song.get(genre, 0.0) for genre in genres] for song in songs.values()]
    mixed = in_context(np.array(rows, dtype=np.float64), ["group"] * len(rows), spec)
    return {
        key: dict(zip(genres, row, strict=True))
        for key, row in zip(songs, mixed.tolist(), strict=True)
    }
