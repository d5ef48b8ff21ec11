"""The default training: a head on the embeddings of a bundle's network, and an honest report.

Every figure is out of fold: folds are by artist, and whatever is fitted or chosen (head,
sharpness, context, threshold) has not heard the artists that it is measured on, or is chosen
anew without them.  The head that is written is fitted on everything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.aggregate import aggregate, calibrated
from genre_model.classifier import Heard
from genre_model.context import in_context
from genre_model.dataset import LabelledTrack
from genre_model.head import Head, fit_discriminant, fit_head, fit_least_squares, mixture
from genre_model.listening import ListeningSpec, fit_listening, with_listening
from genre_model.selection import SELECTION_FOLDS, ease_of, easiest
from genre_model.specs import (
    UNREACHED_THRESHOLD,
    AggregationRule,
    AggregationSpec,
    ContextSpec,
)
from genre_model.split import Split, context_group, split_tracks

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]
# (n_tracks, n_genres) probabilities of songs, aggregated as a spec says.
Songs = Callable[[AggregationSpec], Float64]

SHARPNESSES = np.geomspace(0.5, 4.0, 25)
CONTEXT_WEIGHTS = (0.0, 0.25, 0.5, 0.75)
# A context must earn its place: so much log-likelihood a track.
CONTEXT_GAIN = 0.005
MIN_ACCEPTED = 10  # of fewer answers no share is worth naming
CAUTION = 1.64  # nineteen to one that other artists do as well
# The three linear classifiers that are averaged, beside the one-vs-rest one: docs/training.md.
SHRINKAGE, DISCRIMINANT_SCALE = 0.5, 0.3
RIDGE, LEAST_SQUARES_SCALE = 1.0, 8.0
ABSENT = -20.0  # the logit of a genre that a fold has not heard


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Settings of the default training; the defaults are measured in docs/training.md."""

    ridge: float = 0.3
    balance: float = 0.75
    target_precision: float = 0.9
    seed: int = 0
    context: bool = True
    rule: AggregationRule = "product"
    select: float | None = None
    listening: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Labelled tracks and what was heard of them.

    ``means`` (n_tracks, n_features) over each track's slices; ``allowed`` (n_tracks, n_genres).
    ``now_s`` is the time of the training, which what a listener did is seen from.
    """

    tracks: Sequence[LabelledTrack]
    genres: tuple[str, ...]
    heard: Sequence[Heard]
    means: Float64
    allowed: Bools
    now_s: float = 0.0

    @property
    def truth(self) -> Indices:
        """(n_tracks,) index of the first class of each track."""
        return np.array([self.genres.index(track.label) for track in self.tracks])

    @property
    def listening(self) -> Float64:
        """(n_tracks, 3) of what a listener did with each track."""
        return np.array([track.listening.features(self.now_s) for track in self.tracks])

    def part(self, tracks: Indices) -> Material:
        """The same for some of the tracks."""
        return replace(
            self,
            tracks=[self.tracks[index] for index in tracks],
            heard=[self.heard[index] for index in tracks],
            means=self.means[tracks],
            allowed=self.allowed[tracks],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Out-of-fold probabilities of songs, (n_tracks, n_genres), and which would be answers.

    Where it counts what a listener did, ``without_listening`` are the probabilities before that.
    """

    split: Split
    probabilities: Float64
    accepted: Bools
    slice_accuracy: float
    aggregation: AggregationSpec
    context: ContextSpec | None
    listening: ListeningSpec | None = None
    without_listening: Float64 | None = None

    @property
    def threshold(self) -> float:
        """The confidence from which an answer is given."""
        return (self.listening or self.context or self.aggregation).threshold


def make_material(
    tracks: Sequence[LabelledTrack],
    heard: Sequence[Heard],
    genres: tuple[str, ...] | None = None,
    now_s: float = 0.0,
) -> Material:
    """Put tracks and what was heard of them together; tracks without sound are left out.

    ``genres`` are those of the tracks where None.  ``now_s`` as in :class:`Material`.
    """
    pairs = [(t, h) for t, h in zip(tracks, heard, strict=True) if len(h.features)]
    kept = [track for track, _ in pairs]
    if genres is None:
        genres = tuple(sorted({label for track in kept for label in track.labels}))
    means = np.array([h.features.mean(axis=0) for _, h in pairs], dtype=np.float64)
    allowed = np.array([[genre in track.labels for genre in genres] for track in kept])
    return Material(kept, genres, [h for _, h in pairs], means, allowed, now_s)


def fit(material: Material, tracks: Indices, options: HeadOptions) -> Head:
    """A head fitted on some of the tracks, or on the easiest of their slices."""
    if options.select is not None:
        material = with_easiest_slices(material, tracks, options)
    return fit_means(
        material.means[tracks], material.allowed[tracks], material.truth[tracks], options
    )


