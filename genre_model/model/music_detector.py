"""Whether a song is music at all: a logistic regression on the network's features.

A genre model answers one of its genres for anything, a recording of rain included: all that it was
trained on is music.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Below this probability a file is treated as something else than music.
MUSIC_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class MusicDetector:
    """``weights`` (n_features,) and ``bias`` of the log-odds of music against other sound."""

    weights: NDArray[np.float32]
    bias: float

    def probability(self, features: NDArray[np.float32]) -> float:
        """Probability that a song with slices (n_slices, n_features) is music; n_slices >= 1."""
        log_odds = float(features.mean(axis=0) @ self.weights) + self.bias
        return float(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))

    def share(self, features: NDArray[np.float32]) -> float:
        """What the genres' probabilities are multiplied with: 1 for music, less for other sound."""
        probability = self.probability(features)
        return 1.0 if probability >= MUSIC_THRESHOLD else probability
