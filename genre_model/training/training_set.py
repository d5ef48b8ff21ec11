"""Labelled tracks with their features, the settings of a training, and its out-of-fold outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.core.specs import AggregationRule, AggregationSpec, ContextSpec
from genre_model.data.folds import Split, SplitBy
from genre_model.data.tracks import LabelledTrack
from genre_model.model.classifier import SongFeatures
from genre_model.model.head import Head, StartingModel
from genre_model.model.music_detector import MusicDetector
from genre_model.model.play_history import PlayHistorySpec

# How many tracks the starting model weighs against the labels, descending; folds choose.  With the
# first it stays as it is.
STRENGTHS = (math.inf, 10_000.0, 3_000.0, 1_000.0, 300.0, 100.0, 30.0, 10.0)


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Settings of the default training; the defaults are measured in docs/training.md.

    ``split_by`` is what may not be on two sides of a test; chosen by the tracks where None.
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

    ``means`` (n_tracks, n_features) over each track's slices; ``candidates`` (n_tracks, n_genres).
    ``music_shares`` (n_tracks,) is what the ``music_detector`` multiplies their probabilities
    with; 1 where there is none.  ``start`` is the model that the training starts from, and
    ``start_logits`` (n_tracks, n_genres) what it says of the means.  ``now_s`` is the time of the
    training, for ages in the play history.  Where they are ``closed``, there is nothing but
    ``genres``.
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

    @property
    def truth(self) -> Ints:
        """(n_tracks,) index of the first class of each track."""
        index = {genre: i for i, genre in enumerate(self.genres)}
        return np.array([index[track.label] for track in self.tracks], np.intp)

    @property
    def play_history(self) -> Float64:
        """(n_tracks, 3) of each track's play history."""
        return np.array([track.play_history.features(self.now_s) for track in self.tracks])

    def part(self, tracks: Ints) -> TrainingSet:
        """The same for some of the tracks."""
        return replace(
            self,
            tracks=[self.tracks[index] for index in tracks],
            extracted=[self.extracted[index] for index in tracks],
            means=self.means[tracks],
            candidates=self.candidates[tracks],
            music_shares=self.music_shares[tracks],
            start_logits=self.start_logits[tracks],
        )


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidated:
    """Out-of-fold probabilities of songs, (n_tracks, n_genres), and which would be answers.

    ``without_play_history`` are the probabilities before the play history, where that is a feature.
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
    """Put tracks and their features together; tracks without sound, or numbers, are left out.

    ``genres`` are those of the tracks where None.  ``now_s`` as in :class:`TrainingSet`.
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


def knowing_nothing(n_features: int, n_genres: int) -> StartingModel:
    """A starting model to which all music is something else, and any genre as likely as another."""
    head = Head(np.zeros((n_features, 0), np.float32), np.zeros(0, np.float32))
    return StartingModel(head, 0.0, np.full((1, n_genres), 1 / (n_genres + 1), np.float32))


def with_start(
    training_set: TrainingSet, genres: tuple[str, ...], start: StartingModel, *, closed: bool
) -> TrainingSet:
    """The same with a model to start from, and with its genres among those that may be answered.

    ``genres`` begin with those of the training set.
    """
    n_more = len(genres) - len(training_set.genres)
    return replace(
        training_set,
        genres=genres,
        candidates=np.pad(training_set.candidates, ((0, 0), (0, n_more))),
        start=start,
        start_logits=start.logits(training_set.means.astype(np.float32)).astype(np.float64),
        closed=closed,
    )


def with_music_detector(training_set: TrainingSet, detector: MusicDetector | None) -> TrainingSet:
    """The same with what tells music from other sound, if anything does."""
    shares = [
        1.0 if detector is None else detector.share(s.features) for s in training_set.extracted
    ]
    return replace(training_set, music_detector=detector, music_shares=np.array(shares))


def accuracy_of_slices(slice_logits: Sequence[NDArray[np.floating]], candidates: Bools) -> float:
    """How many of all slices are led by a genre that the track's label leaves open."""
    right = [
        genres[logits.argmax(axis=1)]
        for logits, genres in zip(slice_logits, candidates, strict=True)
    ]
    return float(np.concatenate(right).mean())


def is_right(probabilities: Float64, candidates: Bools) -> Bools:
    """Whether the leading genre is one that the label leaves open."""
    right: Bools = candidates[np.arange(len(candidates)), probabilities.argmax(axis=1)]
    return right
