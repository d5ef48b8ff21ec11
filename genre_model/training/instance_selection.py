"""Select the slices to learn from: those that are easy to classify.

After M. Lopes, F. Gouyon, A. L. Koerich, L. E. S. Oliveira, *Selection of training instances for
music genre classification*, ICPR 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64
from genre_model.model.aggregation import softmax

# Number of folds; a system trained on the other folds judges how easy a slice is.
SELECTION_FOLDS = 3


def ease_of(logits: NDArray[np.floating], candidates: Bools, n_slices: int) -> Float64:
    """(n_slices,): the probability of the candidate genres, averaged over each slice's votes.

    ``logits`` (n_slices * votes, n_genres), ``candidates`` (n_genres,).
    """
    votes = softmax(logits)[:, candidates].sum(axis=1)
    ease: Float64 = votes.reshape(n_slices, -1).mean(axis=1)
    return ease


def easiest(ease: Sequence[Float64], labels: Sequence[str], share: float) -> list[Bools]:
    """Which slices of each track are among the easiest ``share`` of all slices of their label."""
    floors = {
        label: np.quantile(
            np.concatenate([e for e, other in zip(ease, labels, strict=True) if other == label]),
            1 - share,
        )
        for label in set(labels)
    }
    return [e >= floors[label] for e, label in zip(ease, labels, strict=True)]
