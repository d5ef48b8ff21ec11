"""When enough slices of a long song have been classified.

Slices are classified in the order of :func:`genre_model.features.slices.order`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64
from genre_model.core.specs import AggregationSpec, SamplingSpec, SpectrogramSpec
from genre_model.model.aggregation import aggregate, can_be_sampled, influence
from genre_model.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from genre_model.model.bundle.manifest import Manifest


@dataclass(frozen=True, slots=True, eq=False)
class StopRule:
    """Decides whether the slices so far are enough for the song's answer.

    ``families`` (n_genres, n_genres) is 1 if a genre (row) counts for a genre (column): for itself
    and for its ancestors.  ``is_root`` (n_genres,) marks the genres without a parent.
    """

    sampling: SamplingSpec
    aggregation: AggregationSpec
    families: Float64
    is_root: Bools

    def at(self, threshold: float | None) -> StopRule:
        """The rule with another threshold for accepting genres; None: the model's own."""
        if threshold is None:
            return self
        return replace(self, aggregation=replace(self.aggregation, threshold=threshold))

    def is_stable(self, logits: NDArray[np.floating], starts_s: Float64, n_available: int) -> bool:
        """Whether the slices so far give the answer that all ``n_available`` would give.

        A slice's influence is how far it moves the song's probabilities.  The influences give the
        standard errors of the probabilities and of the leading genre's lead
        (:func:`standard_errors`), and the gain from another slice (:func:`expected_gain`).

        Args:
            logits: (n_slices, n_genres), of the slices so far, in any order.
            starts_s: (n_slices,), where each slice begins in the song, in seconds.
            n_available: How many slices the song has.
        """
        if len(logits) < self.sampling.min_slices:
            return False
        logits = logits[np.argsort(starts_s, kind="stable")]
        influences = influence(logits, self.aggregation)
        if expected_gain(influences, n_available) > self.sampling.min_gain:
            return False
        scores = aggregate(logits, self.aggregation) @ self.families
        return self._is_decided(scores, influences @ self.families, n_available)

    def _is_decided(self, scores: Float64, moves: Float64, n_available: int) -> bool:
        """Whether the leading genre, and its side of the threshold, could no longer change."""
        z, threshold = self.sampling.z, self.aggregation.threshold
        ranked = np.argsort(np.where(self.is_root, -scores, np.inf))
        leader, second = int(ranked[0]), int(ranked[1])
        family = self.families[:, leader] > 0
        errors = z * standard_errors(moves[:, family], n_available)
        if threshold > 0 and (np.abs(scores[family] - threshold) <= errors).any():
            return False
        if not self.is_root[second]:  # all genres are of one family
            return True
        error = z * standard_errors(moves[:, leader] - moves[:, second], n_available)
        return bool(scores[leader] - scores[second] > error)


def standard_errors(values: Float64, n_available: int) -> Float64:
    """Standard errors of the means of values in the order of time, (n_slices, ...) -> (...).

    The slices are spread evenly over the song, and neighbours are alike, so the error of the mean
    follows from the differences between neighbours, not from the deviation over the whole song.
    The variance is half the mean square of successive differences, with the correction for a finite
    population (Wolter, *Introduction to variance estimation*, 2007, chapter 8: systematic
    sampling).
    """
    n = len(values)
    variance = np.square(np.diff(values, axis=0)).mean(axis=0) / 2
    errors: Float64 = np.sqrt(variance * max(0.0, 1 - n / n_available) / n)
    return errors


def expected_gain(influences: Float64, n_available: int) -> float:
    """By how much another slice brings the probabilities nearer to the whole song's.

    The expected distance is half the sum of the mean absolute errors, assuming that these are
    normally distributed.  It is proportional to ``sqrt(1 / n - 1 / n_available)``, and the gain is
    its derivative by ``n``.  If all songs stop at the same gain, the mean distance is the smallest
    possible for the total number of slices: a song that changes much does not get all the slices
    that it would need.
    """
    n = len(influences)
    if n >= n_available:
        return 0.0
    distance = math.sqrt(2 / math.pi) * standard_errors(influences, n_available).sum() / 2
    return float(distance / (2 * n * (1 - n / n_available)))


def stop_rule(
    genres: Sequence[str],
    parents: Mapping[str, str],
    sampling: SamplingSpec,
    aggregation: AggregationSpec,
) -> StopRule:
    """The stop rule for a model's genres and their tree, child -> parent."""
    vocabulary = Vocabulary({genre: genre for genre in genres}, parents)
    lines = [set(vocabulary.ancestry(genre)) for genre in genres]
    families = np.array([[float(name in line) for name in genres] for line in lines])
    roots = vocabulary.roots()
    return StopRule(sampling, aggregation, families, np.array([name in roots for name in genres]))


def is_sampled(manifest: Manifest) -> bool:
    """Whether a model can stop early in a long song."""
    return (
        manifest.sampling is not None
        and isinstance(manifest.spectrogram, SpectrogramSpec)
        and manifest.slices.position == "spread"
        and manifest.slices.transform == "spectrogram"
        and not manifest.network.whole_song
        and can_be_sampled(manifest.aggregation)
    )
