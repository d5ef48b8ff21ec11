"""Decide what becomes of a track's genres, then do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beets.library import Item
from beets.util import syspath
from mediafile import MediaFile, UnreadableFileError

from beetsplug.cnngenre.library import current, store_unless_edited
from beetsplug.cnngenre.tagging.fields import (
    forget,
    genres_of,
    is_ours,
    is_reviewed,
    own_field,
    own_name,
    restore_fields,
)
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, kept_meanwhile, not_written
from beetsplug.cnngenre.tagging.safe_write import write_tags

if TYPE_CHECKING:
    from genre_model.model.vocabulary import SongGenre


def set_genres(item: Item, plan: TagPlan) -> None:
    """Give the track the planned genres, and remember those it had.  Stores nothing.

    Where the present genres are ours too, the user's are the ones remembered before them.
    """
    if not is_ours(item):
        item["cnngenre_previous"] = list(plan.before)
    restore_fields(item, {"cnngenre_reviewed": None})
    item["cnngenre_written"] = list(plan.after)
    item.genres = list(plan.after)


def set_reviewed(item: Item, plan: TagPlan) -> None:
    """Give the track the genres that the user decided on.  Stores nothing.

    They are the user's from then on, so only ``--undo`` knows that they came from here; it goes
    back to before the first of several reviews.
    """
    if not (is_ours(item) or is_reviewed(item)):
        item["cnngenre_previous"] = list(plan.before)
    restore_fields(item, {"cnngenre_written": None})
    item["cnngenre_reviewed"] = list(plan.after)
    item.genres = list(plan.after)


def apply(item: Item, plan: TagPlan, *, write: bool, by_user: bool = False) -> TagPlan:
    """Carry out a plan, which is ours or the user's: the file first, then the database.

    Returns:
        The plan, or a failed one where the file could not be written; then nothing has changed.
    """
    if plan.action is Action.WRITE:
        names = ("cnngenre_previous", "cnngenre_written", "cnngenre_reviewed")
        old = {name: own_field(item, name) for name in names}
        (set_reviewed if by_user else set_genres)(item, plan)
        trouble = write_tags(item) if write else None
        if trouble:
            item.genres = list(plan.before)
            restore_fields(item, old)
            return not_written(plan, trouble)
    return store_planned(item, plan, write=write)


def apply_in_library(item: Item, plan: TagPlan) -> TagPlan:
    """Carry out a plan of ours in the database only; the importer writes the file later.

    Returns:
        The plan, or one that keeps what somebody else did meanwhile; then the item has that too.
    """
    if plan.action is Action.WRITE:
        set_genres(item, plan)
    if store_unless_edited(item, plan.before):
        return plan
    if current(item) is not None:
        item.load()
    return kept_meanwhile(plan)


def store_planned(item: Item, plan: TagPlan, *, write: bool) -> TagPlan:
    """Store what was set on a track, and perhaps written to its file, if nobody was faster.

    Where the library has come to have other tags than were written, or another program has put
    the file back to what it knew, the file gets what the library has.

    Returns:
        The plan, or one that keeps what somebody else did to the track meanwhile.
    """
    stored = store_unless_edited(item, plan.before)
    now = current(item) if write and plan.action is Action.WRITE else None
    if now is not None and (media_tags(now) != media_tags(item) or not says_genres(now)):
        write_tags(now)
        now.store()
    return plan if stored else kept_meanwhile(plan)


def says_genres(item: Item) -> bool:
    """Whether a track's file has the genres that the track has."""
    try:
        return tuple(MediaFile(syspath(item.path)).genres or ()) == genres_of(item)
    except UnreadableFileError:
        return True  # nothing to mend


def media_tags(item: Item) -> dict[str, Any]:
    """What of a track belongs in its file."""
    return {name: item[name] for name in Item.writable_media_fields}


def apply_field(item: Item, target: str, song: SongGenre, plan: TagPlan) -> None:
    """Note the answer of a model that is not for genres in its own fields, and store it.

    Genres and files are left alone.
    """
    best = song.best
    item[f"{own_name(target)}_probability"] = f"{best.probability:.3f}" if best else ""
    if plan.action is Action.WRITE:
        item[own_name(target)] = plan.after[0]
    store_unless_edited(item, genres_of(item))


def undo(item: Item, plan: TagPlan, *, write: bool) -> TagPlan:
    """Carry out :func:`plan_undo`, and forget everything that we noted on the track."""
    if plan.action is Action.WRITE:
        item.genres = list(plan.after)
        # An empty list leaves an empty tag behind in some formats; None removes it.
        tags = None if plan.after else {"genres": None}
        trouble = write_tags(item, tags) if write else None
        if trouble:
            item.genres = list(plan.before)
            return not_written(plan, trouble)
    forget(item)
    return store_planned(item, plan, write=write)
