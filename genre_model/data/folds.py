"""Split labelled tracks into folds, by artist if possible; slices are never split up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genre_model.core.arrays import Ints
from genre_model.core.text import first_and_rest
from genre_model.data.artists import is_nobody, lead_artist
from genre_model.data.names import folded
from genre_model.data.tracks import LabelledTrack

GroupBy = Literal["artist", "album", "song"]

# Splitting by slice, as in the paper, puts a song on all sides; only networks from scratch do it.
SplitBy = Literal["slice", "song", "album", "artist"]

N_FOLDS = 5

# Fewer groups than this in a class cannot be in training and in testing at the same time.
MIN_GROUPS = 2
N_NAMED = 5  # genres that a sentence names


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The ``fold`` (n_tracks,) of each track; tracks of one group are always in the same fold."""

    fold: Ints
    groups: tuple[str, ...]
    group_by: GroupBy
    reason: str

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(np.max(self.fold)) + 1


def split_tracks(
    tracks: Sequence[LabelledTrack],
    seed: int,
    n_folds: int = N_FOLDS,
    group_by: GroupBy | None = None,
    tolerated: float = 0.0,
) -> Split:
    """Folds by artist; by album, or else by song, if classes have too few artists for that.

    A grouping is kept if at most the share ``tolerated`` of the tracks is in such classes.  With
    ``group_by``, folds are always by that.

    Groups are assigned, the largest first, to the fold that has the fewest tracks of their class so
    far, so that every fold has every class as far as the groups allow.  Before that, a group of
    several classes avoids a fold that is the only one with one of these classes.

    Raises:
        ValueError: There are fewer than two tracks.
    """
    if len(tracks) < MIN_GROUPS:
        raise ValueError("fewer than two tracks cannot be split")
    reason = f"split by {group_by}, as asked"
    if group_by is None:
        group_by, reason = choose_grouping(tracks, tolerated)
    groups = [group_of(track, group_by) for track in tracks]
    n_folds = min(n_folds, len(set(groups)))
    rng = np.random.default_rng(abs(seed))
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    order = sorted(members, key=lambda group: (-len(members[group]), rng.random()))
    classes = sorted({track.label for track in tracks})
    load = np.zeros((n_folds, len(classes)))
    fold = np.zeros(len(tracks), dtype=np.intp)
    for group in order:
        counts = Counter(tracks[index].label for index in members[group])
        weights = np.array([counts.get(name, 0) for name in classes], dtype=np.float64)
        crowding = load @ weights
        totals = load.sum(axis=1)
        only_there = (load > 0) & ((load > 0).sum(axis=0) == 1)
        pinned = only_there @ (weights > 0).astype(np.intp)
        chosen = int(np.lexsort((rng.random(n_folds), totals, crowding, pinned))[0])
        load[chosen] += weights
        fold[members[group]] = chosen
    return Split(fold, tuple(groups), group_by, reason)


def choose_grouping(tracks: Sequence[LabelledTrack], tolerated: float = 0.0) -> tuple[GroupBy, str]:
    """The grouping to split by, and the reason for it."""
    fallbacks: tuple[tuple[GroupBy, str], ...] = (("artist", "artists"), ("album", "albums"))
    complaints: list[str] = []
    for group_by, plural in fallbacks:
        poor = poor_classes(tracks, group_by)
        n_poor = sum(track.label in poor for track in tracks)
        if n_poor <= tolerated * len(tracks):
            n_alone = sum(not is_tagged(track, group_by) for track in tracks)
            alone = f", {n_alone} untagged tracks each for itself" if n_alone else ""
            names = ", ".join(first_and_rest(poor, N_NAMED))
            untrained = [f"of one artist, so not trained on when tested: {names}"] if poor else []
            return group_by, "; ".join([*complaints, f"split by {group_by}{alone}", *untrained])
        complaints.append(f"{poor[0]} has too few {plural}")
    return "song", "; ".join([*complaints, "split by song: the figures flatter the model"])


def poor_classes(tracks: Sequence[LabelledTrack], group_by: GroupBy) -> list[str]:
    """The classes with too few groups to be split; untagged tracks count as one group."""
    groups: dict[str, set[str]] = {}
    for track in tracks:
        group = group_of(track, group_by) if is_tagged(track, group_by) else ""
        groups.setdefault(track.label, set()).add(group)
    return sorted(name for name, found in groups.items() if len(found) < MIN_GROUPS)


def is_tagged(track: LabelledTrack, group_by: GroupBy) -> bool:
    """Whether the track has the tag that names its group."""
    return bool((track.artist if group_by == "artist" else track.album).strip())


def group_of(track: LabelledTrack, group_by: GroupBy) -> str:
    """The group of a track; a track without the tag is a group of its own."""
    artist, album = lead_artist(track.artist), folded(track.album)
    if group_by == "artist" and artist:
        return f"artist:{artist}"
    if group_by == "album" and album:
        return f"album:{artist}/{album}"
    return f"song:{track.path}"


def context_group(track: LabelledTrack) -> str:
    """The group for the artist context: the artist, or the track alone if the artist is nobody."""
    nobody = is_nobody(lead_artist(track.artist))
    return group_of(track, "song" if nobody else "artist")
