"""From a slice's features to genre logits: a linear layer, or a correction of another model.

A model that was trained on a user's labels corrects the model that it started from.  Its logit of
genre g for a slice with the features x is

    z_g = trust * (log p_g(x) - log p_0(x)) + x @ weights_g + bias_g

where p_g is what the starting model gives to those of its genres that belong to g, and p_0 what it
gives to "something else", which so has the logit 0.  With a trust of 1 and a correction of 0 this
is the starting model itself, its genres summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Float64

SMALLEST = 1e-9  # of a probability whose logarithm is taken

# What "something else" gets from a starting model that has no such class.
OTHER_SHARE = 0.01

# The names of the arrays in a file, beside ``weights`` and ``bias``.
START, SHARES, OTHER, TRUST = "start_", "start_shares", "start_other", "trust"


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """``weights`` (n_features, n_genres) and ``bias`` (n_genres,) of a linear layer."""

    weights: Float32
    bias: Float32

    def logits(self, features: Float32) -> Float32:
        """(n, n_features) -> (n, n_genres)."""
        return features @ self.weights + self.bias

    def song_logits(self, features: Float32) -> Float32:
        """(n_slices, n_features) -> (n_genres,), the mean of the slices' logits."""
        mean: Float32 = self.logits(features).mean(axis=0)
        return mean


@dataclass(frozen=True, slots=True, eq=False)
class StartingModel:
    """What the starting model says of the user's genres.

    ``head`` is its own, with the logit ``other`` of "something else", None where it has no such
    class.  ``shares`` (n_own_genres + 1, n_genres): the part of each of its genres, in the last row
    of "something else", that goes to each of the user's; what is left of a row is "something else".
    """

    head: Head
    other: float | None
    shares: Float32

    def logits(self, features: Float32) -> Float32:
        """(n, n_features) -> (n, n_genres) log-probabilities less that of "something else"."""
        return self.from_own(self.head.logits(features)).astype(np.float32)

    def from_own(self, own: NDArray[np.floating]) -> Float64:
        """The same from the starting model's own logits (n, n_own_genres)."""
        logits = own.astype(np.float64)
        if self.other is not None:
            logits = np.concatenate([logits, np.full((len(logits), 1), self.other)], axis=1)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        if self.other is None:
            powers = np.concatenate(
                [powers, powers.sum(axis=1, keepdims=True) * OTHER_SHARE], axis=1
            )
        own_probabilities = powers / powers.sum(axis=1, keepdims=True)
        probabilities = own_probabilities @ self.shares.astype(np.float64)
        rest = 1 - self.shares.astype(np.float64).sum(axis=1)
        left = own_probabilities @ np.maximum(rest, 0.0)
        ratios: Float64 = np.log(np.maximum(probabilities, SMALLEST))
        ratios -= np.log(np.maximum(left, SMALLEST))[:, None]
        return ratios


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedHead:
    """A starting model and what a user's labels correct of it."""

    start: StartingModel
    trust: float
    correction: Head

    def logits(self, features: Float32) -> Float32:
        """(n, n_features) -> (n, n_genres)."""
        logits: Float32 = self.start.logits(features) * np.float32(self.trust)
        logits += self.correction.logits(features)
        return logits

    def song_logits(self, features: Float32) -> Float32:
        """(n_slices, n_features) -> (n_genres,).

        Those of the mean features: without a correction they are what the starting model says of
        the song, its genres summed.  The mean of the slices' logits would be something else.
        """
        song: Float32 = self.logits(features.mean(axis=0, keepdims=True))[0]
        return song


AnyHead = Head | CorrectedHead


def arrays_of(head: AnyHead) -> dict[str, NDArray[Any]]:
    """A head as plain arrays; inverse of :func:`head_of`."""
    if isinstance(head, Head):
        return {"weights": head.weights, "bias": head.bias}
    start = head.start
    return {
        **arrays_of(head.correction),
        START + "weights": start.head.weights,
        START + "bias": start.head.bias,
        SHARES: start.shares,
        OTHER: np.array([] if start.other is None else [start.other], np.float64),
        TRUST: np.array([head.trust], np.float64),
    }


def is_correction(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether arrays are those of a :class:`CorrectedHead`."""
    return any(name == TRUST or name.startswith(START) for name in arrays)


def head_of(arrays: Mapping[str, NDArray[Any]]) -> AnyHead:
    """A head from arrays that have been found to be those of one."""
    correction = linear_layer(arrays, "")
    if not is_correction(arrays):
        return correction
    other = arrays[OTHER].ravel()
    start = StartingModel(
        linear_layer(arrays, START),
        float(other[0]) if other.size else None,
        arrays[SHARES].astype(np.float32),
    )
    return CorrectedHead(start, float(arrays[TRUST][0]), correction)


def linear_layer(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Head:
    """The linear layer whose arrays' names start so."""
    weights, bias = arrays[prefix + "weights"], arrays[prefix + "bias"]
    return Head(weights.astype(np.float32), bias.astype(np.float32))
