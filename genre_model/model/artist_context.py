"""What the library knows: tracks of one artist inform each other.

Only what was *heard* of the other tracks counts, never their labels, so nothing leaks: in
evaluation all tracks of an artist are in one fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from genre_model.core.specs import ContextSpec
from genre_model.model.aggregation import softmax

Float64 = NDArray[np.float64]


SMALLEST = 1e-4  # probabilities are kept with four digits


ROUNDING = 2e-3  # what that may take from the sum of a closed set of genres


def in_context(probabilities: Float64, groups: Sequence[str], spec: ContextSpec) -> Float64:
    """Probabilities (n_tracks, n_genres) after each track has looked at its group's.

    A group of one is sharpened only.  Rows keep their sum: what belongs to "something else" takes
    part as a genre of its own.
    """
    rest = np.clip(1 - probabilities.sum(axis=1, keepdims=True), 0, 1)
    logs = np.log(np.maximum(np.concatenate([probabilities, rest], axis=1), SMALLEST))
    mixed = logs.copy()
    names = np.array(groups)
    for name in set(groups):
        inside = names == name
        mixed[inside] = (1 - spec.weight) * logs[inside] + spec.weight * logs[inside].mean(axis=0)
    if not (rest > ROUNDING).any():  # a closed set of genres stays one
        mixed = mixed[:, :-1]
        return softmax(mixed * spec.inverse_temperature)
    return softmax(mixed * spec.inverse_temperature)[:, :-1]


def song_in_context(
    own: Mapping[str, float], others: Sequence[Mapping[str, float]], spec: ContextSpec
) -> dict[str, float]:
    """The same for one track: its own probabilities, and those of the artist's other tracks.

    A genre that a track lacks has a probability of nought there.
    """
    genres = list(dict.fromkeys(genre for track in (own, *others) for genre in track))
    rows = [[track.get(genre, 0.0) for genre in genres] for track in (own, *others)]
    mixed = in_context(np.array(rows, dtype=np.float64), ["artist"] * len(rows), spec)
    return dict(zip(genres, mixed[0].tolist(), strict=True))
