"""Carry out plans: set a track's genres, write them to its file, or undo that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from beets import logging
from beets.library import Item

from beetsplug.cnngenre.fields import DECISION_FIELDS
from beetsplug.cnngenre.library import current, store_unless_edited, stored_genres
from beetsplug.cnngenre.tagging.fields import (
    forget,
    genres_of,
    is_from_here,
    is_ours,
    is_respelled,
    is_reviewed,
    own_field,
    own_name,
    restore_fields,
)
from beetsplug.cnngenre.tagging.file.genre_tag import GenreTag
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError, Wish, write_file
from beetsplug.cnngenre.tagging.file_state import (
    OLDER,
    OUTSIDE,
    FileState,
    FormerTag,
    OutsideError,
    check_known,
    former_tag_of,
    has_ours,
    in_library,
    media_tags,
    read_state,
    restore_former_tag,
    set_former_tag,
    store_former_tag,
    tag_before_us,
)
from beetsplug.cnngenre.tagging.plan import (
    Action,
    TagPlan,
    kept_meanwhile,
    left_alone,
    not_written,
)

if TYPE_CHECKING:
    from genre_model.model.vocabulary import SongGenre

log = logging.getLogger("beets.cnngenre")


def set_genres(item: Item, plan: TagPlan) -> None:
    """Set the planned genres on the track, and remember those it had.  Stores nothing.

    If the present genres are ours or respelled by us, the genres remembered earlier are kept: those
    are the user's.
    """
    if not (is_ours(item) or is_respelled(item)):
        item["cnngenre_previous"] = list(plan.before)
    restore_fields(item, {"cnngenre_reviewed": None, "cnngenre_respelled": None})
    set_in_library(item, plan.after)
    item["cnngenre_written"] = stored_genres(item)


def set_reviewed(item: Item, plan: TagPlan) -> None:
    """Set the genres that the user decided on.  Stores nothing.

    They then count as the user's, so only ``cnnundo`` knows that the plugin set them.  After
    several reviews, ``cnnundo`` restores the genres from before the first.
    """
    if not is_from_here(item):
        item["cnngenre_previous"] = list(plan.before)
    restore_fields(item, {"cnngenre_written": None, "cnngenre_respelled": None})
    set_in_library(item, plan.after)
    item["cnngenre_reviewed"] = stored_genres(item)


def set_respelled(item: Item, plan: TagPlan) -> None:
    """Respell the track's genres; they stay ours, reviewed or the user's.  Stores nothing."""
    if not is_from_here(item):
        item["cnngenre_previous"] = list(plan.before)
    name = "cnngenre_respelled"
    if is_ours(item):
        name = "cnngenre_written"
    elif is_reviewed(item):
        name = "cnngenre_reviewed"
    set_in_library(item, plan.after)
    item[name] = stored_genres(item)


def set_in_library(item: Item, genres: tuple[str, ...]) -> None:
    """Set a track's genres to the values that the library will have.  Stores nothing.

    beets stores values as plugins such as ``rewrite`` change them.
    """
    item.genres = list(genres)
    item.genres = list(item.genres)


def apply(
    item: Item, plan: TagPlan, *, write: bool, set_on: Callable[[Item, TagPlan], None] = set_genres
) -> TagPlan:
    """Carry out a plan: write the file first, then the database.

    ``set_on`` sets the planned genres on the track.

    Returns:
        The plan, or a failed one if the file could not be written; then nothing has changed.
    """
    if plan.action is not Action.WRITE:
        return store_planned(item, plan)
    old = {name: own_field(item, name) for name in DECISION_FIELDS}
    mtime = item.mtime
    try:
        state = known_state(item) if write else None
        # tag_before_us compares the file with the track's genres, so call it before they change.
        before_us = tag_before_us(item, state) if state else None
        set_on(item, plan)
        if state is None or before_us is None:
            return store_planned(item, plan)
        wish = Wish(genres_of(item), before=state.tag)
        return write_and_store(item, plan, wish, FormerTag(before_us, wish.genres), state)
    except (NotWrittenError, OutsideError) as why:
        item.genres = list(plan.before)
        restore_fields(item, old)
        item.mtime = mtime
        return failed(plan, why)


def failed(plan: TagPlan, why: NotWrittenError | OutsideError) -> TagPlan:
    """A failed plan for a track whose file could not be written, or was changed outside beets."""
    return (
        left_alone(plan, str(why)) if isinstance(why, OutsideError) else not_written(plan, str(why))
    )


def known_state(item: Item) -> FileState:
    """The state of a track's file, if nobody but beets has changed it.

    Raises:
        NotWrittenError, OutsideError: The file cannot be read, or another program has changed it.
    """
    state = read_state(item)
    check_known(item, state)
    return state


def write_and_store(
    item: Item, plan: TagPlan, wish: Wish, former: FormerTag, state: FileState
) -> TagPlan:
    """Write a track's file, then store what was set on the track.

    The file's former tag is stored first, so that a library that cannot be written to fails before
    any file is changed.

    Raises:
        NotWrittenError: The file could not be written; nothing has changed.
    """
    text = own_field(item, "cnngenre_file")
    if not store_former_tag(item, former, plan.before):
        return kept_meanwhile(plan)
    try:
        written = write_file(item, wish, mtime=None if state.in_step else 0)
    except NotWrittenError:
        restore_former_tag(item, text, plan.before)
        raise
    set_former_tag(item, replace(former, after=written.genres))
    return store_written(item, plan, wish, written)


def would_write_missing(item: Item) -> TagPlan | None:
    """The plan that :func:`write_missing` would carry out; None if the file has the genres."""
    plan = plan_missing(item)
    try:
        return None if known_state(item).tag.genres == plan.after else plan
    except (NotWrittenError, OutsideError) as why:
        return failed(plan, why)


def write_missing(item: Item) -> TagPlan | None:
    """Write our genres to the file if only the library has them, e.g. after an as-is import.

    Returns:
        The plan that was carried out; None if the file already has the genres.
    """
    plan = plan_missing(item)
    try:
        state = known_state(item)
        if state.tag.genres == plan.after:
            item.mtime = state.mtime if state.in_step else item.mtime  # so that it is not reread
            return None
        former = FormerTag(tag_before_us(item, state), plan.after)
        return write_and_store(item, plan, Wish(plan.after, before=state.tag), former, state)
    except (NotWrittenError, OutsideError) as why:
        return failed(plan, why)


def plan_missing(item: Item) -> TagPlan:
    """The plan to write the library's genres to the file."""
    genres = genres_of(item)
    return TagPlan(Action.WRITE, genres, genres, "was in the library only")


