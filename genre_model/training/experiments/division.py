"""Divide labelled tracks, or their slices, into training, validation and test.

The music is cut into tenths, and each seed tests on other tenths, so that a full turn of seeds
tests every song once.  By default one tenth is for validation, which decides on the best epoch, and
two are for the test.  The paper has two for validation and one for the test, split by slice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Ints
from genre_model.core.errors import GenreModelError
from genre_model.data.folds import MIN_GROUPS, SplitBy, split_tracks
from genre_model.training.scratch.slice_store import StoredTrack

N_TENTHS = 10

# The split that puts music aside is the same for all seeds.
UNTOUCHED_SEED, N_UNTOUCHED_FOLDS = 20_190_000, 6


@dataclass(frozen=True, slots=True)
class Shares:
    """How many tenths are for validation and for the test; the others are trained on.

    With ``untouched``, a sixth of the music is put aside first, the same for all seeds.
    """

    validation: int = 1
    test: int = 2
    untouched: bool = False

    @property
    def seeds_of_a_turn(self) -> int:
        """How many seeds it takes to test every song once."""
        return N_TENTHS // self.test


HERE = Shares()
AS_IN_THE_PAPER = Shares(validation=2, test=1)
FOR_SWEEPS = Shares(untouched=True)


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """The tracks for each purpose, with all or some of their slices."""

    training: list[StoredTrack]
    validation: list[StoredTrack]
    test: list[StoredTrack]
    untouched: list[StoredTrack] = field(default_factory=list)


def divide(
    tracks: Sequence[StoredTrack], split_by: SplitBy, seed: int, shares: Shares = HERE
) -> Division:
    """Divide tracks, or their slices, by ``split_by``; the seed decides which tenths are the test.

    Raises:
        GenreModelError: As :func:`folds_of`.
    """
    aside: list[StoredTrack] = []
    if shares.untouched:
        folds = folds_of(tracks, split_by, UNTOUCHED_SEED, N_UNTOUCHED_FOLDS)
        aside = chosen(tracks, folds, is_aside)
        tracks = chosen(tracks, folds, lambda fold: ~is_aside(fold))
    turn, place = divmod(seed, shares.seeds_of_a_turn)
    tenths = folds_of(tracks, split_by, turn, N_TENTHS)
    shifted = [(tenth - place * shares.test) % N_TENTHS for tenth in tenths]

    def for_purpose(purpose: str) -> list[StoredTrack]:
        return chosen(tracks, shifted, lambda tenth: purposes(tenth, shares) == purpose)

    return Division(for_purpose("training"), for_purpose("validation"), for_purpose("test"), aside)


def is_aside(fold: Ints) -> Bools:
    """Which slices are put aside; ``fold`` is the sixth of each slice."""
    aside: Bools = fold == 0
    return aside


def purposes(tenth: Ints, shares: Shares) -> NDArray[np.str_]:
    """The purpose of each tenth: "training", "validation" or "test"."""
    held_out = shares.test + shares.validation
    return np.where(
        tenth < shares.test, "test", np.where(tenth < held_out, "validation", "training")
    )


def folds_of(
    tracks: Sequence[StoredTrack], split_by: SplitBy, seed: int, n_folds: int
) -> list[Ints]:
    """The fold of each slice of each track.

    Raises:
        GenreModelError: There are fewer than two tracks.
    """
    if len(tracks) < MIN_GROUPS:
        raise GenreModelError("fewer than two songs can be used")
    sizes = [len(track.indices) for track in tracks]
    if split_by == "slice":
        return folds_of_slices(sizes, seed, n_folds)
    split = split_tracks([track.track for track in tracks], seed, n_folds, group_by=split_by)
    return [np.full(n, fold) for n, fold in zip(sizes, split.fold, strict=True)]


def folds_of_slices(sizes: Sequence[int], seed: int, n_folds: int) -> list[Ints]:
    """Folds of shuffled slices, as in Despois' code and the paper: songs are in several folds."""
    order = np.random.default_rng(seed).permutation(sum(sizes))
    return np.split(order * n_folds // len(order), np.cumsum(sizes)[:-1])


def chosen(
    tracks: Sequence[StoredTrack], folds: Sequence[Ints], is_wanted: Callable[[Ints], Bools]
) -> list[StoredTrack]:
    """The tracks with their slices in the wanted folds; tracks without such slices are left out."""
    some = [
        replace(track, indices=track.indices[is_wanted(fold)])
        for track, fold in zip(tracks, folds, strict=True)
    ]
    return [track for track in some if len(track.indices)]


def share_of(tracks: Sequence[StoredTrack], share: float, seed: int) -> list[StoredTrack]:
    """A random share of the tracks of each genre, at least one."""
    rng = np.random.default_rng([seed, 1])
    kept: list[int] = []
    for label in sorted({track.track.label for track in tracks}):
        members = [index for index, track in enumerate(tracks) if track.track.label == label]
        n_kept = max(1, round(share * len(members)))
        kept += rng.permutation(members)[:n_kept].tolist()
    return [tracks[index] for index in sorted(kept)]


def shuffled(division: Division, seed: int) -> Division:
    """The same songs, with the slices of each song in random order."""
    rng = np.random.default_rng([seed, 2])
    mixed = [
        [replace(track, indices=rng.permutation(track.indices)) for track in part]
        for part in (division.training, division.validation, division.test, division.untouched)
    ]
    return Division(*mixed)
