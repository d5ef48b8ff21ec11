"""Labelled tracks with their features, the settings of a training, and its out-of-fold outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.core.specs import AggregationRule, AggregationSpec, ContextSpec
from genre_model.data.folds import Split, SplitBy, group_of
from genre_model.data.genre_tree import with_ancestors
from genre_model.data.tracks import LabelledTrack
from genre_model.model.head import Head, StartingModel
from genre_model.model.music_detector import MusicDetector
from genre_model.model.play_history import PlayHistorySpec
from genre_model.model.song_features import SongFeatures

# How many tracks the starting model may count for against the labels, descending; the folds choose.
# With the first value, the starting model is not corrected.
STRENGTHS = (math.inf, 10_000.0, 3_000.0, 1_000.0, 300.0, 100.0, 30.0, 10.0)


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Settings of the default training; the defaults are measured in docs/training.md.

    ``split_by`` is what is never on both sides of a split; None chooses it from the tracks.
    """

    strengths: tuple[float, ...] = STRENGTHS
    target_precision: float = 0.9
    seed: int = 0
    context: bool = True
    rule: AggregationRule = "product"
    select: float | None = None
    play_history: bool = False
    split_by: SplitBy | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Labelled tracks and their features.

    ``means`` (n_tracks, n_features) are the mean features of each track's slices.  ``candidates``
    (n_tracks, n_genres) are the genres that each track's labels allow.  ``music_shares``
    (n_tracks,) are the factors that the ``music_detector`` multiplies the probabilities by; 1
    without a detector.  ``start`` is the model that the training starts from, and ``start_logits``
    (n_tracks, n_genres) are its logits for the means.  ``now_s`` is the time of the training, for
    ages in the play history.  ``closed``: all music is of one of the ``genres``, so there is no
    "something else".  ``parents`` (child -> parent) is the tree of those ``genres`` that no track
    is labelled with.
    """

    tracks: Sequence[LabelledTrack]
    genres: tuple[str, ...]
    extracted: Sequence[SongFeatures]
    means: Float64
    candidates: Bools
    music_shares: Float64
    start: StartingModel
    start_logits: Float64
    now_s: float = 0.0
    closed: bool = True
    music_detector: MusicDetector | None = None
    parents: Mapping[str, str] = field(default_factory=dict)

    @property
    def truth(self) -> Ints:
        """(n_tracks,) index of the first class of each track."""
        index = {genre: i for i, genre in enumerate(self.genres)}
        return np.array([index[track.label] for track in self.tracks], np.intp)

    @property
    def play_history(self) -> Float64:
        """(n_tracks, 3) features of each track's play history."""
        return np.array([track.play_history.features(self.now_s) for track in self.tracks])

    @property
    def roots(self) -> Bools:
        """(n_genres, n_genres), whether the second genre is the root of the first."""
        return roots_among(self.genres, self.parents)

    def by_root(self, probabilities: Float64) -> Float64:
        """Probabilities (n, n_genres) with those of subgenres given to their roots.

        An answer is given if its root is likely enough, so confidences are those of the roots.
        """
        return probabilities @ self.roots if self.parents else probabilities

    def part(self, tracks: Ints) -> TrainingSet:
        """The training set of some of the tracks."""
        return replace(
            self,
            tracks=[self.tracks[index] for index in tracks],
            extracted=[self.extracted[index] for index in tracks],
            means=self.means[tracks],
            candidates=self.candidates[tracks],
            music_shares=self.music_shares[tracks],
            start_logits=self.start_logits[tracks],
        )


def independent_groups(training_set: TrainingSet, split: Split) -> Sequence[str]:
    """The artist of each track, or its fold group if all tracks are by one artist.

    The tracks are a sample of whole artists, however the folds are cut: intervals and standard
    errors are over artists.
    """
    artists = [group_of(track, "artist") for track in training_set.tracks]
    return artists if len(set(artists)) > 1 else split.groups


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidated:
    """Out-of-fold probabilities of songs, (n_tracks, n_genres), and which songs get an answer.

    ``without_play_history`` are the probabilities before the play history, if that is a feature.
    """

    split: Split
    probabilities: Float64
    accepted: Bools
    slice_accuracy: float
    aggregation: AggregationSpec
    context: ContextSpec | None
    strength: float | None = None
    play_history: PlayHistorySpec | None = None
    without_play_history: Float64 | None = None

    @property
    def threshold(self) -> float:
        """The confidence from which an answer is given."""
        return (self.play_history or self.context or self.aggregation).threshold


