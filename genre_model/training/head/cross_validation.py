"""The default training: learn from a user's labels how to correct the starting model.

Every figure is out of fold: folds are by artist, and no artist is measured with a correction that
was fitted on it.  Strength, calibration, context and threshold are chosen on the other folds'
tracks.  The logits of these tracks are out of fold too, but the corrections behind them were fitted
on the measured artists, among others.  The head that is written is fitted on all tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationSpec, reaches
from genre_model.data.folds import (
    MIN_GROUPS,
    Split,
    context_group,
    split_tracks,
)
from genre_model.evaluation.metrics import numbered
from genre_model.model.aggregation import softmax
from genre_model.model.head import CorrectedHead
from genre_model.training.calibration import (
    Calibration,
    Songs,
    choose_threshold,
)
from genre_model.training.head.correction import Correction, Examples, fit_correction
from genre_model.training.head.play_history import final_play_history, play_history_out_of_fold
from genre_model.training.instance_selection import SELECTION_FOLDS, ease_of, easiest
from genre_model.training.training_set import (
    CrossValidated,
    HeadOptions,
    TrainingSet,
    accuracy_of_slices,
    independent_groups,
    is_right,
)

# A track weighs n ** -BALANCE * m ** -ARTISTS if its genre has n tracks and its artist m.
BALANCE, ARTISTS = 0.75, 0.5

# A correction must be better than none by ERRORS_OF_NONE standard errors, and a weaker pull towards
# the starting model better than a stronger one by ERRORS_OF_STRONGER.
ERRORS_OF_NONE, ERRORS_OF_STRONGER = 2.0, 0.5

# The folds are by artist if no more than this share of the tracks is in genres with one artist.
TOLERATED = 0.25

# The strength of the heads that select the easiest slices.
SELECTION_STRENGTH = 300.0


def fit(
    training_set: TrainingSet, tracks: Ints, options: HeadOptions, strength: float
) -> CorrectedHead:
    """Fit a head on some of the tracks, or on the easiest of their slices.

    Raises:
        GenreModelError: There are too few tracks to select slices from.
    """
    correction = fit_corrections(training_set, tracks, options, (strength,))[0]
    return CorrectedHead(training_set.start, correction.trust, correction.head)


def fit_corrections(
    training_set: TrainingSet, tracks: Ints, options: HeadOptions, strengths: Sequence[float]
) -> list[Correction]:
    """Fit one correction per strength on some of the tracks.

    Raises:
        GenreModelError: There are too few tracks to select slices from.
    """
    if options.select is not None:
        training_set = with_easiest_slices(training_set, tracks, options)
    part = training_set.part(tracks)
    weights = weights_of(part)
    examples = Examples(part.means, part.start_logits, part.candidates, weights, part.closed)
    return fit_correction(examples, strengths)


def weights_of(training_set: TrainingSet) -> Float64:
    """(n_tracks,) weights: a track counts less if its genre or its artist has many tracks."""
    artists = [context_group(track) for track in training_set.tracks]
    members, sizes = np.unique(artists, return_inverse=True, return_counts=True)[1:]
    of_genre = np.bincount(training_set.truth)[training_set.truth].astype(np.float64)
    weights: Float64 = of_genre**-BALANCE * sizes[members].astype(np.float64) ** -ARTISTS
    return weights


def with_easiest_slices(
    training_set: TrainingSet, tracks: Ints, options: HeadOptions
) -> TrainingSet:
    """The training set with the means of the tracks over their easiest slices.

    A head that was fitted on other tracks rates the slices.  A track without any easy slice keeps
    all its slices.

    Raises:
        GenreModelError: There are too few tracks to select slices from.
    """
    if len(tracks) < MIN_GROUPS:
        raise GenreModelError(
            "too few tracks to select slices from: one fold leaves a single track to learn from"
        )
    inside = training_set.part(tracks)
    plain = replace(options, select=None)
    split = split_tracks(inside.tracks, options.seed, SELECTION_FOLDS)
    ease: list[Float64] = [np.zeros(0)] * len(tracks)
    for fold in range(split.n_folds):
        head = fit(inside, np.flatnonzero(split.fold != fold), plain, SELECTION_STRENGTH)
        for index in np.flatnonzero(split.fold == fold).tolist():
            logits = head.logits(inside.extracted[index].features)
            ease[index] = ease_of(logits, inside.candidates[index], len(logits))
    kept = easiest(ease, [track.label for track in inside.tracks], options.select or 1.0)
    means, said = training_set.means.copy(), training_set.start_logits.copy()
    for place, extracted, keep in zip(tracks.tolist(), inside.extracted, kept, strict=True):
        if keep.any():
            features = extracted.features[keep]
            means[place] = features.mean(axis=0)
            said[place] = training_set.start.logits(means[place, None].astype(np.float32))[0]
    return replace(training_set, means=means, start_logits=said)


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldLogits:
    """The corrections fitted without each fold, one per strength, and the logits of the fold.

    ``songs`` (n_strengths, n_tracks, n_genres) are logits of songs' mean features, ``losses``
    (n_strengths, n_tracks) the negative log-likelihoods of the labels.
    """

    training_set: TrainingSet
    split: Split
    corrections: Sequence[Sequence[Correction]]
    songs: Float64
    losses: Float64

    def of_slices(self, strength: int) -> list[NDArray[np.floating]]:
        """(n_slices, n_genres) logits of each track, for the strength with this index."""
        start = self.training_set.start
        found = []
        for extracted, fold in zip(
            self.training_set.extracted, self.split.fold.tolist(), strict=True
        ):
            correction = self.corrections[fold][strength]
            head = CorrectedHead(start, correction.trust, correction.head)
            found.append(head.logits(extracted.features))
        return found

    def songs_by(self, strength: int, options: HeadOptions, groups: Sequence[str]) -> Songs:
        """The tracks' logits, to be calibrated, for the strength with this index."""
        of_means = options.rule == "product"  # it needs the songs' means only
        logits = self.songs[strength][:, None] if of_means else self.of_slices(strength)
        return Songs(list(logits), self.training_set, groups)


