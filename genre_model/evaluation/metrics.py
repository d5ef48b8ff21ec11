"""Scores of songs: accuracy, coverage, calibration, and intervals that resample artists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64, Ints

Label = TypeVar("Label", str, int)

N_BINS = 10

FEWEST_ANSWERS = 10  # with fewer answers, the share that is right says too little

N_RESAMPLES = 2_000
SEED = 0  # of every resampling, so that an interval is always the same
MAX_DRAWN = 2_000_000  # drawn groups in memory at once while resampling


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def bounds(self) -> str:
        """The interval of a share, in words."""
        if not np.isfinite([self.low, self.high]).all():
            return "no interval: all are of one artist"
        return f"95 % interval {self.low:.1%} to {self.high:.1%}"


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label's figures; all answers count, accepted or not."""

    tracks: int
    precision: float | None
    recall: float
    f1: float


def accuracy(right: Bools) -> float:
    """Share of songs that are right; NaN for no songs."""
    return float(right.mean()) if len(right) else float("nan")


def balanced_accuracy(right: Bools, truths: Sequence[str]) -> float:
    """Mean over the true genres of the share of songs that are right."""
    labels = np.array(truths)
    return float(np.mean([right[labels == label].mean() for label in sorted(set(truths))]))


def calibration_error(confidence: Float64, right: Bools) -> float:
    """Expected calibration error over ten equal bins (Naeini, Cooper & Hauskrecht, AAAI 2015)."""
    bins = np.clip((confidence * N_BINS).astype(int), 0, N_BINS - 1)
    gaps = [
        abs(confidence[bins == index].mean() - right[bins == index].mean()) * (bins == index).mean()
        for index in np.unique(bins)
    ]
    return float(np.sum(gaps))


def two_way_interval(
    figure: Callable[[Ints], float],
    artists: Sequence[str],
    trainings: Sequence[int],
) -> Interval:
    """95 % interval of a figure, from resampling artists and trainings, both with replacement.

    A song is repeated as often as its artist is drawn times as often as its training is drawn: the
    pigeonhole bootstrap of A. B. Owen, Ann. Appl. Stat. 1 (2007), which tends to overstate the
    variance.

    Args:
        figure: Computes the figure of the songs with these indices; NaN if it is undefined.
        artists: The artist of each song.
        trainings: The number of the training that answered each song.
    """
    artist, training = numbered(artists), numbered(trainings)
    everything = np.arange(len(artists))
    draws: list[float] = []
    for of_artist, of_training in drawn_together(artist, training):
        times = (of_artist[artist] * of_training[training]).astype(np.intp)
        if times.any():
            draws.append(figure(np.repeat(everything, times)))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Interval(figure(everything), float(low), float(high))


def two_way_ratio(
    numerators: NDArray[Any],
    denominators: NDArray[Any],
    artists: Sequence[str],
    trainings: Sequence[int],
) -> Interval:
    """As :func:`two_way_interval`, much faster, for a ratio of sums of two (n_songs,) arrays."""
    artist, training = numbered(artists), numbered(trainings)
    upper, lower = np.zeros((2, artist.max() + 1, training.max() + 1))
    np.add.at(upper, (artist, training), np.asarray(numerators, np.float64))
    np.add.at(lower, (artist, training), np.asarray(denominators, np.float64))
    sums = np.array([(a @ upper @ t, a @ lower @ t) for a, t in drawn_together(artist, training)])
    defined = sums[sums[:, 1] > 0]
    low, high = np.percentile(defined[:, 0] / defined[:, 1], [2.5, 97.5])
    return Interval(float(upper.sum() / lower.sum()), float(low), float(high))


def numbered(names: Sequence[str] | Sequence[int]) -> Ints:
    """The index of each name among the sorted distinct names."""
    numbers: Ints = np.unique(np.array(names), return_inverse=True)[1]
    return numbers


def drawn_together(artist: Ints, training: Ints) -> Iterator[tuple[Float64, Float64]]:
    """How often each artist and each training is drawn, in each of ``N_RESAMPLES`` resamples."""
    rng = np.random.default_rng(SEED)
    sizes = [int(numbers.max()) + 1 for numbers in (artist, training)]
    pairs = [np.concatenate(list(resamplings(rng, n))) for n in sizes]
    yield from zip(*pairs, strict=True)


