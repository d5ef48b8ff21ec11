"""What the library knows: tracks of one artist inform each other.

Only the *audio* of the other tracks counts, never their labels, so nothing leaks: in
evaluation all tracks of an artist are in one fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from genre_model.core.arrays import Bools, Float64
from genre_model.core.specs import ContextSpec
from genre_model.model.aggregation import softmax
from genre_model.model.vocabulary import Vocabulary

Key = TypeVar("Key")

SMALLEST = 1e-4  # probabilities are kept with four digits

ROUNDING = 2e-3  # what that may take from the sum of a closed set of genres

# Songs are alike where so many of them lead with one genre, subgenres counted as their parents.
LEADING_SHARE = 0.75

# Fewer songs do not show that there are two genres: of two, neither is the odd one.
FEWEST_THAT_DIFFER = 3


def informed(
    probabilities: Float64, groups: Sequence[str], spec: ContextSpec, roots: Bools
) -> Float64:
    """As :func:`in_context`, but where a group's songs differ, the sure ones keep their own.

    Sure by the threshold of the spec.

    Args:
        probabilities: (n_tracks, n_genres).
        groups: Whose each track is.
        spec: How much the others of a group count.
        roots: (n_genres, n_roots): which genre is of which root (Metal of Rock).
    """
    by_root = probabilities @ roots
    numbers, members, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    leading = np.zeros((len(numbers), roots.shape[1]))
    np.add.at(leading, (members, by_root.argmax(axis=1)), 1)
    differ = (leading.max(axis=1) < LEADING_SHARE * sizes) & (sizes >= FEWEST_THAT_DIFFER)
    keeps = differ[members] & (by_root.max(axis=1) >= spec.threshold)
    return np.where(keeps[:, None], probabilities, in_context(probabilities, groups, spec))


def in_context(probabilities: Float64, groups: Sequence[str], spec: ContextSpec) -> Float64:
    """Probabilities (n_tracks, n_genres) after each track has looked at its group's.

    A group of one gets its temperature only.  Rows keep their sum: what belongs to "something
    else" takes part as a genre of its own.
    """
    mixed = mixed_logs(probabilities, groups, spec.weight)
    n_genres = probabilities.shape[1]
    changed: Float64 = softmax(mixed * inverse_temperatures(groups, spec))[:, :n_genres]
    return changed


def inverse_temperatures(groups: Sequence[str], spec: ContextSpec) -> Float64:
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
    genres, rows = table_of(songs)
    return songs_of(songs, genres, in_context(rows, [""] * len(rows), spec))


def informed_songs(
    songs: Mapping[Key, Mapping[str, float]], spec: ContextSpec, vocabulary: Vocabulary
) -> dict[Key, dict[str, float]]:
    """As :func:`songs_in_context`, by :func:`informed`."""
    genres, rows = table_of(songs)
    mixed = informed(rows, [""] * len(rows), spec, roots_of(genres, vocabulary))
    return songs_of(songs, genres, mixed)


def are_alike(songs: Mapping[Key, Mapping[str, float]], vocabulary: Vocabulary) -> bool:
    """Whether ``LEADING_SHARE`` of some songs lead with one genre."""
    genres, rows = table_of(songs)
    leading = (rows @ roots_of(genres, vocabulary)).argmax(axis=1)
    return bool(np.bincount(leading).max() >= LEADING_SHARE * len(rows))


def roots_of(genres: Sequence[str], vocabulary: Vocabulary) -> Bools:
    """(n_genres, n_roots): which genre is of which root, these in the order of the alphabet.

    A genre that is not answered, and has no ancestor that is, is of none.
    """
    own = [vocabulary.ancestry(genre)[-1:] for genre in genres]
    return np.array([[[root] == name for root in sorted(vocabulary.roots())] for name in own])


def table_of(songs: Mapping[Key, Mapping[str, float]]) -> tuple[list[str], Float64]:
    """The genres of some songs, and (n_songs, n_genres) their probabilities."""
    genres = list(dict.fromkeys(genre for song in songs.values() for genre in song))
    rows = [[song.get(genre, 0.0) for genre in genres] for song in songs.values()]
    return genres, np.array(rows, dtype=np.float64)


def songs_of(
    keys: Iterable[Key], genres: Sequence[str], rows: Float64
) -> dict[Key, dict[str, float]]:
    """The probabilities of each song, from the rows of :func:`table_of`."""
    return {
        key: dict(zip(genres, row, strict=True))
        for key, row in zip(keys, rows.tolist(), strict=True)
    }