def out_of_fold_logits(
    training_set: TrainingSet, split: Split, options: HeadOptions
) -> OutOfFoldLogits:
    """Fit on all folds but one, for each fold and strength.

    Raises:
        GenreModelError: There are too few tracks to select slices from.
    """
    everything = np.arange(len(training_set.tracks))
    songs = np.zeros((len(options.strengths), *training_set.candidates.shape))
    corrections = []
    for fold in range(split.n_folds):
        inside = split.fold == fold
        found = fit_corrections(training_set, everything[~inside], options, options.strengths)
        for place, correction in enumerate(found):
            songs[place, inside] = correction.logits(
                training_set.start_logits[inside], training_set.means[inside]
            )
        corrections.append(found)
    losses = np.array([losses_of(logits, training_set) for logits in songs])
    return OutOfFoldLogits(training_set, split, corrections, songs, losses)


def choose_strength(logits: OutOfFoldLogits, use: Bools) -> int:
    """Index of the strongest pull towards the starting model that fits the tracks well enough.

    That is the first strength whose loss is within some standard errors of the smallest loss; see
    :func:`independent_groups`.
    """
    weights = weights_of(logits.training_set)[use]
    weights /= weights.sum()
    weighted = weights * logits.losses[:, use]
    members = numbered(
        np.array(independent_groups(logits.training_set, logits.split))[use].tolist()
    )
    best = int(weighted.sum(axis=1).argmin())
    for place, one in enumerate(weighted):
        of_groups = np.bincount(members, one - weighted[best]).astype(np.float64)
        caution = ERRORS_OF_STRONGER if place else ERRORS_OF_NONE
        if place == best or of_groups.sum() <= caution * error_of_sum(of_groups):
            return place
    raise AssertionError("the least loss is no more than itself")


def error_of_sum(values: Float64) -> float:
    """The standard error of a sum, widened for few values as in Student's t distribution."""
    n = len(values)
    return float(np.sqrt(n) * values.std(ddof=1)) * (1 + 1 / (n - 1)) if n > 1 else np.inf


def losses_of(logits: Float64, training_set: TrainingSet) -> Float64:
    """(n_tracks,) negative log-likelihoods of the labels, given the tracks' logits."""
    floor = [] if training_set.closed else [np.zeros((len(logits), 1))]
    total = log_sum(np.concatenate([logits, *floor], axis=1))
    return total - log_sum(np.where(training_set.candidates, logits, -np.inf))


