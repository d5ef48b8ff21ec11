"""Fit what the play history adds to the probabilities of the audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.model.aggregation import softmax
from genre_model.model.play_history import (
    SMALLEST,
    PlayHistorySpec,
    bounded_scores,
    with_absences,
    with_play_history,
)
from genre_model.training.calibration import choose_threshold
from genre_model.training.head.fit import accelerated_descent
from genre_model.training.training_set import HeadOptions, TrainingSet

RIDGE = 0.01


def fit_play_history(
    probabilities: Float64, features: Float64, candidates: Bools, ridge: float = RIDGE
) -> PlayHistorySpec:
    """Fit the addition on tracks that the model of their audio was not fitted on.

    The probability of a label that leaves several genres open is the sum of theirs.

    Args:
        probabilities: (n_tracks, n_genres) of the audio.
        features: (n_tracks, n_features), NaN if unknown.
        candidates: (n_tracks, n_genres), the genres that a track's label leaves open.
        ridge: Strength of the pull towards no addition.
    """
    raw = with_absences(features)
    means, scales = moments(raw)
    x = bounded_scores(raw, means, scales)
    offset = np.log(np.maximum(probabilities, SMALLEST))
    weights = minimise(x, offset, candidates, ridge)
    return PlayHistorySpec(
        tuple(means.tolist()), tuple(scales.tolist()), tuple(map(tuple, weights.tolist()))
    )


def play_history_out_of_fold(
    training_set: TrainingSet, probabilities: Float64, fold: Ints
) -> Float64:
    """Probabilities with the play history, for each fold by an addition fitted on the others."""
    features, candidates = training_set.play_history, training_set.candidates
    after: Float64 = probabilities.copy()
    for inside in (fold == one for one in np.unique(fold)):
        if not inside.all():
            spec = fit_play_history(probabilities[~inside], features[~inside], candidates[~inside])
            after[inside] = with_play_history(probabilities[inside], features[inside], spec)
    return after


def final_play_history(
    training_set: TrainingSet,
    before: Float64,
    after: Float64,
    groups: Sequence[str],
    options: HeadOptions,
) -> PlayHistorySpec:
    """The addition fitted on all tracks, with a threshold chosen on out-of-fold probabilities.

    ``before`` and ``after`` are the probabilities without and with the play history.
    """
    by_root = training_set.by_root(after)
    threshold = choose_threshold(by_root, training_set.candidates, groups, options.target_precision)
    spec = fit_play_history(before, training_set.play_history, training_set.candidates)
    return replace(spec, now_s=training_set.now_s, threshold=threshold)


def moments(raw: Float64) -> tuple[Float64, Float64]:
    """Mean and deviation of each column without NaN; a deviation of 1 if all values are equal."""
    there = ~np.isnan(raw)
    n_there = np.maximum(there.sum(axis=0), 1)
    means: Float64 = np.where(there, raw, 0).sum(axis=0) / n_there
    squares = np.where(there, raw - means, 0) ** 2
    deviations: Float64 = np.sqrt(squares.sum(axis=0) / n_there)
    return means, np.where(deviations > SMALLEST, deviations, 1)


def minimise(x: Float64, offset: Float64, candidates: Bools, ridge: float) -> Float64:
    """The penalised maximum-likelihood weights (n_features, n_genres)."""
    curvature = np.linalg.norm(x.T @ x, 2) / (2 * len(x)) + ridge

    def gradient(w: Float64) -> Float64:
        of_loss: Float64 = x.T @ slope(offset + x @ w, candidates) / len(x)
        return of_loss + ridge * w

    start = np.zeros((x.shape[1], candidates.shape[1]))
    return accelerated_descent(gradient, start, float(curvature))


def slope(logits: Float64, candidates: Bools) -> Float64:
    """Gradient of -log of the candidates' probability by the logits, (n_tracks, n_genres)."""
    of_candidates = softmax(np.where(candidates, logits, -np.inf))
    difference: Float64 = softmax(logits) - of_candidates
    return difference
