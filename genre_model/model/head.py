"""Head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """``weights`` (n_features, n_genres) and ``bias`` (n_genres,) of a linear layer."""

    weights: Float32
    bias: Float32

    def logits(self, embedding: Float32) -> Float32:
        """(n, n_features) -> (n, n_genres)."""
        return embedding @ self.weights + self.bias
