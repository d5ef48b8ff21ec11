"""Learn from a user's labels how to correct the model that the training starts from.

This is a multinomial regression with the logits trust * start + x @ D + c, where ``start`` are the
starting model's logits and x the standardised features.  It is fitted by maximum a posteriori:
Gaussian priors pull D and c towards 0 and the trust, which is never negative, towards 1, all with
one strength.  Without
labels, or with an infinite strength, the result is the starting model.  A genre without tracks gets
no D and c; it stays in the softmax as a class that the labelled tracks do not belong to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Bools, Float32, Float64, Ints
from genre_model.model.head import Head
from genre_model.training.head.lbfgs import minimise

# Strengths of the priors on the trust and on c, relative to the prior on D.
PULL_ON_TRUST, PULL_ON_BIAS = 1.0, 0.3

# Lower bound of a label's probability before its logarithm is taken.
SMALLEST = 1e-30

# Each feature's variance is shrunk towards the features' mean variance, which counts as this many
# tracks.
COMMON_VARIANCE = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """``trust`` in the starting model, and the correction as a head for raw features."""

    trust: float
    head: Head

    def logits(self, start: Float64, features: Float64) -> Float64:
        """(n, n_genres) from the starting model's logits and the features of songs or slices."""
        return self.trust * start + features @ self.head.weights + self.head.bias


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Labelled songs.

    ``features`` (n, n_features) are the means over each song's slices; ``start`` (n, n_genres) are
    the starting model's logits, with a logit of 0 for "something else"; ``candidates``
    (n, n_genres) are the genres that each label leaves open; ``weights`` (n,) need no scale, as
    :class:`Objective` scales them to a mean of 1.  If ``closed``, there is no "something else".
    """

    features: Float64
    start: Float64
    candidates: Bools
    weights: Float64
    closed: bool


def fit_correction(examples: Examples, strengths: Sequence[float]) -> list[Correction]:
    """Fit the most probable correction for each strength, in units of tracks.

    Each fit starts from the result of the previous one, so the strengths should descend.  An
    infinite strength gives no correction.
    """
    mean, deviation = spread(examples.features)
    x = ((examples.features - mean) / deviation).astype(np.float32)
    learned = np.flatnonzero(examples.candidates.any(axis=0))
    n_genres = examples.candidates.shape[1]
    values = initial_values(x.shape[1], len(learned))
    found = []
    for strength in strengths:
        if math.isinf(strength):
            found.append(no_correction(x.shape[1], n_genres))
            continue
        objective = Objective(x, examples, learned, strength)
        values = fitted(objective, values)
        trust, d, c = objective.parts(values)
        weights, bias = np.zeros((x.shape[1], n_genres)), np.zeros(n_genres)
        weights[:, learned] = d / deviation[:, None]
        bias[learned] = c - mean @ (d / deviation[:, None])
        head = Head(weights.astype(np.float32), bias.astype(np.float32))
        found.append(Correction(trust, head))
    return found


def fitted(objective: Objective, start: Float64) -> Float64:
    """The parameters that fit best among those with a trust of 0 or more.

    If the best of all have a negative trust, the starting model misleads on these tracks.  As the
    problem is convex, the trust is then 0.
    """
    values = minimise(objective, start)
    if values[0] >= 0:
        return values
    values = values.copy()
    values[0] = 0.0
    return minimise(objective.without_trust, values)


def no_correction(n_features: int, n_genres: int) -> Correction:
    """The correction that leaves the starting model unchanged."""
    return Correction(
        1.0, Head(np.zeros((n_features, n_genres), np.float32), np.zeros(n_genres, np.float32))
    )


def initial_values(n_features: int, n_learned: int) -> Float64:
    """The parameters that correct nothing: a trust of 1, the rest 0."""
    values = np.zeros(1 + (n_features + 1) * n_learned)
    values[0] = 1.0
    return values


def spread(features: Float64) -> tuple[Float64, Float64]:
    """Mean and deviation (n_features,), with variances shrunk towards their mean for few songs."""
    n, variance = len(features), features.var(axis=0)
    variance = (n * variance + COMMON_VARIANCE * variance.mean()) / (n + COMMON_VARIANCE)
    return features.mean(axis=0), np.sqrt(variance) + 1e-6


class Objective:
    """Negative log-posterior and its gradient, of [trust, D, c] as one vector.

    Arrays with a row for each song are in single precision, which takes half the time; sums are in
    double precision.
    """

    def __init__(self, x: Float32, examples: Examples, learned: Ints, strength: float) -> None:
        self._x, self._closed = x, examples.closed
        self._start = examples.start.astype(np.float32)
        self._songs, self._answers = np.nonzero(examples.candidates)
        self._learned = learned
        self._weights = examples.weights * (len(x) / examples.weights.sum())
        self._shape = (x.shape[1], len(learned))
        pull = np.full(1 + (self._shape[0] + 1) * self._shape[1], strength)
        pull[0] *= PULL_ON_TRUST
        pull[-self._shape[1] :] *= PULL_ON_BIAS
        self._pull = pull

    def parts(self, values: Float64) -> tuple[float, Float64, Float64]:
        """Trust, D (n_features, n_learned), c (n_learned,)."""
        n = self._shape[1]
        return float(values[0]), values[1:-n].reshape(self._shape), values[-n:]

    def __call__(self, values: Float64) -> tuple[float, Float64]:
        """The value and the gradient at a point."""
        probabilities = self._probabilities(values)
        of_answers = probabilities[self._songs, self._answers].astype(np.float64)
        of_labels = np.bincount(self._songs, of_answers, len(probabilities))
        of_labels = np.maximum(of_labels, SMALLEST)
        pulled = values.copy()
        pulled[0] -= 1.0
        value = -float(self._weights @ np.log(of_labels)) + 0.5 * float(
            self._pull @ (pulled * pulled)
        )
        probabilities[self._songs, self._answers] -= of_answers / of_labels[self._songs]
        probabilities *= self._weights[:, None].astype(np.float32)
        return value, self._pull * pulled + self._slope(probabilities)

    def without_trust(self, values: Float64) -> tuple[float, Float64]:
        """The value and the gradient with the trust held as it is."""
        value, gradient = self(values)
        gradient[0] = 0.0
        return value, gradient

    def _probabilities(self, values: Float64) -> Float32:
        """Probabilities (n, n_genres); the remainder to 1 is "something else"."""
        trust, d, c = self.parts(values)
        logits: Float32 = self._start * np.float32(trust)
        logits[:, self._learned] += self._x @ d.astype(np.float32) + c.astype(np.float32)
        peak = np.maximum(logits.max(axis=1, keepdims=True), 0)
        logits -= peak
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        logits /= total if self._closed else total + np.exp(-peak)
        return logits

    def _slope(self, residuals: Float32) -> Float64:
        """The gradient of -log likelihood by the parameters, from its gradient by the logits."""
        of_learned = residuals[:, self._learned]
        gradient = np.empty(len(self._pull))
        gradient[0] = float(np.vdot(residuals, self._start))
        gradient[1 : -self._shape[1]] = (self._x.T @ of_learned).ravel()
        gradient[-self._shape[1] :] = of_learned.sum(axis=0)
        return gradient
