"""Whether a song is music at all: a logistic regression on the network's features.

A genre model is trained on music only, so it answers with one of its genres for any sound, even a
recording of rain.  Two things distinguish music from other sound: the mean of the features over the
slices, and how much they vary between slices.  Noise, even if it pulses, is the same in each slice;
music is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32

# Below this probability of music a file is treated as other sound.
MUSIC_THRESHOLD = 0.5

# Added to a spread before its logarithm is taken: some features are 0 in all slices.
SPREAD_FLOOR = 0.03

# The names of the detector's arrays in the head's file.
MEAN, SPREAD, TYPICAL, BIAS = (
    "music_weights",
    "music_spread_weights",
    "music_typical_spread",
    "music_bias",
)


@dataclass(frozen=True, slots=True, eq=False)
class MusicDetector:
    """A linear model of the log-odds of music against other sound.

    Attributes:
        weights: (n_features,), for the mean of the slices' features.
        spread_weights: (n_features,), for their :func:`log_spread`.
        typical_spread: (n_features,), the log-spread of music, used for a song of one slice.
        bias: The constant term of the log-odds.
    """

    weights: Float32
    spread_weights: Float32
    typical_spread: Float32
    bias: float

    def probability(self, features: Float32) -> float:
        """Probability that a song with slices (n_slices, n_features) is music; n_slices >= 1."""
        spread = log_spread(features) if len(features) > 1 else self.typical_spread
        log_odds = float(features.mean(axis=0) @ self.weights + spread @ self.spread_weights)
        return float(1 / (1 + np.exp(-np.clip(log_odds + self.bias, -50, 50))))

    def share(self, features: Float32) -> float:
        """The factor for the genres' probabilities: 1 for music, less for other sound."""
        probability = self.probability(features)
        return 1.0 if probability >= MUSIC_THRESHOLD else probability

    def arrays(self) -> dict[str, Float32]:
        """The detector as the arrays of a file; :func:`detector_of` reads them."""
        bias = np.array([self.bias], np.float32)
        return {
            MEAN: self.weights,
            SPREAD: self.spread_weights,
            TYPICAL: self.typical_spread,
            BIAS: bias,
        }


def log_spread(features: Float32) -> Float32:
    """(n_features,), the logarithm of the standard deviation over slices (n_slices, n_features)."""
    spread: Float32 = np.log(features.std(axis=0) + np.float32(SPREAD_FLOOR))
    return spread


def detector_of(arrays: Mapping[str, NDArray[Any]]) -> MusicDetector | None:
    """The detector among a file's arrays, or None if there is none."""
    if MEAN not in arrays:
        return None
    mean, spread, typical = (arrays[name].astype("float32") for name in (MEAN, SPREAD, TYPICAL))
    return MusicDetector(mean, spread, typical, float(arrays[BIAS][0]))
