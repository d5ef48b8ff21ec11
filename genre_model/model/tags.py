"""Further genres, moods, voices and decades from the shipped network's own tags.

A tag's value is the network's probability that listeners of the Million Song Dataset gave a song
that tag; it is small for rare tags, so each tag has its own threshold, its cut
(``studies/tag_cuts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from genre_model.data.genre_tree import node_of
from genre_model.data.spelling import spelling_key
from genre_model.model.vocabulary import NO_SPELLINGS, SongGenre, Vocabulary

if TYPE_CHECKING:
    from genre_model.model.bundle.manifest import Manifest
    from genre_model.model.song_features import SongFeatures

LEAST = 0.002  # smaller values are not stored; no cut is below this


@dataclass(frozen=True, slots=True)
class Cut:
    """The name that a song gets if the value of a tag is at least ``least``."""

    name: str
    least: float


GENRE_CUTS: Mapping[str, Cut] = {
    "House": Cut("House", 0.064),
    "electro": Cut("Electro", 0.072),
    "ambient": Cut("Ambient", 0.240),
    "hard rock": Cut("Hard Rock", 0.036),
    "indie rock": Cut("Indie Rock", 0.080),
    "alternative": Cut("Alternative", 0.152),
    "punk": Cut("Punk Rock", 0.041),
    "metal": Cut("Metal", 0.037),
    "heavy metal": Cut("Heavy Metal", 0.022),
    "jazz": Cut("Jazz", 0.702),
    "country": Cut("Country", 0.174),
    "Hip-Hop": Cut("Hip Hop", 0.645),
}


# A song gets at most one of the voices and one of the decades, but any number of moods.
VOICES: Mapping[str, Cut] = {
    "female vocalists": Cut("female vocalists", 0.152),
    "male vocalists": Cut("male vocalists", 0.0208),
    "instrumental": Cut("instrumental", 0.1155),
}
DECADES: Mapping[str, Cut] = {
    "60s": Cut("60s", 0.0479),
    "70s": Cut("70s", 0.0474),
    "80s": Cut("80s", 0.1074),
    "00s": Cut("00s", 0.0231),
    "oldies": Cut("oldies", 0.0708),
}
MOODS: Mapping[str, Cut] = {
    "chill": Cut("chill", 0.0234),
    "Mellow": Cut("mellow", 0.0400),
    "beautiful": Cut("beautiful", 0.0392),
    "sad": Cut("sad", 0.0153),
    "happy": Cut("happy", 0.0057),
    "sexy": Cut("sexy", 0.0108),
    "catchy": Cut("catchy", 0.0075),
    "easy listening": Cut("easy listening", 0.0252),
    "acoustic": Cut("acoustic", 0.0660),
}


def has_measured_tags(manifest: Manifest, shipped: Manifest) -> bool:
    """Whether a model has the shipped network's tags, for which the cuts were measured."""
    network, own = manifest.network, shipped.network
    same = manifest.files.get(network.file) == shipped.files.get(own.file)
    return same and network.tag_names == own.tag_names


def song_tags(extracted: SongFeatures, names: Sequence[str]) -> dict[str, float]:
    """The mean of each tag over a song's slices, if at least ``LEAST``; empty for a silent song."""
    if not extracted.tags.size:
        return {}
    means = extracted.tags.mean(axis=0).tolist()
    return {name: value for name, value in zip(names, means, strict=True) if value >= LEAST}


def further_genres(
    song: SongGenre,
    tags: Mapping[str, float],
    vocabulary: Vocabulary,
    *,
    count: int,
    may_add: bool = True,
    ignored: Sequence[str] = (),
    spellings: Mapping[str, str] = NO_SPELLINGS,
) -> SongGenre:
    """An accepted song with further genres by its tags, until there are ``count``.

    Genres farthest above their cuts come first.  With ``may_add``, genres that are not in the
    vocabulary may be written too, as ``spellings`` (``spelling_key`` -> spelling) has them.  Genres
    in ``ignored`` are never added.
    """
    if not song.accepted:
        return song
    genres = list(song.genres)
    taken = {node_of(name) for name in (*genres, *ignored)}
    own = {node_of(genre): name for genre, name in vocabulary.names.items()}
    for genre in genres_by_tags(tags):
        added = spellings.get(spelling_key(genre), genre) if may_add else None
        name = own.get(node_of(genre), added)
        if len(genres) < count and name and node_of(name) not in taken:
            genres.append(name)
            taken.add(node_of(name))
    return replace(song, genres=tuple(genres))


def genres_by_tags(tags: Mapping[str, float]) -> list[str]:
    """The genres whose tags reach their cuts, those farthest above first."""
    found = [(tags[tag] / cut.least, cut.name) for tag, cut in GENRE_CUTS.items() if tag in tags]
    return [name for ratio, name in sorted(found, key=lambda f: (-f[0], f[1])) if ratio >= 1]


def moods(tags: Mapping[str, float]) -> tuple[str, ...]:
    """The moods, the voice and the decade of a song by its tags, in a fixed order."""
    found = [cut.name for tag, cut in MOODS.items() if tags.get(tag, 0.0) >= cut.least]
    return (*found, *strongest(tags, VOICES), *strongest(tags, DECADES))


def strongest(tags: Mapping[str, float], cuts: Mapping[str, Cut]) -> tuple[str, ...]:
    """The one tag of a group that is farthest above its cut; empty if none reaches its cut."""
    ratios = {cut.name: tags.get(tag, 0.0) / cut.least for tag, cut in cuts.items()}
    best = max(ratios, key=lambda name: ratios[name])
    return (best,) if ratios[best] >= 1 else ()
