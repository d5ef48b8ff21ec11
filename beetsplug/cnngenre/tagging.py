"""Decide what becomes of a track's genres, then do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from beets.library import Item
from beets.util import syspath
from mediafile import MediaFile, UnreadableFileError

from beetsplug.cnngenre.fields import FIELDS
from beetsplug.cnngenre.options import GENRES, UserError
from beetsplug.cnngenre.tracks import current, store_unless_edited
from beetsplug.cnngenre.writing import write_tags

if TYPE_CHECKING:
    from genre_model.vocabulary import SongGenre

DIGITS = 4  # of the probabilities in `cnngenre_all`
MEANWHILE = "edited or removed meanwhile"


class Action(Enum):
    """What becomes of a track; the value is the word in the summary line."""

    WRITE = "tagged"
    KEEP = "kept"
    UNSURE = "unsure"
    FAIL = "failed"


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What is to be done with one track's genres, and why."""

    action: Action
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: str


def plan_without_hearing(before: tuple[str, ...], *, force: bool) -> TagPlan | None:
    """The plan for a track that need not be heard, because its genres stay; else None."""
    if before and not force:
        return TagPlan(Action.KEEP, before, before, "has genres")
    return None


def plan_tags(before: tuple[str, ...], song: SongGenre, *, keep_existing: bool) -> TagPlan:
    """The plan for a track that may be given genres.

    Args:
        before: The genres that it has.
        song: What was heard.
        keep_existing: Whether ``before`` stays, with the new genres after it.
    """
    if not song.accepted:
        return TagPlan(Action.UNSURE, before, before, song.reason)
    known = {genre.casefold() for genre in before} if keep_existing else set[str]()
    fresh = tuple(genre for genre in song.genres if genre.casefold() not in known)
    after = before + fresh if keep_existing else fresh
    if after == before:
        return TagPlan(Action.KEEP, before, before, f"{song.reason}, as it was")
    return TagPlan(Action.WRITE, before, after, song.reason)


def genres_of(item: Item) -> tuple[str, ...]:
    """The genres that a track has; an empty tag in its file is none."""
    return tuple(genre for genre in item.genres if genre)


def own_field(item: Item, name: str) -> Any:
    """A field of a track, None where it has none; an album's is not taken for its track's."""
    return item.get(name, default=None, with_album=False)


def remembered(item: Item, bundle_id: str) -> dict[str, float] | None:
    """The probabilities that this bundle gave the track before; None where it never heard it."""
    if own_field(item, "cnngenre_model") != bundle_id:
        return None
    entries = own_field(item, "cnngenre_all") or []
    pairs = (entry.rpartition(" ") for entry in entries)
    return {genre: float(number) for genre, _, number in pairs if is_number(number)}


def memorable(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Probabilities as they can be noted, so that what is remembered equals what was heard."""
    rounded = {genre: round(probability, DIGITS) for genre, probability in probabilities.items()}
    return {genre: probability for genre, probability in rounded.items() if probability > 0}


def is_number(text: str) -> bool:
    """Whether a text is a plain decimal, as we write them."""
    return text.replace(".", "", 1).isdigit()


def note(item: Item, song: SongGenre, probabilities: Mapping[str, float], bundle_id: str) -> bool:
    """Note on the track what was heard.  Stores nothing.

    Returns:
        Whether that was new.
    """
    ranked = sorted(probabilities.items(), key=lambda entry: (-entry[1], entry[0]))
    notes = {
        "cnngenre_label": song.best.genre if song.best else "",
        "cnngenre_probability": song.best.probability if song.best else 0.0,
        "cnngenre_all": [f"{genre} {probability:.{DIGITS}f}" for genre, probability in ranked],
        "cnngenre_model": bundle_id,
    }
    new = any(own_field(item, name) != value for name, value in notes.items())
    item.update(notes)
    return new


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


def is_ours(item: Item) -> bool:
    """Whether the track's present genres are those that we gave it."""
    written = own_field(item, "cnngenre_written")
    return bool(written) and tuple(written) == genres_of(item)


def is_reviewed(item: Item) -> bool:
    """Whether the track's present genres are those that the user decided on in a review."""
    reviewed = own_field(item, "cnngenre_reviewed")
    return bool(reviewed) and tuple(reviewed) == genres_of(item)


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
    return settled(item, plan, write=write)


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


def settled(item: Item, plan: TagPlan, *, write: bool) -> TagPlan:
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


def kept_meanwhile(plan: TagPlan) -> TagPlan:
    """The plan for a track that somebody else has edited, or removed, since this one was made."""
    return TagPlan(Action.KEEP, plan.before, plan.before, MEANWHILE)


def not_written(plan: TagPlan, trouble: str) -> TagPlan:
    """What becomes of a track whose file cannot be written: nothing."""
    reason = f"the file cannot be written: {trouble}"
    return TagPlan(Action.FAIL, plan.before, plan.before, reason)


def field_values(item: Item, target: str) -> tuple[str, ...]:
    """What a track has of a model's target: its genres, or what the model's own field says."""
    if target == GENRES:
        return genres_of(item)
    value = own_field(item, own_name(target))
    return (str(value),) if value else ()


def own_name(target: str) -> str:
    """The flexible field of a model that is not for genres."""
    return f"cnngenre_{target}"


def check_target(target: str) -> None:
    """Make sure that a model's answers do not end up in what is kept for `--undo`, say.

    Raises:
        UserError: They would.
    """
    if FIELDS.keys() & {own_name(target), f"{own_name(target)}_probability"}:
        raise UserError(f"cnngenre: {own_name(target)} is a field of the plugin's own")


def apply_field(item: Item, target: str, song: SongGenre, plan: TagPlan) -> None:
    """Note the answer of a model that is not for genres in its own fields, and store it.

    Genres and files are left alone.
    """
    best = song.best
    item[f"{own_name(target)}_probability"] = f"{best.probability:.3f}" if best else ""
    if plan.action is Action.WRITE:
        item[own_name(target)] = plan.after[0]
    store_unless_edited(item, genres_of(item))


def plan_undo(item: Item) -> TagPlan | None:
    """The plan that takes back what we, or a review, did to a track; None where that is nothing."""
    previous = own_field(item, "cnngenre_previous")
    if previous is None:
        return None
    before = genres_of(item)
    if not (is_ours(item) or is_reviewed(item)):
        return TagPlan(Action.KEEP, before, before, "edited since")
    return TagPlan(Action.WRITE, before, tuple(previous), "undo")


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
    return settled(item, plan, write=write)


def forget(item: Item) -> None:
    """Drop our fields from a track.  Stores nothing."""
    restore_fields(item, dict.fromkeys(FIELDS))


def restore_fields(item: Item, values: Mapping[str, Any]) -> None:
    """Set flexible fields to what they were; None where there was none."""
    for name, value in values.items():
        if value is not None:
            item[name] = value
        elif own_field(item, name) is not None:
            del item[name]
