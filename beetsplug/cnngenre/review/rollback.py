"""Undo one decision: restore a track, its file and its album exactly as they were before it.

``cnnundo`` restores the genres that a track had before the plugin or a review ever changed it; this
module undoes a single decision, and leaves alone whatever somebody else has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beets.library import Album, Item

from beetsplug.cnngenre.fields import ALBUM_FIELDS, DECISION_FIELDS
from beetsplug.cnngenre.library import store_unless_edited, stored_genres
from beetsplug.cnngenre.tagging.apply import set_in_library, store_planned, store_written
from beetsplug.cnngenre.tagging.fields import genres_of, own_field, restore_fields
from beetsplug.cnngenre.tagging.file.genre_tag import GenreTag
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError, Wish, write_file
from beetsplug.cnngenre.tagging.file_state import read_state
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, not_written

ITEM_FIELDS = (*DECISION_FIELDS, "cnngenre_file")


@dataclass(frozen=True, slots=True)
class AlbumState:
    """What a decision may change on an album; fields that are not set are None in ``fields``."""

    genres: tuple[str, ...]
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision may change in the library.

    ``fields`` has the item's own fields, None for those that are not set; ``in_step``: the
    library's ``mtime`` was that of the file.  ``album`` is None for a track without an album, and
    after a decision that could not update the album.
    """

    genres: tuple[str, ...]
    fields: Mapping[str, Any]
    mtime: int
    in_step: bool
    album: AlbumState | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision has changed.

    ``tags`` are the file's genre tag before and after; None if the file was not written.
    """

    before: Snapshot
    after: Snapshot
    tags: tuple[GenreTag, GenreTag] | None


def snapshot_of(item: Item, album: AlbumState | None) -> Snapshot:
    """A snapshot of a loaded track and its album.  Reads nothing from the library."""
    return Snapshot(
        genres_of(item),
        {name: own_field(item, name) for name in ITEM_FIELDS},
        item.mtime,
        is_in_step(item),
        album,
    )


def is_in_step(item: Item) -> bool:
    """Whether the library's ``mtime`` is that of the track's file, which may be missing."""
    try:
        return bool(item.mtime == item.current_mtime())
    except OSError:
        return False


def album_of(item: Item) -> AlbumState | None:
    """The state of a track's album as it is now; None for a track without an album."""
    album = item.get_album()
    return None if album is None else album_state(album)


def album_state(album: Album) -> AlbumState:
    """The state of an album as it is now."""
    fields = {name: album.get(name) for name in ALBUM_FIELDS}
    return AlbumState(tuple(stored_genres(album)), fields)


def is_as_left(item: Item, after: Snapshot) -> bool:
    """Whether a track's genres and our fields are still as the decision left them."""
    fields = {name: own_field(item, name) for name in ITEM_FIELDS}
    return (genres_of(item), fields) == (after.genres, dict(after.fields))


def go_back(item: Item, change: Change) -> TagPlan:
    """Undo what a decision has changed on a track and its file: the file first.

    Returns:
        What was done: a failed plan if the file cannot be written, or a plan that keeps the track
        if somebody else changed it first; in both cases nothing was undone.
    """
    before = change.before
    plan = TagPlan(Action.WRITE, change.after.genres, before.genres, "taken back")
    set_in_library(item, before.genres)
    restore_fields(item, before.fields)
    item.mtime = before.mtime
    try:
        return file_back(item, plan, change)
    except NotWrittenError as why:
        return not_written(plan, str(why))


def album_back(item: Item, change: Change) -> None:
    """Undo what a decision has changed on a track's album."""
    album, before = item.get_album(), change.before.album
    if album is not None and before is not None:
        restore_album(album, before, change.after.album)


def file_back(item: Item, plan: TagPlan, change: Change) -> TagPlan:
    """Restore a file's genre tag, unless somebody has changed it since, and store the track.

    Raises:
        NotWrittenError: The file cannot be written.
    """
    if change.tags is None:
        return store_planned(item, plan)
    tag, ours = change.tags
    now = read_state(item).tag
    if now.genres != ours.genres:  # only genres: beets may have rewritten the tag
        return store_planned(item, plan)
    mtime = None if change.before.in_step else change.before.mtime
    wish = Wish(change.before.genres, tag, now)
    return store_written(item, plan, wish, write_file(item, wish, mtime=mtime))


def restore_album(album: Album, state: AlbumState, after: AlbumState | None) -> None:
    """Restore an album, but not its tracks, unless somebody has changed it since."""
    if after is None or album_state(album) != after:
        return
    album.genres = list(state.genres)
    for name, value in state.fields.items():
        if value is not None:
            album[name] = value
        elif album.get(name) is not None:
            del album[name]
    store_unless_edited(album, after.genres)
