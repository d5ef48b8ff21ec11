"""The interval of any figure of songs; for shares, the engine has faster functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genre_model.core.arrays import Ints
from genre_model.evaluation.metrics import N_RESAMPLES, Interval


def artist_interval(
    figure: Callable[[Ints], float], artists: Sequence[str], seed: int = 0
) -> Interval:
    """95 % interval of a figure, from resampling whole artists with replacement.

    Args:
        figure: Takes the indices of the songs to be scored; returns NaN if it is undefined.
        artists: The artist of each song.
        seed: Seed of the resampling.
    """
    names, groups = np.unique(np.array(artists), return_inverse=True)
    members = [np.flatnonzero(groups == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    draws = [
        figure(
            np.concatenate([members[index] for index in rng.integers(0, len(names), len(names))])
        )
        for _ in range(N_RESAMPLES)
    ]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Interval(figure(np.arange(len(artists))), float(low), float(high))