def apply_in_library(item: Item, plan: TagPlan, *, beets_writes: bool) -> TagPlan:
    """Carry out a plan of ours in the database only; the importer writes the file later.

    ``beets_writes``: even without us, the importer would have written the library's genres to the
    file.  If they were not ours, they would have replaced ours and all that we remember.

    Returns:
        The plan, or one that keeps an edit made meanwhile; then the item has the edit, too.
    """
    if plan.action is Action.WRITE:
        with suppress(NotWrittenError):  # the importer will report it
            state = read_state(item)
            lasts = has_ours(item, state) and (is_from_here(item) or not beets_writes)
            if lasts or in_library(state.tag.genres) == plan.before:
                set_former_tag(item, FormerTag(tag_before_us(item, state), plan.after))
            else:  # even without us, the import would have changed the file's genres
                restore_fields(item, {"cnngenre_file": None})
        set_genres(item, plan)
    if store_unless_edited(item, plan.before):
        return plan
    if current(item) is not None:
        item.load()
    return kept_meanwhile(plan)


def store_planned(item: Item, plan: TagPlan) -> TagPlan:
    """Store what was set on a track, unless it was edited meanwhile.

    Returns:
        The plan, or one that keeps the edit.
    """
    return plan if store_unless_edited(item, plan.before) else kept_meanwhile(plan)


def store_written(item: Item, plan: TagPlan, wish: Wish, written: GenreTag) -> TagPlan:
    """Store what was set on a track and written to its file, unless it was edited meanwhile.

    If the library's tags now differ from those written, or another program has restored its own
    version of the file, the file gets the library's tags.

    Returns:
        The plan, or one that keeps the edit.
    """
    stored = store_planned(item, plan)
    now = current(item)
    if now is not None:
        if stored is not plan:
            wish = Wish(genres_of(now))
        try:
            mend(now, item, wish, written if stored is plan else None)
        except NotWrittenError as why:
            log.warning("{}: the file is not as the library has it: {}", now, why)
    return stored


