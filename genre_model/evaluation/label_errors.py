"""Tracks whose genre a model firmly disagrees with.

The less probability is left for the track's own genre, the firmer the disagreement.  The lead of
another genre, or the ratio of both, finds fewer wrong labels: docs/measurements.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from genre_model.data.genre_names import canonical, cleaned, parts_of, plain
from genre_model.data.genre_tree import GenreTree, mapped_ancestors, node_of
from genre_model.model.vocabulary import SongGenre, Vocabulary

Related = Mapping[str, Set[str]]

# Least firmness of a firm disagreement: at most 0.02 is left for the track's own genres.
FIRM = 0.98


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A model's disagreement with a track's genres.

    ``left`` is the probability of all the track's genres together; ``suggestion`` is the genre that
    the model gives instead, with its ``probability``.
    """

    left: float
    suggestion: str
    probability: float

    @property
    def firmness(self) -> float:
        """The probability that the track is of none of its genres."""
        return 1 - self.left


def related_by_tree(vocabulary: Vocabulary, tree: GenreTree) -> dict[str, set[str]]:
    """The written names that a tree places above or below each written name.

    A model that was trained on labels has no tree of the labelled genres: a user may label Rock and
    Metal.  One is no wrong answer for the other all the same.
    """
    related: dict[str, set[str]] = {}
    written: dict[str, set[str]] = {}
    for genre, name in vocabulary.names.items():
        written.setdefault(node_of(genre), set()).add(name)
    for node, names in written.items():
        above = {name for one in tree.ancestors(node) for name in written.get(one, ())}
        for name in names:
            related.setdefault(name, set()).update(above)
        for name in above:
            related.setdefault(name, set()).update(names)
    return related


def disagreement_of(
    song: SongGenre, genres: Sequence[str], vocabulary: Vocabulary, related: Related
) -> Disagreement | None:
    """How the model disagrees with a track's written genre names; None if it does not.

    A subgenre counts as its root genre: Metal for a rock song does not disagree with Rock, and Rock
    for a metal song is too seldom a real disagreement to be worth a look.  There is also no
    disagreement if "something else" is more probable than any genre that could be suggested.

    Args:
        song: The model's verdict on the track.
        genres: The track's genres.
        vocabulary: The genres that the model may answer.
        related: For each genre, others that count as the same, in addition to its subgenres.
    """
    scores = {score.genre: score.probability for score in song.ranked}
    roots = vocabulary.roots()
    own = families(genres, vocabulary)
    own |= {name for genre in (*genres, *own) for name in related.get(genre, ()) if name in roots}
    others = [name for name in roots - own if name in scores]
    if song.best is None or not own or not others:
        return None
    best = min(others, key=lambda name: (-scores[name], name))
    left = sum(scores.get(name, 0.0) for name in own)
    something_else = 1 - sum(scores.get(name, 0.0) for name in roots)
    if scores[best] <= max(left, something_else):
        return None
    return Disagreement(min(left, 1.0), best, scores[best])


def families(names: Sequence[str], vocabulary: Vocabulary) -> set[str]:
    """The root genres of written names."""
    ancestries = [vocabulary.ancestry(genre) for genre in vocabulary.names]
    return {ancestry[-1] for ancestry in ancestries for name in names if name in ancestry}


def known_genres(
    genres: Sequence[str],
    vocabulary: Vocabulary,
    renamed: Mapping[str, str | None],
    parents: Mapping[str, str],
) -> tuple[str, ...]:
    """A track's genres as the model's written names, each by its nearest ancestor that has one.

    A genre without such an ancestor is replaced by its parts: "Pop-Rock" by Pop and Rock.  Genres
    that the model still does not have are left out.

    Args:
        genres: The genres as tagged.
        vocabulary: The genres that the model may answer.
        renamed: The user's own map for a training; None drops a genre.
        parents: A tree of genres, child -> parent, canonical.
    """
    own_map = {plain(name): new for name, new in renamed.items()}
    written = {canonical(name): name for name in vocabulary.names.values()}
    written |= {canonical(genre): name for genre, name in vocabulary.names.items()}
    exact = {plain(name): name for name in vocabulary.names.values()}
    exact |= {plain(genre): name for genre, name in vocabulary.names.items()}

    def nearest(genre: str) -> str | None:
        """The written name of a genre or of its nearest ancestor."""
        key = plain(cleaned(genre))
        if key in own_map:
            key = plain(own_map[key] or "")
        if key in exact:  # before other names of the same music: the model may have both
            return exact[key]
        node: str | None = canonical(cleaned(genre), own_map)
        if node in own_map:
            node = canonical(own_map[node] or "", own_map) or None
        nodes = [] if node is None else mapped_ancestors(node, parents, own_map)
        return next((written[one] for one in nodes if one in written), None)

    found: list[str | None] = []
    for genre in genres:
        name = nearest(genre)
        if name or plain(cleaned(genre)) in own_map:
            found.append(name)
        else:  # the parts of "Pop-Rock", the last word of "Christian Rock"
            found += map(nearest, parts_of(genre, nearest) or plain(genre).split()[-1:])
    return tuple(dict.fromkeys(name for name in found if name))
