"""Plan what to do with a track's genres, and why, without doing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from beets.library import Item

from beetsplug.cnngenre.tagging.fields import genres_of, is_from_here, is_reviewed, own_field
from beetsplug.cnngenre.tagging.file_state import former_tag_of, in_library, is_users
from genre_model.data.spelling import spelling_key

if TYPE_CHECKING:
    from genre_model.model.vocabulary import SongGenre


# A track's present genres and those that the model answers -> the genres to write.
Arrange = Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]
MEANWHILE = "edited or removed meanwhile"
EDITED, UNDO, IN_FILE = "edited since", "undo", "undo, in the file"


class Action(Enum):
    """What is done with a track; each command has its own words for it."""

    WRITE = auto()
    KEEP = auto()
    UNSURE = auto()
    FAIL = auto()


TAGGING = {
    Action.WRITE: "tagged",
    Action.KEEP: "kept",
    Action.UNSURE: "unsure",
    Action.FAIL: "failed",
}


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What to do with one track's genres, and why."""

    action: Action
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: str


REVIEWED = "decided in a review"


def plan_without_audio(
    before: tuple[str, ...], *, force: bool, protected: bool = False
) -> TagPlan | None:
    """The plan for a track that need not be classified, because its genres stay; else None.

    Args:
        before: The genres that it has.
        force: Whether they may be replaced.
        protected: Whether they stay even so, because the user decided on them in a review.
    """
    if before and force and protected:
        return TagPlan(Action.KEEP, before, before, REVIEWED)
    if before and not force:
        return TagPlan(Action.KEEP, before, before, "has genres")
    return None


def plan_tags(
    before: tuple[str, ...],
    song: SongGenre,
    *,
    keep_existing: bool,
    arrange: Arrange,
    own: tuple[str, ...] | None = None,
) -> TagPlan:
    """The plan for a track that may be given genres.

    Args:
        before: The genres that it has.
        song: The answer for the track.
        keep_existing: Whether ``own`` stays, with the new genres after it.
        arrange: Decides which finer genres of the track and which parent genres to write.
        own: The genres of ``before`` that are the user's (None: all); genres from an earlier answer
            are not kept.
    """
    if not song.accepted:
        return TagPlan(Action.UNSURE, before, before, song.reason)
    own = before if own is None else own
    after = arrange(own, song.genres)
    if keep_existing:
        after = after_own(own, after)
    if after == before:
        finer = "" if set(song.genres) <= set(before) else f"finer than {'; '.join(song.genres)}"
        return TagPlan(Action.KEEP, before, before, f"{finer or 'the same again'}, {song.reason}")
    return TagPlan(Action.WRITE, before, after, song.reason)


def after_own(own: tuple[str, ...], genres: tuple[str, ...]) -> tuple[str, ...]:
    """The user's genres, followed by the other genres that are not among them."""
    known = set(map(spelling_key, own))
    return own + tuple(genre for genre in genres if spelling_key(genre) not in known)


def kept_meanwhile(plan: TagPlan) -> TagPlan:
    """The plan for a track that was edited or removed after ``plan`` was made: keep it."""
    return TagPlan(Action.KEEP, plan.before, plan.before, MEANWHILE)


def not_written(plan: TagPlan, trouble: str) -> TagPlan:
    """The failed plan for a track whose file cannot be written."""
    reason = f"the file cannot be written: {trouble}"
    return TagPlan(Action.FAIL, plan.before, plan.before, reason)


def left_alone(plan: TagPlan, reason: str) -> TagPlan:
    """The failed plan for a track whose file another program has changed."""
    return TagPlan(Action.FAIL, plan.before, plan.before, reason)


def plan_undo(item: Item, *, include_reviewed: bool, write: bool) -> TagPlan | None:
    """The plan that undoes what we did to a track; None if there is nothing to undo.

    ``include_reviewed`` also undoes reviews.  ``write`` also undoes what only the file still has,
    as after an undo without writing.
    """
    previous = own_field(item, "cnngenre_previous")
    before = genres_of(item)
    if previous is None:
        return plan_undo_in_file(item) if write else None
    if is_reviewed(item) and not include_reviewed:
        return TagPlan(Action.KEEP, before, before, REVIEWED)
    if is_from_here(item):
        return TagPlan(Action.WRITE, before, tuple(previous), UNDO)
    kept = TagPlan(Action.KEEP, before, before, EDITED)
    # beets sets the time to 0 if only the library was changed: the file may still have our genres.
    is_left = write and before == tuple(previous) and not item.mtime
    return (plan_undo_in_file(item) or kept) if is_left else kept


def plan_undo_in_file(item: Item) -> TagPlan | None:
    """The plan that restores the file of a track whose genres in the library are not ours.

    None if we do not know the file's former tag.
    """
    former, before = former_tag_of(item), genres_of(item)
    if former is None:
        return None
    if is_users(item, former):
        return TagPlan(Action.KEEP, before, before, EDITED)
    after = in_library(former.before.genres) if before == former.after else before
    return TagPlan(Action.WRITE, before, after, IN_FILE)
