"""From the slices' logits to the song's probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Float64
from genre_model.core.specs import AggregationRule, AggregationSpec
from genre_model.model.head import AnyHead


def softmax(logits: NDArray[np.floating]) -> Float64:
    """(..., n_genres) logits as probabilities that sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers: Float64 = np.exp(shifted)
    total: Float64 = powers.sum(axis=-1, keepdims=True)
    return powers / total


def aggregate(slice_logits: NDArray[np.floating], spec: AggregationSpec) -> Float64:
    """Probabilities of the song, (n_genres,), from (n_slices, n_genres) logits.

    They sum to 1, or to less if ``spec.other_logit`` leaves room for "something else", which takes
    part like any other class.  The order of the slices does not matter.

    Raises:
        ValueError: There is no slice.
    """
    if len(slice_logits) == 0:
        raise ValueError("no slices to aggregate")
    if spec.rule == "product":
        return calibrated(slice_logits.mean(axis=0), spec)
    song = RULES[spec.rule](softmax(with_other_logit(slice_logits, spec)))
    return song[: slice_logits.shape[1]]


def song_probabilities(features: Float32, head: AnyHead | None, spec: AggregationSpec) -> Float64:
    """Probabilities of the song, (n_genres,), from its slices' features and the model's head.

    Without a head the features (n_slices, n_genres) are logits.

    Raises:
        ValueError: There is no slice.
    """
    if head is None:
        return aggregate(features, spec)
    if spec.rule == "product" and len(features):
        return calibrated(head.song_logits(features), spec)
    return aggregate(head.logits(features), spec)


def can_be_sampled(spec: AggregationSpec) -> bool:
    """Whether :func:`influence` supports the aggregation rule."""
    return spec.rule in ("product", "mean")


def influence(slice_logits: NDArray[np.floating], spec: AggregationSpec) -> Float64:
    """How far each slice moves the song's probabilities from their mean, (n_slices, n_genres).

    For the product rule this is a first-order approximation.
    """
    if spec.rule == "mean":
        own = calibrated(slice_logits, spec)
        return own - mean(own)
    song = aggregate(slice_logits, spec)
    moves = spec.inverse_temperature * (slice_logits - slice_logits.mean(axis=0)).astype(np.float64)
    moved: Float64 = song * (moves - (moves @ song)[:, None])
    return moved


def calibrated(logits: NDArray[np.floating], spec: AggregationSpec) -> Float64:
    """(..., n_genres) logits as probabilities, with the inverse temperature and the other logit."""
    return softmax(with_other_logit(logits, spec))[..., : logits.shape[-1]]


def with_other_logit(logits: NDArray[np.floating], spec: AggregationSpec) -> Float64:
    """The logits times the inverse temperature; if the spec has one, the other logit comes last."""
    scaled: Float64 = logits.astype(np.float64) * spec.inverse_temperature
    if spec.other_logit is None:
        return scaled
    other_logit = np.full((*scaled.shape[:-1], 1), spec.other_logit)
    return np.concatenate([scaled, other_logit], axis=-1)


def mean(probabilities: Float64) -> Float64:
    """The mean of the slices' probabilities (the sum rule)."""
    song: Float64 = probabilities.mean(axis=0)
    return song


def majority(probabilities: Float64) -> Float64:
    """The share of slices that each class leads."""
    leading = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    shares: Float64 = leading / len(probabilities)
    return shares


def highest(probabilities: Float64) -> Float64:
    """The highest probability that any slice gives each class, normalised (the max rule)."""
    most: Float64 = probabilities.max(axis=0)
    shares: Float64 = most / most.sum()
    return shares


def by_confidence(probabilities: Float64) -> Float64:
    """The mean, weighted by each slice's highest probability."""
    weights: Float64 = probabilities.max(axis=1, keepdims=True)
    weighted: Float64 = probabilities * weights / weights.mean()
    return mean(weighted)


RULES: dict[AggregationRule, Callable[[Float64], Float64]] = {
    "mean": mean,
    "majority": majority,
    "max": highest,
    "confidence": by_confidence,
}
