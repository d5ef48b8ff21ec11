"""Choose the temperature, the artist context and the threshold on out-of-fold probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.core.specs import UNREACHED_THRESHOLD, AggregationSpec, ContextSpec
from genre_model.evaluation.metrics import FEWEST_ANSWERS, numbered
from genre_model.model.aggregation import aggregate, calibrated, softmax
from genre_model.model.artist_context import in_context, informed, inverse_temperatures, mixed_logs
from genre_model.training.training_set import HeadOptions, TrainingSet, is_right

INVERSE_TEMPERATURES = tuple(round(float(value), 3) for value in np.geomspace(0.5, 4.0, 25))

# Standard deviation of the prior on the inverse temperature's logarithm, which keeps the inverse
# temperature near 1 if there are few artists.
LOG_DEVIATION = 0.35

CONTEXT_WEIGHTS = (0.25, 0.5, 0.75, 0.9)
CONTEXT_TEMPERATURES = INVERSE_TEMPERATURES[::2]
CONTEXTS = tuple((w, t) for w in CONTEXT_WEIGHTS for t in CONTEXT_TEMPERATURES)

# A context is used only if it lowers the mean loss by more than this.
CONTEXT_GAIN = 0.005

HIGHEST_THRESHOLD = 0.999  # the highest threshold that is tried

CAUTION = 1.64  # in standard errors: one-sided 95 %, if the mean of the artists is normal


class Songs:
    """Labelled songs: probabilities and losses under any aggregation, from slice logits.

    Losses are cached: each fold leaves out other tracks, but a track's loss under a temperature
    stays the same.
    """

    def __init__(
        self,
        slice_logits: Sequence[NDArray[np.floating]],
        training_set: TrainingSet,
        groups: Sequence[str],
    ) -> None:
        """Keep the logits.

        Args:
            slice_logits: (n_slices, n_genres) of each track of the training set.
            training_set: The tracks' labels, the factors of the music detector, and the tree.
            groups: The group of each track; tracks of one group inform each other.
        """
        self.training_set = training_set
        self.candidates = training_set.candidates
        self._shares = training_set.music_shares[:, None]
        self.groups = groups
        self._slices = slice_logits
        self._means = np.array([logits.mean(axis=0) for logits in slice_logits])
        self._losses: dict[AggregationSpec, Float64] = {}
        self._in_context: dict[AggregationSpec, Float64] = {}

    def probabilities(self, spec: AggregationSpec) -> Float64:
        """(n_tracks, n_genres), aggregated as the spec says."""
        if spec.rule == "product":  # needs only the mean logits
            return calibrated(self._means, spec) * self._shares
        return np.array([aggregate(logits, spec) for logits in self._slices]) * self._shares

    def losses(self, spec: AggregationSpec) -> Float64:
        """(n_tracks,) losses of the labels."""
        if spec not in self._losses:
            self._losses[spec] = losses_of(self.probabilities(spec), self.candidates)
        return self._losses[spec]

    def losses_in_context(self, spec: AggregationSpec) -> Float64:
        """(n_contexts, n_tracks) losses of the labels, in the order of ``CONTEXTS``."""
        if spec not in self._in_context:
            own = self.probabilities(spec)
            found = []
            for weight in CONTEXT_WEIGHTS:
                mixed = mixed_logs(own, self.groups, weight)
                for inverse_temperature in CONTEXT_TEMPERATURES:
                    spec_of_context = ContextSpec(weight, inverse_temperature, 0.0)
                    scales = inverse_temperatures(self.groups, spec_of_context)
                    mine = softmax(mixed * scales)[:, : own.shape[1]]
                    found.append(losses_of(mine, self.candidates))
            self._in_context[spec] = np.array(found)
        return self._in_context[spec]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How slice logits become a song's probabilities, chosen on out-of-fold logits."""

    alone: AggregationSpec
    context: ContextSpec | None

    @property
    def threshold(self) -> float:
        """The confidence from which an answer is given."""
        return self.context.threshold if self.context else self.alone.threshold

    def apply(self, songs: Songs) -> Float64:
        """(n_tracks, n_genres) probabilities."""
        probabilities = songs.probabilities(self.alone)
        if self.context is None:
            return probabilities
        return informed(probabilities, songs.groups, self.context, songs.training_set.roots)

    @staticmethod
    def choose(
        songs: Songs, options: HeadOptions, use: Bools, *, with_context: bool
    ) -> Calibration:
        """The calibration with the lowest loss on the tracks of ``use``, with its thresholds."""
        other_logit = None if songs.training_set.closed else 0.0
        specs = [AggregationSpec(options.rule, t, other_logit) for t in INVERSE_TEMPERATURES]
        names = [group for group, used in zip(songs.groups, use, strict=True) if used]
        members = numbered(names)
        alone = min(
            specs,
            key=lambda spec: steadied(songs.losses(spec)[use], spec.inverse_temperature, members),
        )
        context = None
        if with_context:
            of_contexts = songs.losses_in_context(alone)[:, use]
            context = choose_context(songs.losses(alone)[use], of_contexts, members)

        def threshold(probabilities: Float64) -> float:
            by_root = songs.training_set.by_root(probabilities)
            return choose_threshold(by_root, songs.candidates[use], names, options.target_precision)

        own = songs.probabilities(alone)[use]
        alone = replace(alone, threshold=threshold(own))
        if context is None:
            return Calibration(alone, None)
        # Not with `informed`, whose answers depend on the threshold: with it, studies.training
        # answered .108 of Emotify instead of .335, and .833 of the answers were right, not .912.
        reached = threshold(in_context(own, names, context))
        return Calibration(alone, replace(context, threshold=reached))


