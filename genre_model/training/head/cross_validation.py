"""The default training: a head on the embeddings of a bundle's network, and an honest report.

Every figure is out of fold: folds are by artist, and whatever is fitted or chosen (head,
sharpness, context, threshold) has not heard the artists that it is measured on, or is chosen
anew without them.  The head that is written is fitted on everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genre_model.data.folds import context_group, split_tracks
from genre_model.model.head import Head
from genre_model.model.play_history import PlayHistorySpec, with_play_history
from genre_model.training.calibration import Calibration, choose_threshold, songs_of
from genre_model.training.head.fit import fit_discriminant, fit_head, fit_least_squares, mixture
from genre_model.training.head.play_history import fit_play_history
from genre_model.training.instance_selection import SELECTION_FOLDS, ease_of, easiest
from genre_model.training.training_set import (
    Bools,
    CrossValidated,
    Float64,
    HeadOptions,
    Indices,
    TrainingSet,
    accuracy_of_slices,
)

# The three linear classifiers that are averaged, beside the one-vs-rest one: docs/training.md.
SHRINKAGE, DISCRIMINANT_SCALE = 0.5, 0.3


RIDGE, LEAST_SQUARES_SCALE = 1.0, 8.0


ABSENT = -20.0  # the logit of a genre that a fold has not heard


def fit(training_set: TrainingSet, tracks: Indices, options: HeadOptions) -> Head:
    """A head fitted on some of the tracks, or on the easiest of their slices."""
    if options.select is not None:
        training_set = with_easiest_slices(training_set, tracks, options)
    return fit_means(
        training_set.means[tracks],
        training_set.candidates[tracks],
        training_set.truth[tracks],
        options,
    )


def fit_means(x: Float64, candidates: Bools, truth: Indices, options: HeadOptions) -> Head:
    """A head fitted on songs' means (n, n_features), their open genres and the first of these."""
    counts = Counter(truth.tolist())
    sizes = np.array([counts[label] for label in truth.tolist()], dtype=np.float64)
    targets = candidates / candidates.sum(axis=1, keepdims=True)
    present = targets.sum(axis=0) > 0
    parts = [
        (1.0, fit_head(x, candidates[:, present], sizes**-options.balance, options.ridge)),
        (DISCRIMINANT_SCALE, fit_discriminant(x, targets[:, present], 1 / sizes, SHRINKAGE)),
        (LEAST_SQUARES_SCALE, fit_least_squares(x, targets[:, present], 1 / sizes, RIDGE)),
    ]
    return spread_out(mixture(parts), present)


def with_easiest_slices(
    training_set: TrainingSet, tracks: Indices, options: HeadOptions
) -> TrainingSet:
    """The material with the means of the tracks over those of their slices that are easy to tell.

    What says so is a head that was fitted on others of the tracks.  A track without any such slice
    keeps them all.
    """
    inside = training_set.part(tracks)
    plain = replace(options, select=None)
    split = split_tracks(inside.tracks, options.seed, SELECTION_FOLDS)
    ease: list[Float64] = [np.zeros(0)] * len(tracks)
    for fold in range(split.n_folds):
        head = fit(inside, np.flatnonzero(split.fold != fold), plain)
        for index in np.flatnonzero(split.fold == fold).tolist():
            logits = head.logits(inside.extracted[index].features)
            ease[index] = ease_of(logits, inside.candidates[index], len(logits))
    kept = easiest(ease, [track.label for track in inside.tracks], options.select or 1.0)
    means = training_set.means.copy()
    for place, extracted, keep in zip(tracks.tolist(), inside.extracted, kept, strict=True):
        if keep.any():
            means[place] = extracted.features[keep].mean(axis=0)
    return replace(training_set, means=means)


def spread_out(head: Head, present: Bools) -> Head:
    """A head for all genres from one for those that were present; the others never lead."""
    weights = np.zeros((head.weights.shape[0], len(present)), np.float32)
    bias = np.full(len(present), ABSENT, np.float32)
    weights[:, present], bias[present] = head.weights, head.bias
    return Head(weights, bias)


def evaluate_out_of_fold(training_set: TrainingSet, options: HeadOptions) -> CrossValidated:
    """Song probabilities by heads, and calibrations, that have not heard the song's artist."""
    split = split_tracks(training_set.tracks, options.seed)
    slice_logits: list[NDArray[np.floating]] = [np.zeros(0)] * len(training_set.tracks)
    everything = np.arange(len(training_set.tracks))
    for fold in range(split.n_folds):
        inside = split.fold == fold
        head = fit(training_set, everything[~inside], options)
        for index in everything[inside].tolist():
            slice_logits[index] = head.logits(training_set.extracted[index].features)
    songs = songs_of(slice_logits)
    with_context = options.context and split.group_by == "artist"
    fellows = (
        [context_group(track) for track in training_set.tracks] if with_context else split.groups
    )

    def choose(use: Bools) -> Calibration:
        return Calibration.choose(
            songs, training_set, fellows, options, use, with_context=with_context
        )

    probabilities = np.zeros(training_set.candidates.shape)
    accepted = np.zeros(len(probabilities), dtype=np.bool_)
    for fold in range(split.n_folds):
        inside = split.fold == fold
        others = choose(~inside)
        probabilities[inside] = others.apply(songs, fellows)[inside]
        accepted[inside] = probabilities[inside].max(axis=1) >= others.threshold
    final = choose(np.ones_like(accepted))
    cross_validated = CrossValidated(
        split,
        probabilities,
        accepted,
        accuracy_of_slices(slice_logits, training_set.candidates),
        final.alone,
        final.context,
    )
    return (
        add_play_history(training_set, cross_validated, fellows, options)
        if options.play_history
        else cross_validated
    )


def add_play_history(
    training_set: TrainingSet,
    cross_validated: CrossValidated,
    groups: Sequence[str],
    options: HeadOptions,
) -> CrossValidated:
    """The same with what a listener did with the tracks, and other thresholds, still out of fold.

    ``groups`` as for :func:`choose_threshold`.
    """
    before, fold = cross_validated.probabilities, cross_validated.split.fold
    after = play_history_out_of_fold(training_set, before, fold)
    accepted = np.zeros_like(cross_validated.accepted)
    for one in range(cross_validated.split.n_folds):
        inside = fold == one
        names = [group for group, used in zip(groups, ~inside, strict=True) if used]
        threshold = choose_threshold(
            after[~inside], training_set.candidates[~inside], names, options.target_precision
        )
        accepted[inside] = after[inside].max(axis=1) >= threshold
    return replace(
        cross_validated,
        probabilities=after,
        accepted=accepted,
        play_history=final_play_history(training_set, before, after, groups, options),
        without_play_history=before,
    )


def play_history_out_of_fold(
    training_set: TrainingSet, probabilities: Float64, fold: Indices
) -> Float64:
    """Probabilities after what a listener did, by additions that do not know the track's fold."""
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
    """The addition of all tracks; its threshold is that of the probabilities out of fold."""
    threshold = choose_threshold(after, training_set.candidates, groups, options.target_precision)
    spec = fit_play_history(before, training_set.play_history, training_set.candidates)
    return replace(spec, now_s=training_set.now_s, threshold=threshold)
