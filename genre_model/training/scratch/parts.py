"""Divide tracks, or their slices, into parts for testing, validation and training."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Ints
from genre_model.core.errors import GenreModelError
from genre_model.data.folds import N_FOLDS, Split, split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.model.song_features import SongFeatures
from genre_model.training.job import TrainingJob
from genre_model.training.scratch.slice_store import StoredTrack

TEST_FOLD, VALIDATION_FOLD = 0, 1

BY_SLICE = "split by slice, as asked: slices of a song are on all sides, which flatters the model"


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The folds of tracks; with a ``slice_seed``, every track has slices in all of them."""

    split: Split
    slice_seed: int | None = None

    @property
    def reason(self) -> str:
        """Why the tracks are divided in this way."""
        return self.split.reason if self.slice_seed is None else BY_SLICE

    def tracks(self, tracks: Sequence[LabelledTrack], fold: int) -> list[LabelledTrack]:
        """The tracks that have slices in a fold."""
        if self.slice_seed is not None:
            return list(tracks)
        return [track for track, f in zip(tracks, self.split.fold, strict=True) if f == fold]

    def not_in_test(
        self, tracks: Sequence[LabelledTrack]
    ) -> tuple[list[LabelledTrack], list[bool]]:
        """The tracks that are used before the test, and whether each is for the validation only."""
        if self.slice_seed is not None:
            return list(tracks), [False] * len(tracks)
        pairs = [
            (track, bool(fold == VALIDATION_FOLD))
            for track, fold in zip(tracks, self.split.fold, strict=True)
            if fold != TEST_FOLD
        ]
        return [track for track, _ in pairs], [held_out for _, held_out in pairs]

    def learners(self, stored: Sequence[StoredTrack]) -> list[StoredTrack]:
        """The stored tracks with only their training and validation slices."""
        if self.slice_seed is None:
            return list(stored)
        found: list[StoredTrack] = []
        for track in stored:
            fold = slice_folds(track.track.path, len(track.indices), self.slice_seed)
            training = fold > max(TEST_FOLD, VALIDATION_FOLD)
            for wanted, held_out in ((training, False), (fold == VALIDATION_FOLD, True)):
                if wanted.any():
                    indices = track.indices[wanted]
                    found.append(replace(track, indices=indices, validation=held_out))
        return found

    def features(self, path: Path, features: SongFeatures, fold: int) -> SongFeatures:
        """The features of a track's slices in a fold."""
        if self.slice_seed is None:
            return features
        starts, slice_of = np.unique(features.starts_s, return_inverse=True)
        wanted = slice_folds(path, len(starts), self.slice_seed)[slice_of] == fold
        return replace(
            features,
            features=features.features[wanted],
            starts_s=features.starts_s[wanted],
            tags=features.tags[wanted],
        )


def three_parts(job: TrainingJob) -> Parts:
    """The folds: one tests, one validates, the others are trained on.

    Raises:
        GenreModelError: There are too few artists, or tracks, for three parts.
    """
    options = job.options
    if options.split_by == "slice":
        return Parts(split_tracks(job.tracks, options.seed, group_by="song"), options.seed)
    split = split_tracks(job.tracks, options.seed, group_by=options.split_by)
    if split.n_folds <= VALIDATION_FOLD + 1:
        raise GenreModelError(f"too few tracks to train, validate and test ({split.reason})")
    return Parts(split)


def slice_folds(path: Path, n_slices: int, seed: int) -> Ints:
    """(n_slices,) fold of each slice of a song; always the same for the same file and seed."""
    rng = np.random.default_rng([seed, zlib.crc32(os.fsencode(path.absolute()))])
    folds: Ints = (rng.permutation(n_slices) + rng.integers(N_FOLDS)) % N_FOLDS
    return folds
