"""Which tracks inform each other's answers: those of an album and of its artist.

The tracks of a compilation are informed only by other tracks of their own artists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from beets.library import Item, Library

from beetsplug.cnngenre.library import Tracks
from genre_model.data.artists import is_nobody, lead_artist
from genre_model.model.artist_context import LEADING_SHARE
from genre_model.model.vocabulary import GenreScore, SongGenre, Vocabulary

# An unsure track gets the genre on which all sure tracks of its album agree, if its own probability
# of that genre is at least FILL_THRESHOLD.  At least MIN_AGREEING tracks have to be sure, and half
# of the album's; less than half is enough if all tracks are by one artist and LEADING_SHARE of
# them, sure or not, lead with that genre (docs/measurements.md).
FILL_THRESHOLD = 0.3
MIN_AGREEING = 2


@dataclass(frozen=True, slots=True)
class ClassifiedBefore:
    """The ids of the tracks that a model classified before, by group."""

    by_group: dict[str, list[int]]

    def of(self, group: str) -> Sequence[int]:
        """The ids of a group; a track without a group has no others."""
        return self.by_group.get(group, ()) if group else ()

    def add(self, group: str, ids: Iterable[int]) -> None:
        """Add tracks of a group that were classified since."""
        known = self.by_group.setdefault(group, [])
        known += [key for key in ids if key not in known]


def group_of(item: Item) -> str:
    """The artist whose tracks inform a track's answer; "" if there is no particular artist."""
    return group_name(item.artist, item.albumartist, compilation=bool(item.comp))


def group_name(artist: str | None, albumartist: str | None, *, compilation: bool) -> str:
    """The album's artist; the track's artist on a compilation or if the album has none."""
    return (not compilation and known_artist(albumartist)) or known_artist(artist)


@lru_cache(maxsize=10_000)
def known_artist(artist: str | None) -> str:
    """The main artist of an artist tag, without guests; "" if it names no particular artist."""
    lead = lead_artist(artist or "")
    return "" if is_nobody(lead) else lead


def are_by_one(artists: Iterable[str]) -> bool:
    """Whether all tracks are by one artist; ``artists`` are results of :func:`known_artist`."""
    return len(set(artists)) == 1


def classified_before(lib: Library, bundle_id: str) -> ClassifiedBefore:
    """The tracks of the library that this model has classified."""
    statement = (
        "SELECT items.id, artist, albumartist, comp FROM item_attributes "
        "JOIN items ON items.id = entity_id WHERE key = 'cnngenre_model' AND value = ?"
    )
    found: dict[str, list[int]] = {}
    with lib.transaction() as transaction:
        for key, artist, albumartist, comp in transaction.query(statement, (bundle_id,)):
            group = group_name(artist, albumartist, compilation=bool(comp))
            if group:
                found.setdefault(group, []).append(key)
    return ClassifiedBefore(found)


def grouped(items: Iterable[Item]) -> Iterable[Item]:
    """The same tracks, sorted by group; tracks of a library are not loaded for that."""
    if not isinstance(items, Tracks):
        return sorted(items, key=group_of)
    groups: dict[int, str] = {}
    for rows in items.rows("id, artist, albumartist, comp"):
        for key, *names, comp in rows:
            groups[key] = group_name(*names, compilation=bool(comp))
    return items.sorted(lambda key: groups.get(key, ""))


def agreed_genre(
    songs: Sequence[SongGenre], vocabulary: Vocabulary, *, one_artist: bool
) -> str | None:
    """The genre that all sure songs of an album agree on, subgenres counted as their parents.

    None if they differ or too few are sure: fewer than ``MIN_AGREEING``, or fewer than are unsure
    (unless all songs are by one artist and nearly all lead with that genre).
    """
    sure = [song for song in songs if song.accepted]
    roots = {vocabulary.root(song.genres[0]) for song in sure}
    if len(roots) != 1 or len(sure) < MIN_AGREEING:
        return None
    [genre] = roots
    leading = [song for song in songs if song.best and vocabulary.root(song.best.genre) == genre]
    is_alike = one_artist and len(leading) >= LEADING_SHARE * len(songs)
    return genre if is_alike or 2 * len(sure) >= len(songs) else None


def filled(song: SongGenre, genre: str | None, own: SongGenre, vocabulary: Vocabulary) -> SongGenre:
    """The song; if it is unsure, with the album's genre if that is probable enough for it.

    It stays unsure if ``own``, its verdict without context, is sure of another genre.
    """
    if genre is None or song.accepted:
        return song
    if own.accepted and vocabulary.root(own.genres[0]) != genre:
        return song
    probability = next((one.probability for one in song.ranked if one.genre == genre), 0.0)
    if probability < FILL_THRESHOLD:
        return song
    best = GenreScore(genre, probability)
    return replace(
        song, genres=(genre,), best=best, reason=f"{probability:.2f}, as the rest of the album"
    )
