"""Match a starting model's genres with the user's genres.

Names are compared first, then the parts of names ("Pop/Rock"), then the genre tree: a genre of the
user covers those of its subgenres that the user has no label for (Rock covers Metal), and a
subgenre that the starting model does not know (Bebop) gets a share of the nearest genre that it
knows (Jazz).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float32
from genre_model.data.genre_names import canonical, parts_of
from genre_model.data.genre_tree import with_ancestors

# Different names of the same music, as opposed to different spellings of one name.
SAME: Mapping[str, str] = {
    "alternative rock": "alternative",
    "indie": "alternative",
    "indie rock": "alternative",
    "alternative and punk": "alternative",
    "punk": "punk rock",
    "heavy metal": "metal",
    "funk": "soul",
    "latin american": "latin",
    "caribbean and latin american": "latin",
    "dance": "electronic",
    "singer songwriter": "folk",
}


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Which of the user's genres get the probability of each genre of the starting model.

    ``genres`` are the user's labelled genres, then those of the starting model that can still be
    predicted.  ``shares`` (n_own_genres + 1, n_genres) are those of :class:`StartingModel`.
    ``answers`` (n_own_genres, n_genres) are the shares if the starting model is used by itself: it
    never predicts a subgenre that it does not know.  ``parents`` (child -> parent) is what stays of
    the starting model's tree.
    """

    genres: tuple[str, ...]
    shares: Float32
    answers: Float32
    parents: dict[str, str]


def correspond(
    labelled: Sequence[str],
    own: Sequence[str],
    own_parents: Mapping[str, str],
    tree: Mapping[str, str],
    *,
    others: bool,
) -> Correspondence:
    """Match the genres that the user has labelled with a model's own.

    Args:
        labelled: The user's genres.
        own: The model's genres.
        own_parents: The model's genre tree, child -> parent.
        tree: Any other genre tree, child -> parent, in canonical names.
        others: Whether genres of the model that match none of the user's can still be predicted.
    """
    parents = {**by_keys(tree), **by_keys(own_parents)}
    known = {key(genre) for genre in own}
    owners = [owners_of(genre, labelled, parents, known) for genre in own]
    covering = {name for found in owners for name in found}
    subgenres: dict[int, list[str]] = {}
    for name in labelled:
        place = None if name in covering else nearest(name, own, parents)
        subgenres.setdefault(len(own) if place is None else place, []).extend(
            [] if name in covering else [name]
        )
    left = [genre for genre, found in zip(own, owners, strict=True) if not found]
    genres = (*labelled, *(left if others else ()))
    column = {name: index for index, name in enumerate(genres)}
    shares = np.zeros((len(own) + 1, len(genres)), np.float32)
    answers = np.zeros((len(own), len(genres)), np.float32)
    for row, genre in enumerate(own):
        holders = owners[row] or ([genre] if others else [])
        takers = [*holders, *subgenres.get(row, [])]
        for name in takers:  # in a tie between a label and an unlabelled genre, the label wins
            shares[row, column[name]] = (1 if name in labelled else 0.99) / len(takers)
        for name in holders:
            answers[row, column[name]] = 1 / len(holders)
    unknown = subgenres.get(len(own), [])
    for name in unknown:
        shares[-1, column[name]] = 1 / (len(unknown) + 1)
    alone = [g for row, g in enumerate(own) if others and g in left and row not in subgenres]
    return Correspondence(genres, shares, answers, parents_among(alone, own_parents))


def left_out(
    new: Sequence[str], own: Sequence[str], own_parents: Mapping[str, str], tree: Mapping[str, str]
) -> list[str]:
    """A model's genres that match none of another model's genres by :func:`correspond`.

    Args:
        new: The other model's genres.
        own: The model's genres.
        own_parents: The model's genre tree, child -> parent.
        tree: Any other genre tree, child -> parent, in canonical names.
    """
    answers = correspond(new, own, own_parents, tree, others=False).answers
    return [genre for genre, row in zip(own, answers, strict=True) if not row.any()]


def parents_among(alone: Container[str], own_parents: Mapping[str, str]) -> dict[str, str]:
    """The part of a model's tree, child -> parent, between genres that share nothing with a label.

    A labelled genre is no part of it, because the threshold is chosen for its own probability.  If
    Rock is labelled, it covers its unlabelled subgenres anyway.  If Metal is labelled and Rock is
    not, Metal stays beside Rock: under it, a metal track that the model is unsure of would get
    Rock, which is not the user's label, and which the test counts as wrong.  If Death Metal is
    labelled, so does Metal, which shares with it: Rock with Metal's half would always be likelier.
    """
    return {
        child: parent for child, parent in own_parents.items() if child in alone and parent in alone
    }


def owners_of(
    genre: str, labelled: Sequence[str], parents: Mapping[str, str], known: Set[str]
) -> list[str]:
    """The user's genres that match a model's genre: by its own name, else by an ancestor's."""
    for name in with_ancestors(key(genre), parents):
        whole = [mine for mine in labelled if key(mine) == name]
        if whole:
            return whole
        parts = [mine for mine in labelled if name in keys_of_parts(mine, known)]
        if parts:
            return parts
    return []


def nearest(name: str, own: Sequence[str], parents: Mapping[str, str]) -> int | None:
    """Index of the model's genre that covers a name: by the tree, else by the name's last words."""
    places = {key(genre): index for index, genre in enumerate(own)}
    plain = key(name)
    for ancestor in with_ancestors(plain, parents):
        if ancestor in places:
            return places[ancestor]
    words = plain.split()
    endings = (key(" ".join(words[start:])) for start in range(1, len(words)))
    return next((places[ending] for ending in endings if ending in places), None)


def by_keys(parents: Mapping[str, str]) -> dict[str, str]:
    """A tree, child -> parent, with keys for names; a name's own parent overrides its synonyms'."""
    own_last = sorted(parents, key=lambda child: key(child) == canonical(child))
    edges = {key(child): key(parents[child]) for child in own_last}
    return {child: parent for child, parent in edges.items() if child != parent}


def key(name: str) -> str:
    """One name for all names of the same music."""
    spelled = canonical(name)
    return SAME.get(spelled, spelled)


def keys_of_parts(name: str, known: Set[str]) -> set[str]:
    """Keys of the genres that a name combines; a hyphen only combines ``known`` genres."""
    return {key(part) for part in parts_of(name, lambda part: key(part) in known)}
