"""A small correction of the audio's genre probabilities by a track's play history.

O'Brien, as reported by Pelchat & Gelowitz (2019), added a track's collaborative filtering features
to the classifier of its audio, "which improved it slightly".  One person's library has no such
features, but it knows how often a track was played, how it was rated, and how long it has been in
the library.  Artist and album are not used: their names would leak the genre.

The correction is a multinomial logistic regression on these features, with a ridge penalty and the
audio's log-probabilities as its offset.  It has no constant term, so it cannot correct the audio's
priors, and learns only what the play history says beyond the audio.  It has to be fitted with the
probabilities of tracks that the audio's classifier was not fitted on; otherwise nothing would be
left to correct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.data.play_history import LARGEST, PlayHistory

SMALLEST = 1e-4  # probabilities are stored with four digits

# Features are clipped to this many standard deviations: a few tracks are played very often.
FARTHEST = 4.0

N_FEATURES = 3


@dataclass(frozen=True, slots=True)
class PlayHistorySpec:
    """The fitted correction, for :func:`play_history_features` and flags for missing ones.

    ``means`` and ``scales`` (2 * n_features,) standardise the features that are present, then the
    flags; ``weights`` (2 * n_features, n_genres) apply to the standardised values.  ``now_s`` is
    the time of the training, used instead of the current time, with which a track's verdict would
    change as time goes by.  ``threshold`` is the confidence threshold for the corrected
    probabilities.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    now_s: float = 0.0
    threshold: float = 0.0

    def fits(self, n_genres: int) -> bool:
        """Whether the values are valid for ``n_genres`` genres."""
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
    """Probabilities (n_tracks, n_genres) corrected by the play history.

    Rows keep their sum: "something else" keeps the share that the audio gave it.  ``features`` are
    (n_tracks, n_features); missing ones are NaN.
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
    """As :func:`with_play_history` for one track; a genre without a probability has 0."""
    row = np.array([[probabilities.get(genre, 0.0) for genre in genres]])
    raised = with_play_history(row, play_history.features(spec.now_s)[None], spec)[0]
    return dict(zip(genres, raised.tolist(), strict=True))


def with_absences(features: Float64) -> Float64:
    """The features and a flag for each that is missing, (n_tracks, 2 * n_features)."""
    return np.concatenate([features, np.isnan(features)], axis=1)


def bounded_scores(raw: Float64, means: Float64, scales: Float64) -> Float64:
    """Standardised columns, clipped to ``FARTHEST``; missing values are 0."""
    return np.nan_to_num(np.clip((raw - means) / scales, -FARTHEST, FARTHEST))
