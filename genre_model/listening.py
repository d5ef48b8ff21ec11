"""What a listener does with a track, as a small addition to what the audio says.

O'Brien, as told by Pelchat & Gelowitz (2019), added a track's collaborative filtering features to
the classifier of its audio, "which improved it slightly".  A library of one listener has none, but
it has how often a track was played, how it was rated, and how long it has been there.  Artist and
album are no part of it: genres would leak by their names.

A multinomial logistic regression on these, with a ridge penalty, has the audio's log-probabilities
as its offset.  It has no constant term, so it cannot correct the audio's priors, and learns
only what listening says beyond the audio.  The audio's probabilities have to be of tracks that it
was not fitted on, or there would be nothing left to add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genre_model.aggregate import softmax

Bools = NDArray[np.bool_]
Float64 = NDArray[np.float64]

SECONDS_PER_YEAR = 365.25 * 24 * 3600
SMALLEST = 1e-4  # probabilities are kept with four digits
# No track is told by how very much more it was played than all others, in standard deviations.
FARTHEST = 4.0
N_FEATURES = 3
LARGEST = 1e15  # so that no square of a number overflows
N_STEPS = 400
RIDGE = 0.01


@dataclass(frozen=True, slots=True)
class Listening:
    """What a listener did with a track; None where that is not known.

    ``rating`` is on any scale, ``added_s`` is when it came into the library, in seconds since 1970.
    """

    play_count: float | None = None
    rating: float | None = None
    added_s: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything is."""
        return bool(np.isfinite(self.features(0.0)).any())

    def features(self, now_s: float) -> Float64:
        """As :func:`listening_features`, (3,)."""
        return listening_features(self.play_count, self.rating, self.added_s, now_s)


UNKNOWN = Listening()


@dataclass(frozen=True, slots=True)
class ListeningSpec:
    """The addition, for the features of :func:`listening_features` and their absences.

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

    def fault(self, n_genres: int) -> bool:
        """Whether this cannot be applied to so many genres."""
        n_features = 2 * N_FEATURES
        weights = [weight for row in self.weights for weight in row]
        return not (
            len(self.means) == len(self.scales) == len(self.weights) == n_features
            and all(len(row) == n_genres for row in self.weights)
            and all(abs(value) < LARGEST for value in (*self.means, *weights, self.now_s))
            and all(SMALLEST <= scale < LARGEST for scale in self.scales)
            and 0 <= self.threshold <= 1
        )


def listening_features(
    play_count: float | None, rating: float | None, added_s: float | None, now_s: float
) -> Float64:
    """A track's features, (3,): log of its plays and one, rating, years in the library.

    Absent ones are NaN, as are those that make no sense.

    Args:
        play_count: How often it was played.
        rating: On any scale, if it is the same for all tracks.
        added_s: When it was added, in seconds of an epoch; 0 where nobody knows, as beets has it.
        now_s: The present, in seconds of the same epoch.
    """
    plays = np.nan if play_count is None or play_count < 0 else np.log1p(play_count)
    years = max(0.0, now_s - added_s) / SECONDS_PER_YEAR if added_s else np.nan
    found = np.array([plays, np.nan if rating is None else rating, years], np.float64)
    found[~(np.abs(found) < LARGEST)] = np.nan
    return found


def number_in(value: object) -> float | None:
    """A number, or the number that a text is; None where it is neither."""
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None


def fit_listening(
    probabilities: Float64, features: Float64, allowed: Bools, ridge: float = RIDGE
) -> ListeningSpec:
    """Fit the addition to tracks whose audio was judged by a model that was not fitted on them.

    A label that leaves several genres open counts with their probability together.

    Args:
        probabilities: (n_tracks, n_genres) of the audio.
        features: (n_tracks, n_features), NaN where there is none.
        allowed: (n_tracks, n_genres), the genres that a track's label leaves open.
        ridge: Strength of the pull towards no addition.
    """
    raw = with_absences(features)
    means, scales = moments(raw)
    x = standardised(raw, means, scales)
    offset = np.log(np.maximum(probabilities, SMALLEST))
    weights = minimise(x, offset, allowed, ridge)
    return ListeningSpec(
        tuple(means.tolist()), tuple(scales.tolist()), tuple(map(tuple, weights.tolist()))
    )


def with_listening(probabilities: Float64, features: Float64, spec: ListeningSpec) -> Float64:
    """Probabilities (n_tracks, n_genres) after what listening adds to them.

    Rows keep their sum: "something else" has the share that the audio gave it.  ``features`` are
    (n_tracks, n_features), NaN where there is none.
    """
    x = standardised(with_absences(features), np.array(spec.means), np.array(spec.scales))
    added = x @ np.array(spec.weights)
    raised = probabilities * np.exp(added - added.max(axis=1, keepdims=True))
    before, after = (rows.sum(axis=1, keepdims=True) for rows in (probabilities, raised))
    result: Float64 = raised * before / np.where(after > 0, after, 1)
    return result


def song_with_listening(
    probabilities: Mapping[str, float],
    listening: Listening,
    spec: ListeningSpec,
    genres: Sequence[str],
) -> dict[str, float]:
    """The same as :func:`with_listening` for one track; a genre that it lacks has nought there."""
    row = np.array([[probabilities.get(genre, 0.0) for genre in genres]])
    raised = with_listening(row, listening.features(spec.now_s)[None], spec)[0]
    return dict(zip(genres, raised.tolist(), strict=True))


def with_absences(features: Float64) -> Float64:
    """Features and whether each is absent, (n_tracks, 2 * n_features)."""
    return np.concatenate([features, np.isnan(features)], axis=1)


def moments(raw: Float64) -> tuple[Float64, Float64]:
    """Mean and deviation of each column where it has values; 0 and 1 where all are alike."""
    there = ~np.isnan(raw)
    n_there = np.maximum(there.sum(axis=0), 1)
    means: Float64 = np.where(there, raw, 0).sum(axis=0) / n_there
    squares = np.where(there, raw - means, 0) ** 2
    deviations: Float64 = np.sqrt(squares.sum(axis=0) / n_there)
    return means, np.where(deviations > SMALLEST, deviations, 1)


def standardised(raw: Float64, means: Float64, scales: Float64) -> Float64:
    """Columns of mean 0 and deviation 1, within ``FARTHEST``; 0 where there is no value."""
    return np.nan_to_num(np.clip((raw - means) / scales, -FARTHEST, FARTHEST))


def minimise(x: Float64, offset: Float64, allowed: Bools, ridge: float) -> Float64:
    """Weights (n_features, n_genres) by Nesterov's accelerated gradient descent."""
    curvature = np.linalg.norm(x.T @ x, 2) / (2 * len(x)) + ridge
    w = ahead = np.zeros((x.shape[1], allowed.shape[1]))
    for step in range(1, N_STEPS + 1):
        gradient = x.T @ slope(offset + x @ ahead, allowed) / len(x) + ridge * ahead
        previous, w = w, ahead - gradient / curvature
        ahead = w + (step - 1) / (step + 2) * (w - previous)
    return w


def slope(logits: Float64, allowed: Bools) -> Float64:
    """Gradient of -log of the allowed genres' probability by the logits, (n_tracks, n_genres)."""
    of_allowed = softmax(np.where(allowed, logits, -np.inf))
    difference: Float64 = softmax(logits) - of_allowed
    return difference
