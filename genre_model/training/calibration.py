"""Choose the temperature, the artist context and the threshold on out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.specs import UNREACHED_THRESHOLD, AggregationSpec, ContextSpec
from genre_model.model.aggregation import aggregate, calibrated, softmax
from genre_model.model.artist_context import in_context, mixed_logs
from genre_model.training.training_set import (
    Bools,
    Float64,
    HeadOptions,
    Indices,
    TrainingSet,
    is_right,
)

# (n_tracks, n_genres) probabilities of songs, aggregated as a spec says.
Songs = Callable[[AggregationSpec], Float64]

INVERSE_TEMPERATURES = tuple(round(float(value), 3) for value in np.geomspace(0.5, 4.0, 25))

# How far few artists may move an inverse temperature from 1: a deviation of its logarithm.
LOG_DEVIATION = 0.35

CONTEXT_WEIGHTS = (0.0, 0.25, 0.5, 0.75)

# A context must earn its place: so much log-likelihood a track.
CONTEXT_GAIN = 0.005

MIN_ACCEPTED = 10  # of fewer answers no share is worth naming

CAUTION = 1.64  # nineteen to one that other artists do as well


def songs_of(slice_logits: Sequence[NDArray[np.floating]]) -> Songs:
    """Songs from the logits of their slices, (n_slices, n_genres) each."""
    means = np.array([logits.mean(axis=0) for logits in slice_logits])

    def songs(spec: AggregationSpec) -> Float64:
        if spec.rule == "product":  # which is of the means alone
            return calibrated(means, spec)
        return np.array([aggregate(logits, spec) for logits in slice_logits])

    return songs


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns slices' logits into a song's probabilities, chosen on out-of-fold logits."""

    alone: AggregationSpec
    context: ContextSpec | None

    @property
    def threshold(self) -> float:
        """The confidence from which an answer is given."""
        return self.context.threshold if self.context else self.alone.threshold

    def apply(self, songs: Songs, groups: Sequence[str]) -> Float64:
        """(n_tracks, n_genres) probabilities."""
        probabilities = songs(self.alone)
        if self.context is None:
            return probabilities
        return in_context(probabilities, groups, self.context)

    @staticmethod
    def choose(
        songs: Songs,
        training_set: TrainingSet,
        groups: Sequence[str],
        options: HeadOptions,
        use: Bools,
        *,
        with_context: bool,
    ) -> Calibration:
        """The likeliest calibration over the tracks of ``use``, with its thresholds."""
        candidates = training_set.candidates[use]
        other_logit = None if training_set.closed else 0.0
        specs = [AggregationSpec(options.rule, t, other_logit) for t in INVERSE_TEMPERATURES]
        names = [group for group, used in zip(groups, use, strict=True) if used]
        alone = min(
            specs,
            key=lambda spec: steadied(
                loss(songs(spec)[use], candidates, names), spec.inverse_temperature, names
            ),
        )
        own = songs(alone)[use]
        alone = replace(
            alone, threshold=choose_threshold(own, candidates, names, options.target_precision)
        )
        if not with_context:
            return Calibration(alone, None)
        context = choose_context(own, candidates, names)
        if context is None:
            return Calibration(alone, None)
        mixed = in_context(own, names, context)
        threshold = choose_threshold(mixed, candidates, names, options.target_precision)
        return Calibration(alone, replace(context, threshold=threshold))


def choose_context(own: Float64, candidates: Bools, groups: Sequence[str]) -> ContextSpec | None:
    """The likeliest context, its threshold still open; None where it does not earn its place."""
    best, found = loss(own, candidates, groups) - CONTEXT_GAIN, None
    n_genres = own.shape[1]
    for weight in CONTEXT_WEIGHTS[1:]:
        mixed = mixed_logs(own, groups, weight)
        for inverse_temperature in INVERSE_TEMPERATURES[::2]:
            probabilities = softmax(mixed * inverse_temperature)[:, :n_genres]
            this = steadied(loss(probabilities, candidates, groups), inverse_temperature, groups)
            if this < best:
                best, found = this, ContextSpec(weight, inverse_temperature, 0.0)
    return found


def steadied(loss_of_groups: float, inverse_temperature: float, groups: Sequence[str]) -> float:
    """A loss with a Gaussian prior on the logarithm of the inverse temperature, around 1."""
    penalty = 0.5 * (np.log(inverse_temperature) / LOG_DEVIATION) ** 2
    return loss_of_groups + float(penalty) / len(set(groups))


def loss(probabilities: Float64, candidates: Bools, groups: Sequence[str]) -> float:
    """Negative log-likelihood of the labels, the mean over artists of the mean over their tracks.

    Artists are labelled one way or the other as a whole: those with many tracks are not to decide
    how sure the model may be.
    """
    members = np.unique(np.array(groups), return_inverse=True)[1]
    of_tracks = -np.log((probabilities * candidates).sum(axis=1) + 1e-9)
    return float(group_means(of_tracks, members).mean())


def choose_threshold(
    probabilities: Float64, candidates: Bools, groups: Sequence[str], target: float
) -> float:
    """The lowest confidence from which on as many answers as the target are likely to be right.

    Mistakes come by the artist, and the threshold is chosen on the very tracks that it is judged
    by.  So the target has to be reached by the tracks, and by the artists, each with one vote
    however many tracks it has, less ``CAUTION`` standard errors of their mean.
    """
    confidence = probabilities.max(axis=1)
    right = is_right(probabilities, candidates).astype(np.float64)
    members = np.unique(np.array(groups), return_inverse=True)[1]
    reached = UNREACHED_THRESHOLD
    for threshold in np.unique(np.floor(confidence * 1000) / 1000)[::-1]:  # never rounded up
        if threshold == UNREACHED_THRESHOLD:
            continue  # it means something else
        accepted = confidence >= threshold
        if accepted.sum() < MIN_ACCEPTED:
            continue
        of_groups = group_means(right[accepted], members[accepted])
        margin = CAUTION * of_groups.std() / np.sqrt(max(1, len(of_groups) - 1))
        if min(right[accepted].mean(), of_groups.mean() - margin) >= target:
            reached = float(threshold)
    return reached


def group_means(values: Float64, members: Indices) -> Float64:
    """The mean of each group that has a value, by the groups' numbers."""
    counts = np.bincount(members)
    means: Float64 = np.bincount(members, values)[counts > 0] / counts[counts > 0]
    return means
