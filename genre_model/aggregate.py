"""From the slices' logits to the song's probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genre_model.specs import AggregationSpec

Float64 = NDArray[np.float64]


def softmax(logits: NDArray[np.floating]) -> Float64:
    """(..., n_genres) logits as probabilities that sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers: Float64 = np.exp(shifted)
    total: Float64 = powers.sum(axis=-1, keepdims=True)
    return powers / total


def aggregate(slice_logits: NDArray[np.floating], spec: AggregationSpec) -> Float64:
    """Probabilities of the song, (n_genres,), from (n_slices, n_genres) logits.

    They sum to 1, or to less where ``spec.background`` leaves room for "something else".  The order
    of the slices does not matter.  ``mean`` is the sum rule and ``product`` the product rule of
    Kittler et al., *On combining classifiers*, PAMI 1998.

    Raises:
        ValueError: There is no slice.
    """
    if len(slice_logits) == 0:
        raise ValueError("no slices to aggregate")
    if spec.rule == "product":
        return calibrated(slice_logits.mean(axis=0), spec)
    mean: Float64 = calibrated(slice_logits, spec).mean(axis=0)
    return mean


def calibrated(logits: NDArray[np.floating], spec: AggregationSpec) -> Float64:
    """(..., n_genres) logits as probabilities, after ``spec.sharpness`` and ``spec.background``."""
    sharpened = logits.astype(np.float64) * spec.sharpness
    if spec.background is None:
        return softmax(sharpened)
    background = np.full((*sharpened.shape[:-1], 1), spec.background)
    return softmax(np.concatenate([sharpened, background], axis=-1))[..., :-1]