def ratio_interval(
    numerators: Float64 | Bools,
    denominators: Float64 | Bools,
    artists: Sequence[str],
) -> Interval:
    """95 % interval of the mean of k ratios of sums over songs, from resampling whole artists.

    A ratio whose denominator is 0 is left out; the mean is NaN if all are.  With a single artist
    whose denominators are not all 0 there is no interval: its bounds are NaN.

    Args:
        numerators: (n_songs,) or (n_songs, k).
        denominators: The same shape.
        artists: The artist of each song.
    """
    members, sizes = np.unique(np.array(artists), return_inverse=True, return_counts=True)[1:]
    both = [np.asarray(part, np.float64) for part in (numerators, denominators)]
    upper, lower = (sum_by(members, len(sizes), part.reshape(len(part), -1)) for part in both)
    rng = np.random.default_rng(SEED)
    draws = [mean_ratio(counts @ upper, counts @ lower) for counts in resamplings(rng, len(sizes))]
    known = np.concatenate(draws)
    value = float(mean_ratio(upper.sum(axis=0)[None], lower.sum(axis=0)[None])[0])
    if np.isnan(known).all() or np.count_nonzero(lower.any(axis=1)) == 1:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.nanpercentile(known, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def share_interval(hits: Bools, among: Bools, artists: Sequence[str]) -> Interval:
    """95 % interval of the share of hits among some songs, from resampling whole artists.

    If all of them are hits, or none, every resample gives the same share.  Then it is the exact
    interval for this number of artists (Clopper and Pearson, Biometrika 26, 1934).

    Args:
        hits: (n_songs,), the hits.
        among: (n_songs,), the songs that count.
        artists: The artist of each song.
    """
    found = ratio_interval(hits & among, among, artists)
    counted = [artist for artist, counts in zip(artists, among, strict=True) if counts]
    return found if found.value not in {0, 1} else exact_interval(found.value, len(set(counted)))


def exact_interval(value: float, n_artists: int) -> Interval:
    """95 % interval of a share of 0 or 1 among ``n_artists``, by Clopper and Pearson."""
    bound = 0.025 ** (1 / n_artists)
    return Interval(1.0, bound, 1.0) if value else Interval(0.0, 0.0, 1 - bound)


def sum_by(members: Ints, n_groups: int, values: Float64) -> Float64:
    """(n_groups, k) sums of (n, k) by the group of each row."""
    sums = np.zeros((n_groups, values.shape[1]))
    np.add.at(sums, members, values)
    return sums


def resamplings(rng: np.random.Generator, n_groups: int) -> Iterator[Float64]:
    """How often each group is drawn in each draw, in arrays of (some of the draws, n_groups)."""
    at_once = max(1, MAX_DRAWN // n_groups)
    for start in range(0, N_RESAMPLES, at_once):
        n = min(at_once, N_RESAMPLES - start)
        drawn = rng.integers(0, n_groups, (n, n_groups)) + np.arange(n)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=n * n_groups)
        yield counts.reshape(n, n_groups).astype(np.float64)


def mean_ratio(upper: Float64, lower: Float64) -> Float64:
    """(n,): the mean over k of the (n, k) ratios that are defined; NaN if none is."""
    defined = lower > 0
    ratios = np.where(defined, upper / np.where(defined, lower, 1.0), 0.0)
    n_defined = defined.sum(axis=1)
    means: Float64 = np.where(n_defined, ratios.sum(axis=1) / np.maximum(n_defined, 1), np.nan)
    return means


def one_hot(truths: Sequence[str]) -> Float64:
    """(n, n_labels): 1 in the column of each song's label, in the labels' order."""
    labels, column = np.unique(np.array(truths), return_inverse=True)
    columns: Float64 = np.eye(len(labels))[column]
    return columns


def label_figures(truths: Sequence[Label], answers: Sequence[Label]) -> dict[Label, LabelFigures]:
    """Precision, recall and F1 of each label that is the truth of a song, in order."""
    n_truly, n_answered = Counter(truths), Counter(answers)
    hits = Counter(t for t, answer in zip(truths, answers, strict=True) if t == answer)
    return {
        label: LabelFigures(
            n,
            hits[label] / n_answered[label] if n_answered[label] else None,
            hits[label] / n,
            2 * hits[label] / (n + n_answered[label]),
        )
        for label, n in sorted(n_truly.items())
    }


def macro_f1(figures: Mapping[Label, LabelFigures]) -> float:
    """The mean of F1 over labels."""
    return float(np.mean([of_label.f1 for of_label in figures.values()]))
