"""A track, its file and its album as they were before a decision, to go back to exactly that.

``--undo`` goes back to the genres that a track had before the plugin or a review ever touched it;
this goes back by one decision, and leaves alone whatever somebody else has changed since.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import beets
import mutagen
from beets import plugins, util
from beets.library import Album, Item
from mutagen.id3 import ID3

from beetsplug.cnngenre.tagging.apply import store_planned
from beetsplug.cnngenre.tagging.fields import genres_of, own_field, restore_fields
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, not_written
from beetsplug.cnngenre.tagging.safe_write import CannotReplaceError, reason_of, replacement

ITEM_FIELDS = ("cnngenre_previous", "cnngenre_written", "cnngenre_reviewed")


ALBUM_FIELDS = ("cnngenre_previous", "cnngenre_written")


@dataclass(frozen=True, slots=True)
class AlbumState:
    """What a decision may change of an album; ``fields`` has None for those that it lacks."""

    genres: tuple[str, ...]
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision may change in the library.

    ``fields`` are the item's own, with None for those that it lacks; ``in_step`` says whether the
    library knew the file as it was.
    """

    genres: tuple[str, ...]
    fields: Mapping[str, Any]
    mtime: int
    in_step: bool
    album: AlbumState | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision has changed.

    ``tags`` are those of the file that differ, by their keys in its format, before and after; None
    for what was not there.  Without ``tags`` the file was not written.
    """

    before: Snapshot
    after: Snapshot
    tags: Mapping[str, tuple[Any, Any]] | None


def take(item: Item) -> Snapshot:
    """What there is now."""
    album = item.get_album()
    return Snapshot(
        genres_of(item),
        {name: own_field(item, name) for name in ITEM_FIELDS},
        item.mtime,
        is_in_step(item),
        None if album is None else album_state(album),
    )


def is_in_step(item: Item) -> bool:
    """Whether the library knows a track's file as it is; it may have gone."""
    try:
        return bool(item.mtime == item.current_mtime())
    except OSError:
        return False


def file_tags(path: Path) -> dict[str, Any]:
    """All tags of a file, as its format has them.

    Raises:
        mutagen.MutagenError: It cannot be read.
    """
    file = mutagen.File(util.syspath(os.fsencode(path)))
    return {} if file is None or file.tags is None else dict(file.tags)


def differing(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, tuple[Any | None, Any | None]]:
    """The tags that are not the same before and after."""
    keys = {**before, **after}
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def album_state(album: Album) -> AlbumState:
    """What there is now of an album."""
    return AlbumState(tuple(album.genres), {name: album.get(name) for name in ALBUM_FIELDS})


def is_as_left(item: Item, after: Snapshot) -> bool:
    """Whether nobody else has changed a track's genres since."""
    fields = {name: own_field(item, name) for name in ITEM_FIELDS}
    return (genres_of(item), fields) == (after.genres, dict(after.fields))


def go_back(item: Item, change: Change) -> TagPlan:
    """Undo what a decision has changed: the file first.

    Returns:
        What was done: a failed plan where the file cannot be written, and one that keeps what there
        is where somebody else was faster; then nothing of ours has changed.
    """
    before = change.before
    plan = TagPlan(Action.WRITE, change.after.genres, before.genres, "taken back")
    item.genres = list(before.genres)
    restore_fields(item, before.fields)
    item.mtime = before.mtime
    if change.tags is not None:
        trouble = restore_tags(item, change.tags)
        if trouble:
            return not_written(plan, trouble)
        if before.in_step:
            item.mtime = item.current_mtime()
    plan = store_planned(item, plan, write=change.tags is not None)
    album = item.get_album()
    if plan.action is Action.WRITE and album is not None and before.album is not None:
        restore_album(album, before.album, change.after.album)
    return plan


def restore_tags(item: Item, tags: Mapping[str, tuple[Any, Any]]) -> str | None:
    """Give a file back what it had; why not, where it cannot be written."""
    try:
        file = Path(os.path.realpath(item.filepath, strict=True))
        try:
            if beets.config["cnngenre"]["write_in_place"].get(bool):
                raise CannotReplaceError("so configured")
            with replacement(file) as copy:
                put_back(copy, tags)
        except CannotReplaceError:
            put_back(file, tags)
    except (mutagen.MutagenError, OSError) as error:
        return reason_of(error)
    plugins.send("after_write", item=item, path=item.path)
    return None


def put_back(path: Path, tags: Mapping[str, tuple[Any, Any]]) -> None:
    """Change tags of a file back in place, but for those that somebody has changed since.

    Raises:
        mutagen.MutagenError: It cannot be read or written.
    """
    file = mutagen.File(util.syspath(os.fsencode(path)))
    if file is None or file.tags is None:
        return
    for key, (before, after) in tags.items():
        if file.tags.get(key) != after:
            continue
        if before is not None:
            file.tags[key] = before
        elif key in file.tags:
            del file.tags[key]
    if isinstance(file.tags, ID3) and file.tags.version[:2] == (2, 3):
        file.tags.update_to_v23()  # type: ignore[no-untyped-call]
        file.save(v2_version=3)
    else:
        file.save()


def restore_album(album: Album, state: AlbumState, after: AlbumState | None) -> None:
    """Give an album back what it had, unless somebody has changed it since; not its tracks."""
    if album_state(album) != after:
        return
    album.genres = list(state.genres)
    for name, value in state.fields.items():
        if value is not None:
            album[name] = value
        elif album.get(name) is not None:
            del album[name]
    album.store(inherit=False)
