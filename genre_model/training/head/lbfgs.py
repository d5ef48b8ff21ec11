"""Limited-memory BFGS (Nocedal & Wright, *Numerical Optimization*, 2006, algorithms 7.4, 7.5).

SciPy has the same method, but is not a dependency of the default installation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from genre_model.core.arrays import Float64

MEMORY = 10

# Armijo's condition: a step must bring this share of the decrease that the slope predicts.
SUFFICIENT = 1e-4

SMALLEST_STEP = 1e-8


def minimise(
    function: Callable[[Float64], tuple[float, Float64]],
    start: Float64,
    *,
    max_steps: int = 200,
    tolerance: float = 1e-5,
) -> Float64:
    """The minimum of a smooth convex function.

    Args:
        function: Returns the value and the gradient (n,) at a point (n,).
        start: The starting point (n,).
        max_steps: Maximum number of steps.
        tolerance: The search ends after a step with a relative decrease of at most this.
    """
    x: Float64 = start
    value, gradient = function(x)
    pairs: deque[tuple[Float64, Float64]] = deque(maxlen=MEMORY)
    for _ in range(max_steps):
        direction = -quasi_newton(gradient, pairs)
        slope = float(direction @ gradient)
        if slope >= 0:  # at the minimum, up to rounding
            break
        length = 1.0
        while True:
            ahead = x + length * direction
            value_ahead, gradient_ahead = function(ahead)
            if value_ahead <= value + SUFFICIENT * length * slope or length < SMALLEST_STEP:
                break
            length /= 2
        step, turn = ahead - x, gradient_ahead - gradient
        if step @ turn > 0:
            pairs.append((step, turn))
        decrease = value - value_ahead
        if decrease < 0:
            break
        x, value, gradient = ahead, value_ahead, gradient_ahead
        if decrease <= tolerance * max(1.0, abs(value)):
            break
    return x


def quasi_newton(gradient: Float64, pairs: deque[tuple[Float64, Float64]]) -> Float64:
    """The gradient times the inverse Hessian, as estimated from the last steps."""
    direction: Float64 = gradient.copy()
    if not pairs:
        direction /= max(1.0, float(np.linalg.norm(direction)))
        return direction
    factors: list[float] = []
    for step, turn in reversed(pairs):
        factor = float(step @ direction) / float(step @ turn)
        factors.append(factor)
        direction -= factor * turn
    step, turn = pairs[-1]
    direction *= float(step @ turn) / float(turn @ turn)
    for (step, turn), factor in zip(pairs, reversed(factors), strict=True):
        direction += step * (factor - float(turn @ direction) / float(step @ turn))
    return direction