def log_sum(logits: Float64) -> Float64:
    """(n,) log-sum-exp of each row of (n, k) logits."""
    peak = logits.max(axis=1)
    sums: Float64 = peak + np.log(np.exp(logits - peak[:, None]).sum(axis=1))
    return sums


def outer_split(training_set: TrainingSet, options: HeadOptions) -> Split:
    """The test folds, grouped as the user asks, by default by artist if there are enough artists.

    Raises:
        GenreModelError: All tracks are in one group.
        ValueError: The option ``split_by`` is ``slice``, but a head learns from whole songs.
    """
    if options.split_by == "slice":
        raise ValueError("a head learns from whole songs")
    split = split_tracks(
        training_set.tracks, options.seed, group_by=options.split_by, tolerated=TOLERATED
    )
    if split.n_folds < 2:
        raise GenreModelError(f"all tracks are of one {split.group_by}: nothing is left to test on")
    return split


def evaluate_out_of_fold(training_set: TrainingSet, options: HeadOptions) -> CrossValidated:
    """Song probabilities from heads and calibrations that have not seen the song's artist.

    Raises:
        GenreModelError: All tracks are in one group, or there are too few to select slices from.
    """
    split = outer_split(training_set, options)
    logits = out_of_fold_logits(training_set, split, options)
    with_context = options.context and split.group_by == "artist"
    fellows = (
        [context_group(track) for track in training_set.tracks]
        if with_context
        else independent_groups(training_set, split)
    )

    by_strength: dict[int, Songs] = {}

    def choose(use: Bools) -> tuple[int, Songs, Calibration]:
        strength = choose_strength(logits, use)
        if strength not in by_strength:
            by_strength[strength] = logits.songs_by(strength, options, fellows)
        songs = by_strength[strength]
        return strength, songs, Calibration.choose(songs, options, use, with_context=with_context)

    probabilities = np.zeros(training_set.candidates.shape)
    accepted = np.zeros(len(probabilities), dtype=np.bool_)
    for fold in range(split.n_folds):
        inside = split.fold == fold
        _, songs, others = choose(~inside)
        probabilities[inside] = others.apply(songs)[inside]
        confidence = training_set.by_root(probabilities[inside]).max(axis=1)
        accepted[inside] = reaches(confidence, others.threshold)
    strength, _, final = choose(np.ones_like(accepted))
    cross_validated = CrossValidated(
        split,
        probabilities,
        accepted,
        accuracy_of_slices(
            [training_set.by_root(softmax(found)) for found in logits.of_slices(strength)],
            training_set.candidates,
        ),
        final.alone,
        final.context,
        options.strengths[strength],
    )
    return (
        add_play_history(training_set, cross_validated, fellows, options)
        if options.play_history
        else cross_validated
    )


def right_out_of_fold(
    training_set: TrainingSet, options: HeadOptions, aggregation: AggregationSpec
) -> tuple[Split, Bools]:
    """The folds, and whether the head of the other folds classifies each song correctly.

    Each track is classified by itself, without context.  With one strength and a given aggregation
    there is nothing to choose, so this costs a fraction of :func:`evaluate_out_of_fold`.
    """
    split = outer_split(training_set, options)
    songs = out_of_fold_logits(training_set, split, options).songs_by(0, options, split.groups)
    by_root = training_set.by_root(songs.probabilities(aggregation))
    return split, is_right(by_root, training_set.candidates)


def add_play_history(
    training_set: TrainingSet,
    cross_validated: CrossValidated,
    groups: Sequence[str],
    options: HeadOptions,
) -> CrossValidated:
    """Add the tracks' play history and choose the thresholds again, still out of fold.

    ``groups`` are those of :func:`choose_threshold`.
    """
    before, fold = cross_validated.probabilities, cross_validated.split.fold
    after = play_history_out_of_fold(training_set, before, fold)
    by_root = training_set.by_root(after)
    accepted = np.zeros_like(cross_validated.accepted)
    for one in range(cross_validated.split.n_folds):
        inside = fold == one
        names = [group for group, used in zip(groups, ~inside, strict=True) if used]
        threshold = choose_threshold(
            by_root[~inside], training_set.candidates[~inside], names, options.target_precision
        )
        accepted[inside] = reaches(by_root[inside].max(axis=1), threshold)
    return replace(
        cross_validated,
        probabilities=after,
        accepted=accepted,
        play_history=final_play_history(training_set, before, after, groups, options),
        without_play_history=before,
    )
