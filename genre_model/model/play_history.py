"""The play history of a track as a small addition to what the audio says.

O'Brien, as told by Pelchat & Gelowitz (2019), added a track's collaborative filtering features to
the classifier of its audio, "which improved it slightly".  A library of one person has none, but
it has how often a track was played, how it was rated, and how long it has been there.  Artist and
album are no part of it: genres would leak by their names.

A multinomial logistic regression on these, with a ridge penalty, has the audio's log-probabilities
as its offset.  It has no constant term, so it cannot correct the audio's priors, and learns
only what the play history says beyond the audio.  The audio's probabilities have to be of tracks
that it was not fitted on, or there would be nothing left to add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.data.play_history import LARGEST, PlayHistory

SMALLEST = 1e-4  # probabilities are kept with four digits

# The features, in standard deviations, are cut off here: a few tracks are played very often.
FARTHEST = 4.0

N_FEATURES = 3


@dataclass(frozen=True, slots=True)
class PlayHistorySpec:
    """The addition, for the features of :func:`play_history_features` and their absences.

    ``means`` and ``scales`` (2 * n_features,) of the features where they are there, then of whether
    they are absent; ``weights`` (2 * n_features, n_genres) of both when standardised.  ``now_s`` is
    the present of the training: with any other a track's verdict would change as time goes by.
    ``threshold`` is the confidence that goes with what comes out.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    now_s: float = 0.0
    threshold: float = 0.0

    def fits(self, n_genres: int) -> bool:
        """Whether this can be applied to so many genres."""
        n_features = 2 * N_FEATURES
        weights = [weight for row in self.weights for weight in row]
        return (
            len(self.means) == len(self.scales) == len(self.weights) == n_features
            and all(len(row) == n_genres for row in self.weights)
            and all(abs(value) < LARGEST for value in (*self.means, *weights, self.now_s))
            and all(SMALLEST <= scale < LARGEST for scale in self.scales)
            and 0 <= self.threshold <= 1
        )


def with_play_history(probabilities: Float64, features: Float64, spec: PlayHistorySpec) -> Float64:
    """Probabilities (n_tracks, n_genres) after the addition.

    Rows keep their sum: "something else" has the share that the audio gave it.  ``features`` are
    (n_tracks, n_features), NaN where there is none.
    """
    x = bounded_scores(with_absences(features), np.array(spec.means), np.array(spec.scales))
    added = x @ np.array(spec.weights)
    raised = probabilities * np.exp(added - added.max(axis=1, keepdims=True))
    before, after = (rows.sum(axis=1, keepdims=True) for rows in (probabilities, raised))
    result: Float64 = raised * before / np.where(after > 0, after, 1)
    return result


def song_with_play_history(
    probabilities: Mapping[str, float],
    play_history: PlayHistory,
    spec: PlayHistorySpec,
    genres: Sequence[str],
) -> dict[str, float]:
    """As :func:`with_play_history` for one track; a genre that it lacks has probability 0."""
    row = np.array([[probabilities.get(genre, 0.0) for genre in genres]])
    raised = with_play_history(row, play_history.features(spec.now_s)[None], spec)[0]
    return dict(zip(genres, raised.tolist(), strict=True))


def with_absences(features: Float64) -> Float64:
    """Features and whether each is absent, (n_tracks, 2 * n_features)."""
    return np.concatenate([features, np.isnan(features)], axis=1)


def bounded_scores(raw: Float64, means: Float64, scales: Float64) -> Float64:
    """Columns of mean 0 and deviation 1, within ``FARTHEST``; 0 where there is no value."""
    return np.nan_to_num(np.clip((raw - means) / scales, -FARTHEST, FARTHEST))