def fit_means(x: Float64, allowed: Bools, truth: Indices, options: HeadOptions) -> Head:
    """A head fitted on songs' means (n, n_features), their open genres and the first of these."""
    counts = Counter(truth.tolist())
    sizes = np.array([counts[label] for label in truth.tolist()], dtype=np.float64)
    targets = allowed / allowed.sum(axis=1, keepdims=True)
    present = targets.sum(axis=0) > 0
    parts = [
        (1.0, fit_head(x, allowed[:, present], sizes**-options.balance, options.ridge)),
        (DISCRIMINANT_SCALE, fit_discriminant(x, targets[:, present], 1 / sizes, SHRINKAGE)),
        (LEAST_SQUARES_SCALE, fit_least_squares(x, targets[:, present], 1 / sizes, RIDGE)),
    ]
    return spread_out(mixture(parts), present)


def with_easiest_slices(material: Material, tracks: Indices, options: HeadOptions) -> Material:
    """The material with the means of the tracks over those of their slices that are easy to tell.

    What says so is a head that was fitted on others of the tracks.  A track without any such slice
    keeps them all.
    """
    inside = material.part(tracks)
    plain = replace(options, select=None)
    split = split_tracks(inside.tracks, options.seed, SELECTION_FOLDS)
    ease: list[Float64] = [np.zeros(0)] * len(tracks)
    for fold in range(split.n_folds):
        head = fit(inside, np.flatnonzero(split.fold != fold), plain)
        for index in np.flatnonzero(split.fold == fold).tolist():
            logits = head.logits(inside.heard[index].features)
            ease[index] = ease_of(logits, inside.allowed[index], len(logits))
    kept = easiest(ease, [track.label for track in inside.tracks], options.select or 1.0)
    means = material.means.copy()
    for place, heard, keep in zip(tracks.tolist(), inside.heard, kept, strict=True):
        if keep.any():
            means[place] = heard.features[keep].mean(axis=0)
    return replace(material, means=means)


def spread_out(head: Head, present: Bools) -> Head:
    """A head for all genres from one for those that were present; the others never lead."""
    weights = np.zeros((head.weights.shape[0], len(present)), np.float32)
    bias = np.full(len(present), ABSENT, np.float32)
    weights[:, present], bias[present] = head.weights, head.bias
    return Head(weights, bias)


def evaluate_out_of_fold(material: Material, options: HeadOptions) -> Evaluated:
    """Song probabilities by heads, and calibrations, that have not heard the song's artist."""
    split = split_tracks(material.tracks, options.seed)
    slice_logits: list[NDArray[np.floating]] = [np.zeros(0)] * len(material.tracks)
    everything = np.arange(len(material.tracks))
    for fold in range(split.n_folds):
        inside = split.fold == fold
        head = fit(material, everything[~inside], options)
        for index in everything[inside].tolist():
            slice_logits[index] = head.logits(material.heard[index].features)
    songs = songs_of(slice_logits)
    with_context = options.context and split.group_by == "artist"
    fellows = [context_group(track) for track in material.tracks] if with_context else split.groups

    def choose(use: Bools) -> Calibration:
        return Calibration.choose(songs, material, fellows, options, use, with_context=with_context)

    probabilities = np.zeros(material.allowed.shape)
    accepted = np.zeros(len(probabilities), dtype=np.bool_)
    for fold in range(split.n_folds):
        inside = split.fold == fold
        others = choose(~inside)
        probabilities[inside] = others.apply(songs, fellows)[inside]
        accepted[inside] = probabilities[inside].max(axis=1) >= others.threshold
    final = choose(np.ones_like(accepted))
    evaluated = Evaluated(
        split,
        probabilities,
        accepted,
        accuracy_of_slices(slice_logits, material.allowed),
        final.alone,
        final.context,
    )
    return listened_to(material, evaluated, fellows, options) if options.listening else evaluated


def listened_to(
    material: Material, evaluated: Evaluated, groups: Sequence[str], options: HeadOptions
) -> Evaluated:
    """The same with what a listener did with the tracks, and other thresholds, still out of fold.

    ``groups`` as for :func:`choose_threshold`.
    """
    before, fold = evaluated.probabilities, evaluated.split.fold
    after = listened_out_of_fold(material, before, fold)
    accepted = np.zeros_like(evaluated.accepted)
    for one in range(evaluated.split.n_folds):
        inside = fold == one
        names = [group for group, used in zip(groups, ~inside, strict=True) if used]
        threshold = choose_threshold(
            after[~inside], material.allowed[~inside], names, options.target_precision
        )
        accepted[inside] = after[inside].max(axis=1) >= threshold
    return replace(
        evaluated,
        probabilities=after,
        accepted=accepted,
        listening=final_listening(material, before, after, groups, options),
        without_listening=before,
    )


