"""Artist context: tracks of one artist inform each other.

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

SMALLEST = 1e-4  # probabilities are stored with four digits

ROUNDING = 2e-3  # how far that may lower the sum of a closed set of genres

# Songs are alike if this share of them has one leading genre, subgenres counted as their parents.
LEADING_SHARE = 0.75

# Fewer songs cannot be told to differ: of two songs, neither is the odd one out.
FEWEST_THAT_DIFFER = 3


def informed(
    probabilities: Float64, groups: Sequence[str], spec: ContextSpec, roots: Bools
) -> Float64:
    """As :func:`in_context`, but if a group's songs differ, confident songs keep their own.

    A song is confident if its leading root genre reaches the threshold of the spec.

    Args:
        probabilities: (n_tracks, n_genres).
        groups: The group of each track.
        spec: How much the other tracks of a group count.
        roots: (n_genres, n_roots), whether a genre belongs to a root (Metal to Rock).
    """
    by_root = probabilities @ roots
    numbers, members, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    leading = np.zeros((len(numbers), roots.shape[1]))
    np.add.at(leading, (members, by_root.argmax(axis=1)), 1)
    differ = (leading.max(axis=1) < LEADING_SHARE * sizes) & (sizes >= FEWEST_THAT_DIFFER)
    keeps = differ[members] & (by_root.max(axis=1) >= spec.threshold)
    return np.where(keeps[:, None], probabilities, in_context(probabilities, groups, spec))


def in_context(probabilities: Float64, groups: Sequence[str], spec: ContextSpec) -> Float64:
    """Probabilities (n_tracks, n_genres), each track's mixed with its group's.

    In a group of one, only the inverse temperature is applied.  If a row sums to less than 1, the
    rest belongs to "something else", which takes part as a genre of its own.
    """
    mixed = mixed_logs(probabilities, groups, spec.weight)
    n_genres = probabilities.shape[1]
    changed: Float64 = softmax(mixed * inverse_temperatures(groups, spec))[:, :n_genres]
    return changed


def inverse_temperatures(groups: Sequence[str], spec: ContextSpec) -> Float64:
    """The inverse temperature of each track by the size of its group, (n_tracks, 1)."""
    members, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)[1:]
    found: Float64 = spec.inverse_temperature * (1 + spec.evidence * (1 - 1 / sizes[members]))
    return found[:, None]


def mixed_logs(probabilities: Float64, groups: Sequence[str], weight: float) -> Float64:
    """Log-probabilities mixed with their groups' means.

    The result is (n_tracks, n_genres), with one more column for "something else" if any track
    gives it a share: a closed set of genres stays closed.
    """
    rest = np.clip(1 - probabilities.sum(axis=1, keepdims=True), 0, 1)
    logs = np.log(np.maximum(np.concatenate([probabilities, rest], axis=1), SMALLEST))
    mixed = (1 - weight) * logs + weight * means_of_groups(logs, groups)
    n_columns = mixed.shape[1] if (rest > ROUNDING).any() else mixed.shape[1] - 1
    kept: Float64 = mixed[:, :n_columns]
    return kept


def means_of_groups(values: Float64, groups: Sequence[str]) -> Float64:
    """For each row of (n, k), the mean of its group's rows."""
    members, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)[1:]
    order = np.argsort(members, kind="stable")
    sums = np.add.reduceat(values[order], np.cumsum(sizes) - sizes, axis=0)
    means: Float64 = (sums / sizes[:, None])[members]
    return means


def songs_in_context(
    songs: Mapping[Key, Mapping[str, float]], spec: ContextSpec
) -> dict[Key, dict[str, float]]:
    """The probabilities of the songs of one group after :func:`in_context`.

    A genre that a song has no probability for counts as 0.
    """
    genres, rows = table_of(songs)
    return songs_of(songs, genres, in_context(rows, [""] * len(rows), spec))


def informed_songs(
    songs: Mapping[Key, Mapping[str, float]], spec: ContextSpec, vocabulary: Vocabulary
) -> dict[Key, dict[str, float]]:
    """The probabilities of the songs of one group after :func:`informed`."""
    genres, rows = table_of(songs)
    mixed = informed(rows, [""] * len(rows), spec, roots_of(genres, vocabulary))
    return songs_of(songs, genres, mixed)


def are_alike(songs: Mapping[Key, Mapping[str, float]], vocabulary: Vocabulary) -> bool:
    """Whether at least ``LEADING_SHARE`` of the songs have the same leading root genre."""
    genres, rows = table_of(songs)
    leading = (rows @ roots_of(genres, vocabulary)).argmax(axis=1)
    return bool(np.bincount(leading).max() >= LEADING_SHARE * len(rows))


def roots_of(genres: Sequence[str], vocabulary: Vocabulary) -> Bools:
    """(n_genres, n_roots), whether a genre belongs to a root; roots are in alphabetical order.

    A genre belongs to none if neither it nor an ancestor of it may be answered.
    """
    roots = sorted(vocabulary.roots())
    own = [vocabulary.ancestry(genre)[-1:] for genre in genres]
    return np.array([[[root] == name for root in roots] for name in own])


def table_of(songs: Mapping[Key, Mapping[str, float]]) -> tuple[list[str], Float64]:
    """The genres of some songs, and the songs' probabilities, (n_songs, n_genres)."""
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
