"""Set an album's genres from those of its tracks, without changing the tracks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from beets.library import Album, Item, Library

from beetsplug.cnngenre.fields import ALBUM_FIELDS
from beetsplug.cnngenre.library import current, store_unless_edited, stored_genres
from beetsplug.cnngenre.tagging.fields import (
    among,
    genres_of,
    is_ours,
    own_field,
    stored_probabilities,
)
from beetsplug.cnngenre.tagging.plan import EDITED, UNDO, Action, Arrange, TagPlan, after_own
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary, judge

WRITTEN, RESPELLED, PREVIOUS = ALBUM_FIELDS
GIVEN = (WRITTEN, RESPELLED)  # one of these has the genres that we gave an album


@dataclass(frozen=True, slots=True)
class AlbumRules:
    """How a model and the user's options turn the tracks' genres into those of their album.

    Genres of an album that are not ours are replaced only with ``force``; with ``keep_existing``
    they stay, before the new ones.
    """

    vocabulary: Vocabulary
    policy: Policy
    bundle_id: str
    arrange: Arrange
    force: bool
    keep_existing: bool


def unlike_their_tracks(lib: Library) -> set[int]:
    """The ids of albums that have no genres, or genres that none of their tracks has."""
    like = "SELECT album_id FROM items JOIN albums AS a ON a.id = album_id"
    where = "a.genres <> '' AND items.genres = a.genres"
    with lib.transaction() as transaction:
        rows = transaction.query(f"SELECT id FROM albums EXCEPT {like} WHERE {where}")
    return {key for (key,) in rows}


def note_copied(album: Album) -> None:
    """Note on a new album that its genres are ours if beets copied them from its first track.

    An album that is imported again has the notes of the old one, which may have had other genres.
    """
    first = next(iter(album.items()), None)
    genres = tuple(stored_genres(album))
    is_noted = any(has_given(album, name) for name in GIVEN)
    if first is None or is_noted or not is_ours(first) or genres_of(first) != genres:
        return
    if album.get(PREVIOUS) is None:
        album[PREVIOUS] = list(own_field(first, "cnngenre_previous") or ())
    if album.get(RESPELLED) is not None:
        del album[RESPELLED]
    album[WRITTEN] = list(genres)
    store_unless_edited(album, genres)


def plan_album(album: Album, tracks: Iterable[Item], rules: AlbumRules) -> TagPlan | None:
    """The plan for an album, which may get the genre of its tracks; None if its genres stay."""
    before = tuple(stored_genres(album))
    ours = has_given(album, WRITTEN)
    if before and not (rules.force or ours):
        return None
    song = album_genre(tracks, rules)
    own = among(before, album.get(PREVIOUS) or ()) if ours else before
    after = rules.arrange(own, song.genres)
    if rules.keep_existing or not rules.force:
        after = after_own(own, after)
    if not song.accepted or after == before:
        return None
    return TagPlan(Action.WRITE, before, after, song.reason)


def set_album_genres(album: Album, plan: TagPlan) -> bool:
    """Give an album the planned genres, remember those it had, and return whether it changed."""
    if not any(has_given(album, name) for name in GIVEN) or album.get(PREVIOUS) is None:
        album[PREVIOUS] = list(plan.before)
    if album.get(RESPELLED) is not None:
        del album[RESPELLED]
    album[WRITTEN] = list(plan.after)
    album.genres = list(plan.after)
    if store_unless_edited(album, plan.before):
        return True
    if current(album) is not None:
        album.load()  # an import goes on with the album, and must not store our genres
    return False


def album_genre(tracks: Iterable[Item], rules: AlbumRules) -> SongGenre:
    """The verdict on an album, from the mean of its tracks' probabilities.

    If that is unsure, the genres count that the tracks were given: other albums of the artist may
    have made them sure.
    """
    tracks = list(tracks)
    song = mean_genre(tracks, rules, lambda item: not is_ours(item))
    return song if song.accepted else mean_genre(tracks, rules, lambda _: True)


def mean_genre(
    tracks: Iterable[Item], rules: AlbumRules, is_label: Callable[[Item], bool]
) -> SongGenre:
    """The verdict on an album, from the mean over its tracks.

    A track whose genres are a label counts with the first of them, another one with its
    probabilities.  A track with neither is not counted.
    """
    totals: Counter[str] = Counter()
    labels: set[str] = set()
    n_tracks = 0
    for item in tracks:
        genres = genres_of(item)
        if genres and is_label(item):
            labels.add(genres[0])
            opinion = {genres[0]: 1.0}
        else:
            opinion = stored_probabilities(item, rules.bundle_id) or {}
        n_tracks += bool(opinion)
        totals.update(opinion)
    mean = {genre: total / n_tracks for genre, total in totals.items()}
    vocabulary = rules.vocabulary
    own = {label: label for label in labels if not vocabulary.ancestry(label)}
    return judge(mean, Vocabulary({**vocabulary.names, **own}, vocabulary.parents), rules.policy)


def respell_album(album: Album, plan: TagPlan) -> None:
    """Respell an album's genres; they stay ours or the user's."""
    given = [name for name in GIVEN if has_given(album, name)]
    if not given:
        album[PREVIOUS] = stored_genres(album)
    album[given[0] if given else RESPELLED] = list(plan.after)
    album.genres = list(plan.after)
    store_unless_edited(album, plan.before)


def has_given(album: Album, name: str) -> bool:
    """Whether an album's genres are those noted in one of our fields."""
    given = album.get(name)
    return bool(given) and list(given) == stored_genres(album)


def plan_undo_album(album: Album) -> TagPlan | None:
    """The plan that undoes what we did to an album; None if nothing is remembered."""
    previous = album.get(PREVIOUS)
    if previous is None:
        return None
    before = tuple(stored_genres(album))
    if not any(has_given(album, name) for name in GIVEN):
        return TagPlan(Action.KEEP, before, before, EDITED)
    return TagPlan(Action.WRITE, before, tuple(previous), UNDO)


def undo_album(album: Album, plan: TagPlan) -> None:
    """Carry out a plan of :func:`plan_undo_album`, and forget what we noted on the album.

    If the album was edited, our notes are kept, unless it has its former genres again, or no longer
    has a note of the genres that we gave it.
    """
    is_known = any(album.get(name) is not None for name in GIVEN)
    if plan.action is Action.KEEP and is_known and plan.before != tuple(album[PREVIOUS]):
        return
    album.genres = list(plan.after)
    for name in ALBUM_FIELDS:
        if album.get(name) is not None:
            del album[name]
    store_unless_edited(album, plan.before)
