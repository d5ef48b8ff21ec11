"""The head: a linear layer from a slice's embedding to genre logits, and how it is fitted.

Each genre has a logistic regression of its own against the rest, so that music of an unknown genre
gets low logits everywhere; a softmax would have to give it a genre.  ``aggregate`` weighs the
logits against that of "something else".

A label may be coarser than the genres: a track filed under "Pop/Rock" may be Rock, Pop or Metal.
Then at least one of these candidates is right, but it is unknown which: the likelihood of the label
is the noisy-or of the candidates (cf. Cour, Sapp & Taskar, *Learning from partial labels*, JMLR
2011).  A ridge penalty pulls the weights towards a prior.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.model.head import Head

N_STEPS = 400

# Settings of the three averaged linear classifiers: one-vs-rest, discriminant, least squares.
HEAD_RIDGE, BALANCE = 0.3, 0.75
SHRINKAGE, DISCRIMINANT_SCALE = 0.5, 0.3
RIDGE, LEAST_SQUARES_SCALE = 1.0, 8.0

ABSENT = -20.0  # the logit of a genre without any track to fit on

# The initial bias of a genre; negative, as a track has only few of the genres.
START_BIAS = -2.0

# Lower bound of the mean variance within genres (the total variance is 1): it would be 0 if all
# tracks of each genre were equal.
MIN_VARIANCE = 0.01


def fit_head(
    features: Float64,
    candidates: Bools,
    track_weights: Float64,
    ridge: float,
    prior: Float64 | None = None,
) -> Head:
    """Fit a head on one feature vector per track.

    Args:
        features: (n_tracks, n_features).
        candidates: (n_tracks, n_genres), the genres that a track's label leaves open.
        track_weights: (n_tracks,), scaled to a sum of 1 here.
        ridge: Strength of the pull towards the prior, in units of the standardised features.
        prior: (n_features, n_genres) weights for raw features; zeros if None.

    Returns:
        A head for raw features; the standardisation is part of it.
    """
    x, mean, deviation = standardised(features)
    weight = track_weights / track_weights.sum()
    anchor = (
        np.zeros((x.shape[1], candidates.shape[1])) if prior is None else prior * deviation[:, None]
    )
    w, b = minimise(x, candidates, weight, ridge, anchor)
    return unstandardised(w, b, mean, deviation)


def minimise(
    x: Float64, candidates: Bools, weight: Float64, ridge: float, anchor: Float64
) -> tuple[Float64, Float64]:
    """The penalised maximum-likelihood weights (n_features, n_genres) and bias (n_genres,)."""
    ones = np.concatenate([x, np.ones((len(x), 1))], axis=1)  # the last row of `w` is the bias
    curvature = np.linalg.norm((ones * weight[:, None]).T @ ones, 2) / 2 + ridge
    start = np.concatenate([anchor, np.full((1, anchor.shape[1]), START_BIAS)])
    pull = np.full((len(start), 1), ridge)
    pull[-1] = 0.0

    def gradient(w: Float64) -> Float64:
        of_loss: Float64 = ones.T @ (slope(ones @ w, candidates) * weight[:, None])
        total: Float64 = of_loss + pull * (w - start)
        return total

    w = accelerated_descent(gradient, start, float(curvature))
    return w[:-1], w[-1]


def accelerated_descent(
    gradient: Callable[[Float64], Float64], start: Float64, curvature: float
) -> Float64:
    """The minimum of a convex function by Nesterov's accelerated gradient descent.

    Args:
        gradient: The function's gradient, with the shape of its argument.
        start: The starting point.
        curvature: Upper bound of the function's second derivatives.
    """
    w = ahead = start
    for step in range(1, N_STEPS + 1):
        previous, w = w, ahead - gradient(ahead) / curvature
        ahead = w + (step - 1) / (step + 2) * (w - previous)
    return w


def slope(logits: Float64, candidates: Bools) -> Float64:
    """Gradient of the negative log-likelihood by the logits, (n_tracks, n_genres)."""
    log_absent = -np.logaddexp(0, logits)  # log of 1 - sigmoid
    present = 1 - np.exp(log_absent)
    all_absent = np.exp((log_absent * candidates).sum(axis=1, keepdims=True))
    return np.where(candidates, -present * all_absent / np.maximum(1 - all_absent, 1e-9), present)


def fit_discriminant(
    features: Float64, targets: Float64, track_weights: Float64, shrinkage: float
) -> Head:
    """Linear discriminant analysis with a covariance shrunk towards a sphere.

    Ledoit & Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*, 2004,
    with a given shrinkage and equal class priors.

    Args:
        features: (n_tracks, n_features).
        targets: (n_tracks, n_genres), rows sum to 1.
        track_weights: (n_tracks,).
        shrinkage: Above 0 and up to 1; 0 would keep the covariance, 1 is a sphere.
    """
    x, mean, deviation = standardised(features)
    shares = targets * (track_weights / track_weights.sum())[:, None]
    centres = shares.T @ x / shares.sum(axis=0)[:, None]
    spread = sum(
        ((x - centre) * share[:, None]).T @ (x - centre)
        for centre, share in zip(centres, shares.T, strict=True)
    )
    sphere = np.eye(x.shape[1]) * max(np.trace(spread) / x.shape[1], MIN_VARIANCE)
    w = np.linalg.solve((1 - shrinkage) * spread + shrinkage * sphere, centres.T)
    return unstandardised(w, -0.5 * (centres.T * w).sum(axis=0), mean, deviation)


def fit_least_squares(
    features: Float64, targets: Float64, track_weights: Float64, ridge: float
) -> Head:
    """Ridge regression on the targets; arguments as in :func:`fit_discriminant`."""
    x, mean, deviation = standardised(features)
    share = (track_weights / track_weights.sum())[:, None]
    centre, base = (share * x).sum(axis=0), (share * targets).sum(axis=0)
    x = x - centre
    w = np.linalg.solve(
        (x * share).T @ x + ridge * np.eye(x.shape[1]), (x * share).T @ (targets - base)
    )
    return unstandardised(w, base - centre @ w, mean, deviation)


def mixture(parts: list[tuple[float, Head]]) -> Head:
    """The mean of several heads, each multiplied by its scale (the product rule)."""
    return Head(
        sum(scale * head.weights for scale, head in parts) / np.float32(len(parts)),
        sum(scale * head.bias for scale, head in parts) / np.float32(len(parts)),
    )


def fit_from_nothing(x: Float64, candidates: Bools, truth: Ints) -> Head:
    """Fit three linear classifiers without a prior, and return their mean.

    Args:
        x: (n, n_features), the mean features of the songs.
        candidates: (n, n_genres), the genres that a label leaves open.
        truth: (n,), the first genre of each label.
    """
    sizes = np.bincount(truth)[truth].astype(np.float64)
    targets = candidates / candidates.sum(axis=1, keepdims=True)
    present = targets.sum(axis=0) > 0
    parts = [
        (1.0, fit_head(x, candidates[:, present], sizes**-BALANCE, HEAD_RIDGE)),
        (DISCRIMINANT_SCALE, fit_discriminant(x, targets[:, present], 1 / sizes, SHRINKAGE)),
        (LEAST_SQUARES_SCALE, fit_least_squares(x, targets[:, present], 1 / sizes, RIDGE)),
    ]
    return spread_out(mixture(parts), present)


def spread_out(head: Head, present: Bools) -> Head:
    """Extend a head for the ``present`` genres to all genres; the others never win."""
    weights = np.zeros((head.weights.shape[0], len(present)), np.float32)
    bias = np.full(len(present), ABSENT, np.float32)
    weights[:, present], bias[present] = head.weights, head.bias
    return Head(weights, bias)


def standardised(features: Float64) -> tuple[Float64, Float64, Float64]:
    """Features with mean 0 and deviation 1, and the mean and deviation of the raw ones."""
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    return (features - mean) / deviation, mean, deviation


def unstandardised(w: Float64, b: Float64, mean: Float64, deviation: Float64) -> Head:
    """A head for raw features from weights and bias for standardised ones."""
    raw = w / deviation[:, None]
    return Head(raw.astype(np.float32), (b - mean @ raw).astype(np.float32))
