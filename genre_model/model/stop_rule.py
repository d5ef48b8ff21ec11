"""Which slices of a long song are classified first, and when they are enough.

The order is that of the golden ratio's multiples: any number of slices from its beginning is spread
over the song nearly as evenly as can be (cf. Niederreiter, *Random number generation and
quasi-Monte Carlo methods*, 1992).  So one can stop anywhere, and go on later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genre_model.core.specs import AggregationSpec, SamplingSpec, SpectrogramSpec
from genre_model.model.aggregation import aggregate, can_be_sampled, influence
from genre_model.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from genre_model.model.bundle.manifest import Manifest

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StopRule:
    """Whether the slices so far are enough for the song's answer.

    ``families`` (n_genres, n_genres) says with 1 which genres (rows) count for a genre (columns):
    itself and its subgenres.  ``is_root`` (n_genres,) are those without a parent.
    """

    sampling: SamplingSpec
    aggregation: AggregationSpec
    families: Float64
    is_root: NDArray[np.bool_]

    def is_stable(self, logits: NDArray[np.floating], n_available: int) -> bool:
        """Whether the slices' logits (n_slices, n_genres) tell what ``n_available`` would.

        A slice's influence is how far it moves the song's probabilities; the standard error of
        those is the influences' deviation over the root of their number, with the correction for a
        finite population.
        """
        n = len(logits)
        if n < self.sampling.min_slices:
            return False
        reach = self.sampling.z * math.sqrt(max(0.0, 1 - n / n_available) / n)
        scores = aggregate(logits, self.aggregation) @ self.families
        moves = influence(logits, self.aggregation) @ self.families
        ranked = np.argsort(np.where(self.is_root, -scores, np.inf))
        leader, second = int(ranked[0]), int(ranked[1])
        family = self.families[:, leader] > 0
        errors = reach * moves[:, family].std(axis=0, ddof=1)
        threshold = self.aggregation.threshold
        if threshold > 0 and (np.abs(scores[family] - threshold) <= errors).any():
            return False
        if not self.is_root[second]:  # all genres are of one family
            return True
        error = reach * (moves[:, leader] - moves[:, second]).std(ddof=1)
        return bool(scores[leader] - scores[second] > error)


def stop_rule(
    genres: Sequence[str],
    parents: Mapping[str, str],
    sampling: SamplingSpec,
    aggregation: AggregationSpec,
) -> StopRule:
    """The rule for a model's genres and their tree, child -> parent."""
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
