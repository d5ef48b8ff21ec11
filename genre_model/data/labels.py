"""From genres as people write them to the classes that a model learns.

Spellings are unified, the user's own map is applied, and a genre with too few tracks joins its
nearest ancestor in a tree of genres that has enough: the paper's step from 27 genres to 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from genre_model.core.errors import GenreModelError
from genre_model.data.genre_names import (
    canonical,
    cleaned,
    common_spelling,
    plain,
    title,
)
from genre_model.data.genre_tree import mapped_ancestors
from genre_model.data.paper_genres import PAPER_GENRES, paper_genre

Which = Literal["first", "any"]

Consolidation = Literal["roots", "paper"]


@dataclass(frozen=True, slots=True)
class LabelPolicy:
    """How labels are read.

    ``which``: the ``first`` of several genres counts, or ``any`` of them may be right.  ``renamed``
    is the user's map; None drops a genre.  ``parents`` is a tree, child -> parent, both canonical.
    ``wanted`` restricts the classes.  ``consolidate`` reduces the classes to the ``roots`` of
    the tree, or to the ``paper``'s seven genres.
    """

    which: Which = "first"
    renamed: Mapping[str, str | None] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    wanted: tuple[str, ...] | None = None
    consolidate: Consolidation | None = None
    min_tracks: int = 2


@dataclass(frozen=True, slots=True)
class Labelling:
    """The classes; each track's (empty: not used); and dropped label -> (number of tracks, why)."""

    classes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    dropped: Mapping[str, tuple[int, str]]


def read_labels(
    genres: Sequence[Sequence[str]], policy: LabelPolicy, *, to_show: bool = False
) -> Labelling:
    """The classes of tracks with these genres.

    Raises:
        GenreModelError: No track has a wanted genre, or fewer than two classes are left, which is
            allowed if they are only ``to_show``.
    """
    genres = [[name for name in map(cleaned, track) if name] for track in genres]
    renamed = {plain(name): new and cleaned(new) for name, new in policy.renamed.items()}
    spelling = common_spelling((name for track in genres for name in track), renamed)
    spelling |= {canonical(new, renamed): new for new in renamed.values() if new}
    if policy.consolidate == "paper":
        spelling |= {plain(name): name for name in PAPER_GENRES}
    wanted = (
        None
        if policy.wanted is None
        else {canonical(name, renamed): cleaned(name) for name in policy.wanted}
    )
    dropped: Counter[tuple[str, str]] = Counter()
    of_tracks: list[list[list[str]]] = []  # the ancestries of each track's genres
    for track in genres:
        used = track[:1] if policy.which == "first" else track
        lost: set[tuple[str, str]] = set()
        read = [ancestry_of(name, renamed, policy, lost) for name in used]
        of_tracks.append([list(one) for one in dict.fromkeys(map(tuple, read)) if one])
        dropped.update(lost)
    classes = choose_classes(of_tracks, wanted, policy)
    labels: list[tuple[str, ...]] = []
    for found in of_tracks:
        names = [next((genre for genre in one if genre in classes), None) for one in found]
        why = "not wanted" if wanted is not None else f"fewer than {policy.min_tracks} tracks"
        unused = {one[0] for one, name in zip(found, names, strict=True) if name is None}
        dropped.update((spelling.get(genre, genre), why) for genre in unused)
        shown = [wanted[n] if wanted else spelling.get(n, title(n)) for n in names if n is not None]
        labels.append(tuple(dict.fromkeys(shown)))
    missing = [] if wanted is None else [wanted[name] for name in wanted if name not in classes]
    if missing:
        raise GenreModelError(f"no tracks are labelled {', '.join(missing)}")
    present = sorted({name for track in labels for name in track})
    if len(present) < 2 and not to_show:
        found_classes = f"only {present[0]}" if present else "no genre"
        enough = "" if wanted else f" has {policy.min_tracks} tracks or more"
        raise GenreModelError(f"{found_classes}{enough}: nothing to tell apart")
    return Labelling(
        tuple(present), tuple(labels), {label: (n, why) for (label, why), n in dropped.items()}
    )


def ancestry_of(
    name: str,
    renamed: Mapping[str, str | None],
    policy: LabelPolicy,
    lost: set[tuple[str, str]],
) -> list[str]:
    """A genre and its ancestors, canonical; empty if the user's or the paper's map drops it.

    Then its name and the reason are added to ``lost``.
    """
    key = canonical(name, renamed)
    if key in renamed:
        new = renamed[key]
        if not new:
            lost.add((name, "dropped by your map"))
            return []
        key = canonical(new, renamed)
    if policy.consolidate == "paper":
        genre = paper_genre(key, policy.parents)
        if genre is None:
            lost.add((name, "none of the paper's seven genres"))
        return [] if genre is None else [plain(genre)]
    nodes = mapped_ancestors(key, policy.parents, renamed)
    return nodes[-1:] if policy.consolidate == "roots" else nodes


def choose_classes(
    of_tracks: Iterable[Sequence[Sequence[str]]],
    wanted: Mapping[str, str] | None,
    policy: LabelPolicy,
) -> set[str]:
    """The wanted genres that occur; or all with enough tracks, after small ones joined parents."""
    tracks = [[list(ancestry) for ancestry in found] for found in of_tracks]
    ancestries = [ancestry for found in tracks for ancestry in found]
    if wanted is not None:
        return {genre for ancestry in ancestries for genre in ancestry if genre in wanted}
    while True:
        counts = Counter(name for found in tracks for name in {ancestry[0] for ancestry in found})
        small = {name for name, n in counts.items() if n < policy.min_tracks}
        liftable = [each for each in ancestries if each[0] in small and len(each) > 1]
        if not liftable:
            return set(counts) - small
        deepest = max(map(len, liftable))
        for ancestry in liftable:
            if len(ancestry) == deepest:  # subgenres join their parents before those join theirs
                del ancestry[0]