def mend(now: Item, item: Item, wish: Wish, written: GenreTag | None) -> None:
    """Write to a file what it lacks: the wished genres, and tags that changed in the library.

    Args:
        now: The track in the library.
        item: The track as it was written.
        wish: The genres that the file should have.
        written: The tag that was written for the wish; None if something else was written.

    Raises:
        NotWrittenError: The file cannot be written.
    """
    before, after = media_tags(item), media_tags(now)
    others = {name: value for name, value in after.items() if before[name] != value}
    others.pop("genres", None)
    state = read_state(now)
    right = state.tag.genres == wish.genres if written is None else state.tag == written
    missing = {name: value for name, value in others.items() if name in state.differing}
    if right and not missing:
        return
    write_file(now, replace(wish, before=None, others=missing), mtime=None)
    now.store()


def apply_field(item: Item, target: str, song: SongGenre, plan: TagPlan) -> None:
    """Store the answer of a model that is not for genres in the model's own fields.

    Genres and files are not changed.
    """
    best = song.best
    item[f"{own_name(target)}_probability"] = f"{best.probability:.3f}" if best else ""
    if plan.action is Action.WRITE:
        item[own_name(target)] = plan.after[0]
    store_unless_edited(item, genres_of(item))


def left_in_file(item: Item) -> FormerTag | None:
    """The former tag of a file that has, or may have, our genres; None if there is nothing left."""
    former = former_tag_of(item)
    if former is None:
        return None
    try:
        state = read_state(item)
    except NotWrittenError:
        return replace(former, left=int(item.mtime) or None)
    return replace(former, left=state.mtime) if has_ours(item, state) else None


def undo_in_library(item: Item, plan: TagPlan) -> TagPlan:
    """Undo in the library only; if the file has our genres, its former tag stays remembered."""
    left = left_in_file(item)
    forget(item)
    if plan.action is Action.WRITE:
        set_in_library(item, plan.after)
    if left is not None:
        set_former_tag(item, left)
    return store_planned(item, plan)


def undo_edited(item: Item, plan: TagPlan) -> TagPlan:
    """Forget what we noted on a track whose genres are the user's, unless it may still be needed.

    It is needed if the track has neither our genres nor its former ones, since the edit may be
    undone.
    """
    previous = own_field(item, "cnngenre_previous")
    if previous is None:  # only the file was left to undo, and the user has set its genres since
        forget(item)
        return store_planned(item, plan)
    return undo_in_library(item, plan) if plan.after == tuple(previous) else plan


def undo(item: Item, plan: TagPlan, *, write: bool) -> TagPlan:
    """Carry out a plan of :func:`plan_undo`, and forget everything that we noted on the track.

    The file gets its former tag back; a file that we never wrote is not changed.
    """
    if plan.action is not Action.WRITE:
        return undo_edited(item, plan)
    if not write:
        return undo_in_library(item, plan)
    mtime = item.mtime
    try:
        state, former = read_state(item), former_tag_of(item)
        ours = has_ours(item, state)
        if not (ours or is_from_here(item)):  # somebody else has written the file since
            forget(item)
            store_planned(item, plan)
            return kept_meanwhile(plan)
        if ours or former is None:
            check_known(item, state)
        elif state.tag != former.before:  # equal: an undo was killed before it stored its result
            raise OutsideError(OUTSIDE if state.mtime >= item.mtime else OLDER)
        set_in_library(item, plan.after)
        if not ours:
            forget(item)
            item.mtime = mtime if state.in_step else 0
            return store_planned(item, plan)
        tag = former.before if former is not None else None
        wish = Wish(plan.after, tag, state.tag)
        # If library and file had different genres before, `beet update` should notice that again.
        in_step = state.in_step and (tag is None or in_library(tag.genres) == plan.after)
        written = write_file(item, wish, mtime=None if in_step else 0)
    except (NotWrittenError, OutsideError) as why:
        item.genres = list(plan.before)
        item.mtime = mtime
        return failed(plan, why)
    forget(item)
    return store_written(item, plan, wish, written)
