"""Scores of songs: accuracy, coverage, calibration, and intervals that resample artists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


Floats = NDArray[np.float64]


N_BINS = 10


N_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def accuracy(right: Bools) -> float:
    """Share of songs that are right; NaN for no songs."""
    return float(right.mean()) if len(right) else float("nan")


def balanced_accuracy(right: Bools, truths: Sequence[str]) -> float:
    """Mean over the true genres of the share that is right."""
    labels = np.array(truths)
    return float(np.mean([right[labels == label].mean() for label in sorted(set(truths))]))


def calibration_error(confidence: Floats, right: Bools) -> float:
    """Expected calibration error over ten equal bins (Naeini, Cooper & Hauskrecht, AAAI 2015)."""
    bins = np.clip((confidence * N_BINS).astype(int), 0, N_BINS - 1)
    gaps = [
        abs(confidence[bins == index].mean() - right[bins == index].mean()) * (bins == index).mean()
        for index in np.unique(bins)
    ]
    return float(np.sum(gaps))


def artist_interval(
    figure: Callable[[NDArray[np.intp]], float], artists: Sequence[str], seed: int = 0
) -> Interval:
    """95 % interval of a figure, from resampling whole artists with replacement.

    Args:
        figure: Takes the indices of the songs to be scored; NaN where it is undefined.
        artists: One a song.
        seed: Of the resampling.
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