def make_training_set(
    tracks: Sequence[LabelledTrack],
    extracted: Sequence[SongFeatures],
    genres: tuple[str, ...] | None = None,
    now_s: float = 0.0,
) -> TrainingSet:
    """The training set of tracks and their features, without tracks that have no finite features.

    ``genres`` are those of the tracks if None.  ``now_s`` is as in :class:`TrainingSet`.
    """
    pairs = [
        (track, song)
        for track, song in zip(tracks, extracted, strict=True)
        if len(song.features) and np.isfinite(song.features).all()
    ]
    kept = [track for track, _ in pairs]
    if genres is None:
        genres = tuple(sorted({label for track in kept for label in track.labels}))
    songs = [song for _, song in pairs]
    means = np.array([song.features.mean(axis=0) for song in songs], dtype=np.float64)
    candidates = np.array([[genre in track.labels for genre in genres] for track in kept])
    start = knowing_nothing(means.shape[-1], len(genres))
    said, shares = np.zeros(candidates.shape), np.ones(len(kept))
    return TrainingSet(kept, genres, songs, means, candidates, shares, start, said, now_s)


def roots_among(genres: Sequence[str], parents: Mapping[str, str]) -> Bools:
    """(n_genres, n_genres), whether the second genre is the root of the first.

    ``parents`` (child -> parent) names only some of the ``genres``.
    """
    index = {genre: i for i, genre in enumerate(genres)}
    roots = [index[with_ancestors(genre, parents)[-1]] for genre in genres]
    of_root: Bools = np.arange(len(genres)) == np.array(roots)[:, None]
    return of_root


def knowing_nothing(n_features: int, n_genres: int) -> StartingModel:
    """A starting model without genres of its own, to which all the user's are equally likely."""
    head = Head(np.zeros((n_features, 0), np.float32), np.zeros(0, np.float32))
    return StartingModel(head, 0.0, np.full((1, n_genres), 1 / (n_genres + 1), np.float32))


def with_start(
    training_set: TrainingSet,
    genres: tuple[str, ...],
    start: StartingModel,
    parents: Mapping[str, str],
    *,
    closed: bool,
) -> TrainingSet:
    """The training set with a model to start from, whose genres may then be answered, too.

    ``genres`` begin with those of the training set; ``parents`` is the tree of the others.
    """
    n_more = len(genres) - len(training_set.genres)
    return replace(
        training_set,
        genres=genres,
        candidates=np.pad(training_set.candidates, ((0, 0), (0, n_more))),
        start=start,
        start_logits=start.logits(training_set.means.astype(np.float32)).astype(np.float64),
        closed=closed,
        parents=parents,
    )


def with_music_detector(training_set: TrainingSet, detector: MusicDetector | None) -> TrainingSet:
    """The training set with a music detector, or with none."""
    shares = [
        1.0 if detector is None else detector.share(s.features) for s in training_set.extracted
    ]
    return replace(training_set, music_detector=detector, music_shares=np.array(shares))


def accuracy_of_slices(
    scores: Iterable[NDArray[np.floating]], candidates: Iterable[Bools]
) -> float:
    """The share of slices whose leading genre is one of the track's candidates.

    ``scores``: for each track, logits or probabilities (n_slices, n_genres).
    """
    right = [
        genres[slices.argmax(axis=1)] for slices, genres in zip(scores, candidates, strict=True)
    ]
    return float(np.concatenate(right).mean())


def is_right(probabilities: Float64, candidates: Bools) -> Bools:
    """(n_tracks,): whether the leading genre is one of the track's candidates."""
    right: Bools = candidates[np.arange(len(candidates)), probabilities.argmax(axis=1)]
    return right
