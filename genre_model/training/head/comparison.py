"""Compare the new model with the shipped one and the one in use, on the same tracks.

If a model was trained on some of these tracks, they are judged by the out-of-fold probabilities in
its bundle.  Other tracks of the artists that it was trained on are left out for all models: it
would know these artists, and the new model does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genre_model.core.arrays import Bools, Float64
from genre_model.data.folds import group_of
from genre_model.evaluation.in_use import probabilities_in_use
from genre_model.evaluation.metrics import Interval, one_hot, ratio_interval, share_interval
from genre_model.evaluation.out_of_fold import read_out_of_fold
from genre_model.evaluation.report import ModelFigures
from genre_model.model.aggregation import song_probabilities
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import Bundle
from genre_model.model.vocabulary import Policy, Vocabulary, judge, make_vocabulary
from genre_model.training.head.correspondence import correspond, key
from genre_model.training.training_set import (
    CrossValidated,
    TrainingSet,
    independent_groups,
    is_right,
    roots_among,
)


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """Another model's predictions for the tracks.

    ``probabilities`` (n_tracks, n_genres or more): of the user's genres, then of those that only
    the other model has.
    ``fair`` (n_tracks,): whether the model has learned nothing from the track's artist, or the
    probabilities are out of fold.
    ``accepted`` (n_tracks,): whether the model would write a genre, given its ``threshold``.
    ``in_names`` (n_tracks,): whether its best genre has the name of one of the track's labels.  The
    model may say Rock where the user says Pop-Rock, or Ambient where the user says Electronic.
    """

    name: str
    probabilities: Float64
    fair: Bools
    threshold: float
    accepted: Bools
    in_names: Bools


def extracts_alike(bundle: Bundle, other: Bundle) -> bool:
    """Whether two bundles extract the same features of a song.

    Of the sampling rules, only the presence is compared: their settings change the features too
    little to count.
    """
    one, two = bundle.manifest, other.manifest
    same = (one.spectrogram, one.slices, one.network, one.sampling is None) == (
        two.spectrogram,
        two.slices,
        two.network,
        two.sampling is None,
    )
    return same and one.files.get(one.network.file) == two.files.get(two.network.file)


def rival_of(
    name: str, bundle: Bundle, training_set: TrainingSet, tree: Mapping[str, str]
) -> Rival:
    """The predictions of a model on the same network, with everything that it uses in practice."""
    manifest = bundle.manifest
    vocabulary = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, None)
    own, fair = with_out_of_fold(
        answers_in_use(bundle, training_set, vocabulary), bundle, training_set
    )
    policy = Policy(manifest.threshold)
    songs = [
        judge(dict(zip(manifest.genres, row, strict=True)), vocabulary, policy)
        for row in own.tolist()
    ]
    return Rival(
        name,
        in_genres_of(training_set, own, manifest, tree),
        fair,
        manifest.threshold,
        np.array([song.accepted for song in songs]),
        named_like_labels([song.best.genre if song.best else "" for song in songs], training_set),
    )


def answers_in_use(bundle: Bundle, training_set: TrainingSet, vocabulary: Vocabulary) -> Float64:
    """Probabilities (n_tracks, n_own_genres) of a model's own genres, as it is used in practice.

    They include its music detector, artist context and play history, if it has them.
    """
    manifest, head, detector = bundle.manifest, bundle.head(), bundle.music_detector()
    alone = np.array(
        [
            song_probabilities(extracted.features, head, manifest.aggregation)
            * (detector.share(extracted.features) if detector else 1)
            for extracted in training_set.extracted
        ]
    )
    return probabilities_in_use(alone, training_set.tracks, manifest, vocabulary)


def in_genres_of(
    training_set: TrainingSet, own: Float64, manifest: Manifest, tree: Mapping[str, str]
) -> Float64:
    """Convert a model's own probabilities to the user's genres.

    Returns:
        (n_tracks, n_genres or more): the user's genres, then those that only the model has, whose
        subgenres are given to their roots.
    """
    labelled = [g for g, n in zip(training_set.genres, n_tracks_of(training_set), strict=True) if n]
    found = correspond(labelled, manifest.genres, manifest.parents, tree, others=True)
    by_root = own @ found.answers.astype(np.float64) @ roots_among(found.genres, found.parents)
    ours = np.zeros((len(own), len(training_set.genres)))
    more = []
    for genre, values in zip(found.genres, by_root.T, strict=True):
        if genre in training_set.genres:
            ours[:, training_set.genres.index(genre)] = values
        else:
            more.append(values)
    return np.column_stack([ours, *more])


def named_like_labels(answers: Sequence[str], training_set: TrainingSet) -> Bools:
    """(n_tracks,): whether an answer has the name of one of the track's labels."""
    keys = {name: key(name) for name in {*answers, *training_set.genres}}
    names = np.array([keys[name] for name in training_set.genres])
    same = np.array([keys[answer] for answer in answers])[:, None] == names
    found: Bools = np.any(same & training_set.candidates, axis=1)
    return found


