"""A linear layer from the frozen network to the teachers' outputs, by ridge regression.

The fit only uses sums over the pieces, so that those of the packages are computed once, and those
of each fold's clips are added to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float64

# Chosen by R squared on clips of other artists, without their genres: docs/distillation.md.
RIDGE = 100.0


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums over weighted rows ``[x, 1]`` and ``y`` that ridge regression needs.

    Attributes:
        inner: (n_inputs + 1, n_inputs + 1).
        cross: (n_inputs + 1, n_outputs).
        squares: (n_outputs,), of ``y``.
    """

    inner: Float64
    cross: Float64
    squares: Float64

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.inner + other.inner, self.cross + other.cross, self.squares + other.squares
        )


def sums_of(x: Float64, y: Float64, weight: float = 1.0) -> Sums:
    """The sums over rows of the same weight.

    Args:
        x: (n, n_inputs).
        y: (n, n_outputs).
        weight: Weight of each row.
    """
    rows = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return Sums(weight * rows.T @ rows, weight * rows.T @ y, weight * (y**2).sum(axis=0))


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """``x @ weights + bias``.

    Attributes:
        weights: (n_inputs, n_outputs).
        bias: (n_outputs,).
    """

    weights: Float64
    bias: Float64

    def __call__(self, x: Float64) -> Float64:
        return x @ self.weights + self.bias


def fit_layer(sums: Sums, ridge: float) -> LinearLayer:
    """The layer with the least squared error.

    Args:
        sums: The sums over the rows.
        ridge: Penalty on the weights of standardised inputs, in units of rows.
    """
    n_rows = sums.inner[-1, -1]
    mean_x, mean_y = sums.inner[-1, :-1] / n_rows, sums.cross[-1] / n_rows
    covariance = sums.inner[:-1, :-1] / n_rows - np.outer(mean_x, mean_x)
    cross = sums.cross[:-1] / n_rows - np.outer(mean_x, mean_y)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation = covariance / np.outer(deviation, deviation)
    pulled = correlation + ridge / n_rows * np.eye(len(deviation))
    weights = np.linalg.solve(pulled, cross / deviation[:, None]) / deviation[:, None]
    return LinearLayer(weights, mean_y - mean_x @ weights)


def explained(truth: Float64, said: Float64) -> Float64:
    """R squared of each output, (n_outputs,)."""
    residual = ((truth - said) ** 2).sum(axis=0)
    shares: Float64 = 1 - residual / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    return shares
