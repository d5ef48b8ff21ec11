"""From a slice's features to genre logits: a linear layer, or a correction of another model.

A model that was trained on a user's labels corrects the model that it started from.  Its logit of
genre g for a slice with the features x is

    z_g = trust * (log p_g(x) - log p_0(x)) + x @ weights_g + bias_g

where p_g is the starting model's probability of all its genres that belong to g, and p_0 that of
"something else", whose logit is therefore 0.  With a trust of 1 and a correction of 0 this is the
starting model itself, with its genres summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Float64

SMALLEST = 1e-9  # lower bound of a probability before its logarithm is taken

# Weight of "something else", relative to all genres, if the starting model has no such class.
OTHER_SHARE = 0.01

# Names of the arrays in a head's file, in addition to ``weights`` and ``bias``.
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
    """The starting model, with its genres mapped to the user's.

    ``head`` is its own head; ``other`` is its logit of "something else", or None if it has no such
    class.  ``shares`` (n_own_genres + 1, n_genres) is the part of each of its genres (last row: of
    "something else") that goes to each of the user's; the rest of a row goes to "something else".
    """

    head: Head
    other: float | None
    shares: Float32

    def logits(self, features: Float32) -> Float32:
        """(n, n_features) -> (n, n_genres) log-probabilities minus that of "something else"."""
        return self.from_own(self.head.logits(features)).astype(np.float32)

    def from_own(self, own: NDArray[np.floating]) -> Float64:
        """The same as :meth:`logits`, from the starting model's own logits (n, n_own_genres)."""
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
    """A starting model and the correction that was learned from a user's labels."""

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

        These are the logits of the mean features: without a correction they give the starting
        model's answer for the song, with its genres summed.  The mean of the slices' logits would
        not.
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
    """A head from arrays that have been checked before."""
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
    """The linear layer whose arrays' names start with ``prefix``."""
    weights, bias = arrays[prefix + "weights"], arrays[prefix + "bias"]
    return Head(weights.astype(np.float32), bias.astype(np.float32))