def choose_context(own: Float64, of_contexts: Float64, members: Ints) -> ContextSpec | None:
    """The context with the lowest loss, its threshold not yet set; None if it gains too little.

    Args:
        own: (n_tracks,) losses of the tracks without a context.
        of_contexts: (n_contexts, n_tracks) losses in each of the ``CONTEXTS``.
        members: (n_tracks,) the number of each track's group.
    """
    losses = [
        steadied(loss, inverse_temperature, members)
        for loss, (_, inverse_temperature) in zip(of_contexts, CONTEXTS, strict=True)
    ]
    best = int(np.argmin(losses))
    if losses[best] >= mean_over_artists(own, members) - CONTEXT_GAIN:
        return None
    return ContextSpec(*CONTEXTS[best], 0.0)


def steadied(losses: Float64, inverse_temperature: float, members: Ints) -> float:
    """The mean loss, with a Gaussian prior on the log of the inverse temperature, centred on 0."""
    penalty = 0.5 * (np.log(inverse_temperature) / LOG_DEVIATION) ** 2
    return mean_over_artists(losses, members) + float(penalty) / (int(members.max()) + 1)


def mean_over_artists(losses: Float64, members: Ints) -> float:
    """The mean over artists of the mean over their tracks.

    The tracks of an artist tend to be labelled alike, so an artist with many tracks must not decide
    how confident the model may be.
    """
    return float(group_means(losses, members).mean())


def losses_of(probabilities: Float64, candidates: Bools) -> Float64:
    """(n_tracks,) negative log-likelihoods of the labels."""
    losses: Float64 = -np.log((probabilities * candidates).sum(axis=1) + 1e-9)
    return losses


def choose_threshold(
    probabilities: Float64, candidates: Bools, groups: Sequence[str], target: float
) -> float:
    """The lowest threshold whose answers are likely to reach the target precision.

    Mistakes cluster by artist, and the threshold is chosen on the same tracks that it is judged
    on.  So two figures have to reach the target: the share of tracks that are right, and the mean
    of the artists' shares minus ``CAUTION`` standard errors of that mean.  In the second, every
    artist counts once, however many tracks it has.  If all answers are right, the standard error
    is 0, so a few artists may be enough.  ``probabilities`` are those of the roots.
    """
    confidence = probabilities.max(axis=1)
    right = is_right(probabilities, candidates).astype(np.float64)
    members = numbered(groups)
    reached = UNREACHED_THRESHOLD
    below = np.minimum(confidence, HIGHEST_THRESHOLD)
    for threshold in np.unique(np.floor(below * 1000) / 1000)[::-1]:  # never rounded up
        accepted = confidence >= threshold
        if accepted.sum() < FEWEST_ANSWERS:
            continue
        of_groups = group_means(right[accepted], members[accepted])
        margin = CAUTION * of_groups.std() / np.sqrt(max(1, len(of_groups) - 1))
        if min(right[accepted].mean(), of_groups.mean() - margin) >= target:
            reached = float(threshold)
    return reached


def group_means(values: Float64, members: Ints) -> Float64:
    """The mean of each group that has values, in the order of the groups' numbers."""
    counts = np.bincount(members)
    means: Float64 = np.bincount(members, values)[counts > 0] / counts[counts > 0]
    return means