def n_tracks_of(training_set: TrainingSet) -> list[int]:
    """How many tracks each genre has."""
    counts: list[int] = training_set.candidates.sum(axis=0).tolist()
    return counts


def with_out_of_fold(
    own: Float64, bundle: Bundle, training_set: TrainingSet
) -> tuple[Float64, Bools]:
    """A model's probabilities, out of fold for the tracks that it was trained on.

    And (n_tracks,), whether they are fair: out of fold, or the model knows no track of the artist.
    """
    kept = read_out_of_fold(bundle)
    fair = np.ones(len(own), np.bool_)
    if kept is None:
        return own, fair
    rows: Float64 = own.copy()
    artists = np.array([group_of(track, "artist") for track in training_set.tracks])
    found = [
        None if extracted.fingerprint is None else kept.find_audio(extracted.fingerprint)
        for extracted in training_set.extracted
    ]
    learned = {artist for artist, known in zip(artists, found, strict=True) if known is not None}
    for index, known in enumerate(found):
        if known:
            rows[index] = [known[genre] for genre in kept.genres]
        else:
            fair[index] = artists[index] not in learned
    return rows, fair


def compare(
    training_set: TrainingSet, cross_validated: CrossValidated, rivals: Sequence[Rival]
) -> tuple[ModelFigures, ...]:
    """The figures of the new model, then those of the others, on the tracks fair for them all."""
    fair = np.flatnonzero(np.logical_and.reduce([rival.fair for rival in rivals]))
    part = training_set.part(fair)
    groups = np.array(independent_groups(training_set, cross_validated.split))[fair].tolist()
    columns = one_hot([track.label for track in part.tracks])
    by_root = training_set.by_root(cross_validated.probabilities[fair])
    mine = right_by(by_root, part.candidates)

    def shares(right: Float64) -> tuple[Interval, Interval]:
        """The mean over all songs, and the mean over the genres, with intervals."""
        return (
            ratio_interval(right, np.ones(len(right)), groups),
            ratio_interval(right[:, None] * columns, columns, groups),
        )

    def figures(name: str, right: Bools, accepted: Bools, threshold: float) -> ModelFigures:
        return ModelFigures(
            name,
            len(fair),
            *shares(right.astype(np.float64)),
            threshold,
            float(accepted.mean()),
            share_interval(right, accepted, groups),
        )

    def of_rival(rival: Rival) -> ModelFigures:
        right = right_by(rival.probabilities[fair], part.candidates)
        gain, balanced_gain = shares(mine.astype(np.float64) - right)
        in_names, balanced_in_names = shares(mine.astype(np.float64) - rival.in_names[fair])
        return replace(
            figures(rival.name, right, rival.accepted[fair], rival.threshold),
            gain=gain,
            balanced_gain=balanced_gain,
            gain_in_names=in_names,
            balanced_gain_in_names=balanced_in_names,
        )

    new = figures("new", mine, cross_validated.accepted[fair], cross_validated.threshold)
    return (new, *map(of_rival, rivals))


def right_by(probabilities: Float64, candidates: Bools) -> Bools:
    """Whether the top genre is a candidate; ``probabilities`` may have more columns."""
    n_more = probabilities.shape[1] - candidates.shape[1]
    return is_right(probabilities, np.pad(candidates, ((0, 0), (0, n_more))))