def listened_out_of_fold(material: Material, probabilities: Float64, fold: Indices) -> Float64:
    """Probabilities after what a listener did, by additions that do not know the track's fold."""
    features, allowed = material.listening, material.allowed
    after: Float64 = probabilities.copy()
    for inside in (fold == one for one in np.unique(fold)):
        if not inside.all():
            spec = fit_listening(probabilities[~inside], features[~inside], allowed[~inside])
            after[inside] = with_listening(probabilities[inside], features[inside], spec)
    return after


def final_listening(
    material: Material,
    before: Float64,
    after: Float64,
    groups: Sequence[str],
    options: HeadOptions,
) -> ListeningSpec:
    """The addition of all tracks; its threshold is that of the probabilities out of fold."""
    threshold = choose_threshold(after, material.allowed, groups, options.target_precision)
    spec = fit_listening(before, material.listening, material.allowed)
    return replace(spec, now_s=material.now_s, threshold=threshold)


def accuracy_of_slices(slice_logits: Sequence[NDArray[np.floating]], allowed: Bools) -> float:
    """How many of all slices are led by a genre that the track's label leaves open."""
    right = [
        genres[logits.argmax(axis=1)] for logits, genres in zip(slice_logits, allowed, strict=True)
    ]
    return float(np.concatenate(right).mean())


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
        material: Material,
        groups: Sequence[str],
        options: HeadOptions,
        use: Bools,
        *,
        with_context: bool,
    ) -> Calibration:
        """The likeliest sharpness and context over the tracks of ``use``, and their thresholds."""
        allowed = material.allowed[use]
        specs = [AggregationSpec(options.rule, round(float(s), 3)) for s in SHARPNESSES]
        names = [group for group, used in zip(groups, use, strict=True) if used]
        alone = min(specs, key=lambda spec: loss(songs(spec)[use], allowed, names))
        own = songs(alone)[use]
        alone = replace(
            alone, threshold=choose_threshold(own, allowed, names, options.target_precision)
        )
        if not with_context:
            return Calibration(alone, None)
        contexts = [
            ContextSpec(weight, round(float(sharpness), 3), 0.0)
            for weight in CONTEXT_WEIGHTS[1:]
            for sharpness in SHARPNESSES
        ]
        best = min(contexts, key=lambda spec: loss(in_context(own, names, spec), allowed, names))
        mixed = in_context(own, names, best)
        if loss(mixed, allowed, names) > loss(own, allowed, names) - CONTEXT_GAIN:
            return Calibration(alone, None)
        threshold = choose_threshold(mixed, allowed, names, options.target_precision)
        return Calibration(alone, replace(best, threshold=threshold))


def loss(probabilities: Float64, allowed: Bools, groups: Sequence[str]) -> float:
    """Negative log-likelihood of the labels, the mean over artists of the mean over their tracks.

    Artists are labelled one way or the other as a whole: those with many tracks are not to decide
    how sure the model may be.
    """
    members = np.unique(np.array(groups), return_inverse=True)[1]
    of_tracks = -np.log((probabilities * allowed).sum(axis=1) + 1e-9)
    return float(group_means(of_tracks, members).mean())


def choose_threshold(
    probabilities: Float64, allowed: Bools, groups: Sequence[str], target: float
) -> float:
    """The lowest confidence from which on as many answers as the target are likely to be right.

    Mistakes come by the artist, and the threshold is chosen on the very tracks that it is judged
    by.  So the target has to be reached by the tracks, and by the artists, each with one voice
    however many tracks it has, less ``CAUTION`` standard errors of their mean.
    """
    confidence = probabilities.max(axis=1)
    right = is_right(probabilities, allowed).astype(np.float64)
    members = np.unique(np.array(groups), return_inverse=True)[1]
    reached = UNREACHED_THRESHOLD
    for threshold in np.unique(np.floor(confidence * 1000) / 1000)[::-1]:  # never rounded up
        if threshold == UNREACHED_THRESHOLD:
            continue  # it means something else
        accepted = confidence >= threshold
        if accepted.sum() < MIN_ACCEPTED:
            continue
        of_groups = group_means(right[accepted], members[accepted])
        doubt = CAUTION * of_groups.std() / np.sqrt(max(1, len(of_groups) - 1))
        if min(right[accepted].mean(), of_groups.mean() - doubt) >= target:
            reached = float(threshold)
    return reached


def group_means(values: Float64, members: Indices) -> Float64:
    """The mean of each group that has a value, by the groups' numbers."""
    counts = np.bincount(members)
    means: Float64 = np.bincount(members, values)[counts > 0] / counts[counts > 0]
    return means


def is_right(probabilities: Float64, allowed: Bools) -> Bools:
    """Whether the leading genre is one that the label leaves open."""
    right: Bools = allowed[np.arange(len(allowed)), probabilities.argmax(axis=1)]
    return right
