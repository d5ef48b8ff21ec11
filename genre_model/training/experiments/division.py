"""Divide labelled tracks, or their slices, into training, validation and test.

Seven tenths of the songs, artists, albums or slices are trained on, one tenth decides which epoch
is best, two tenths are the test.  The paper has 70/20/10, by slices; a larger test has a narrower
interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genre_model.data.folds import split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.training.scratch.slice_store import (
    StoredTrack,
)

SplitBy = Literal["slice", "song", "album", "artist"]


Ints = NDArray[np.intp]


N_PARTS = 10
TEST, VALIDATION = (0, 1), (2,)


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Tracks, or some of the slices of tracks, for each purpose."""

    training: list[StoredTrack]
    validation: list[StoredTrack]
    test: list[StoredTrack]


def relabelled(tracks: Sequence[LabelledTrack], liked: str | None) -> list[LabelledTrack]:
    """The tracks by their first label; or as somebody who likes one genre alone has them."""
    if liked is None:
        return [replace(track, labels=track.labels[:1]) for track in tracks]
    names = {True: "like", False: "dislike"}
    return [replace(track, labels=(names[track.label == liked],)) for track in tracks]


def divide(tracks: Sequence[StoredTrack], split_by: SplitBy, seed: int) -> Division:
    """Tenths of the slices, or of the tracks by what may not be on two sides."""
    if split_by == "slice":
        return divide_slices(tracks, seed)
    split = split_tracks([track.track for track in tracks], seed, N_PARTS, group_by=split_by)
    parts = purposes(split.fold)
    return Division(
        *([t for t, part in zip(tracks, parts.tolist(), strict=True) if part == p] for p in PARTS)
    )


PARTS = ("training", "validation", "test")


def purposes(tenth: Ints) -> NDArray[np.str_]:
    """What each tenth is for."""
    return np.where(
        np.isin(tenth, TEST), "test", np.where(np.isin(tenth, VALIDATION), "validation", "training")
    )


def divide_slices(tracks: Sequence[StoredTrack], seed: int) -> Division:
    """As Despois' code does, and then the paper: all slices shuffled, songs on every side."""
    sizes = [len(track.indices) for track in tracks]
    order = np.random.default_rng(seed).permutation(sum(sizes))
    parts = np.split(purposes(order * N_PARTS // len(order)), np.cumsum(sizes)[:-1])

    def some(purpose: str) -> list[StoredTrack]:
        chosen = [
            replace(track, indices=track.indices[part == purpose])
            for track, part in zip(tracks, parts, strict=True)
        ]
        return [track for track in chosen if len(track.indices)]

    return Division(*(some(part) for part in PARTS))


def share_of(tracks: Sequence[StoredTrack], share: float, seed: int) -> list[StoredTrack]:
    """A share of the tracks of each genre, drawn by lot; at least one."""
    rng = np.random.default_rng([seed, 1])
    kept: list[int] = []
    for label in sorted({track.track.label for track in tracks}):
        members = [index for index, track in enumerate(tracks) if track.track.label == label]
        n_kept = max(1, round(share * len(members)))
        kept += rng.permutation(members)[:n_kept].tolist()
    return [tracks[index] for index in sorted(kept)]


def shuffled(division: Division, seed: int) -> Division:
    """The same songs, the slices of each in an order of its own."""
    rng = np.random.default_rng([seed, 2])
    mixed = [
        [replace(track, indices=rng.permutation(track.indices)) for track in part]
        for part in (division.training, division.validation, division.test)
    ]
    return Division(*mixed)
