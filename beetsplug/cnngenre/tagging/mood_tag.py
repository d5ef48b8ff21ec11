"""Write a track's moods to a tag of the user's choice, safely, and undo that.

A value that is not ours is never changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from beets.library import Item, ReadError

from beetsplug.cnngenre.library import current, store_unless_edited
from beetsplug.cnngenre.tagging.apply import known_state
from beetsplug.cnngenre.tagging.fields import genres_of, own_field, restore_fields
from beetsplug.cnngenre.tagging.file.safe_write import (
    NotWrittenError,
    Wish,
    reason_of,
    write_file,
)
from beetsplug.cnngenre.tagging.file_state import OutsideError

MEMORY = "cnngenre_mood_tag"
MOODS = "cnngenre_moods"


@dataclass(frozen=True, slots=True)
class MoodTag:
    """The value that a track's tag had before ours, and the value that we gave it.

    ``earlier`` is the value that we gave it before ``after``, as long as it may still be there: a
    run may have died, or have changed only the library.
    """

    field: str
    before: str
    after: str
    earlier: str = ""

    def has_given(self, value: str) -> bool:
        """Whether a value is one that we gave the tag."""
        return value == self.after or bool(value and value == self.earlier)


def mood_tag_of(item: Item) -> MoodTag | None:
    """What we noted about a track's mood tag; None if nothing."""
    return parsed_memory(own_field(item, MEMORY))


def parsed_memory(text: str | None) -> MoodTag | None:
    """The content of the field ``MEMORY``; None if it is empty or invalid."""
    if not text:
        return None
    try:
        return MoodTag(**json.loads(text))
    except (ValueError, TypeError):  # the user has changed the field
        return None


def value_of(item: Item, field: str) -> str:
    """The value of a tag in the library; empty if there is none."""
    return str(own_field(item, field) or "")


def has_our_moods(item: Item, field: str) -> bool:
    """Whether a tag has a value that we gave it."""
    memory = mood_tag_of(item)
    return memory is not None and memory.field == field and memory.has_given(value_of(item, field))


def read_edited(item: Item) -> None:
    """If the user has changed our tag in the file, take it into the library.  Stores nothing.

    Only for a field that beets itself does not know: `beet update` may not have read the new value.
    For other fields, :func:`exchange` compares the file if its time is new.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    memory = mood_tag_of(item)
    if memory is None or memory.field in Item._fields or not has_our_moods(item, memory.field):
        return
    known = ("", value_of(item, memory.field), memory.before, memory.after, memory.earlier)
    in_file = file_value(item, memory.field)
    if in_file not in known:
        item[memory.field] = in_file


def set_moods(item: Item, moods: tuple[str, ...], field: str | None, *, write: bool) -> str | None:
    """Set a track's moods in our field and in a tag, and store them.

    Returns:
        Why the tag was not changed, if the user has set it; else None.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets; the
            tag is unchanged.
    """
    item[MOODS] = list(moods)
    if field is None or not (moods or has_our_moods(item, field)):
        store_unless_edited(item, genres_of(item))
        return None
    if write:
        read_edited(item)
    if not value_of(item, field) and (in_file := file_value(item, field)):
        item[field] = in_file  # beets read the file before it knew the tag
    if value_of(item, field) and not has_our_moods(item, field):
        store_unless_edited(item, genres_of(item))
        return f"{field} has a value of yours"
    memory = mood_tag_of(item)
    if memory is not None and memory.field != field:
        give_back(item, memory, write=write)
    before = memory.before if memory and has_our_moods(item, field) else value_of(item, field)
    exchange(item, MoodTag(field, before, "; ".join(moods)), write=write)
    return None


def write_missing_moods(item: Item, field: str) -> None:
    """Write our tag to the file if only the library has it, e.g. after an as-is import.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets.
    """
    read_edited(item)
    memory = mood_tag_of(item)
    if memory is not None and has_our_moods(item, field):
        exchange(item, memory, write=True)


def take_back(item: Item, *, write: bool) -> None:
    """Remove a track's moods, and restore the tag's former value unless it was edited since.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets;
            nothing has changed.
    """
    memory, is_left = mood_tag_of(item), False
    if memory is not None:
        if write:
            read_edited(item)
        give_back(item, memory, write=write)
        is_left = not write and may_be_left(item, memory)
    restore_fields(item, {MOODS: None, MEMORY: own_field(item, MEMORY) if is_left else None})
    store_unless_edited(item, genres_of(item))


def may_be_left(item: Item, memory: MoodTag) -> bool:
    """Whether a track's file has a value that we gave the tag; True if it cannot be read."""
    ours = {memory.after, memory.earlier} - {"", memory.before}
    try:
        return bool(ours) and file_value(item, memory.field) in ours
    except NotWrittenError:
        return True


def give_back(item: Item, memory: MoodTag, *, write: bool) -> None:
    """Restore a tag's former value, unless the tag was edited since.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets;
            nothing has changed.
    """
    if has_our_moods(item, memory.field):
        exchange(item, MoodTag(memory.field, memory.before, memory.before), write=write)


def exchange(item: Item, tag: MoodTag, *, write: bool) -> None:
    """Set a tag's value: store the note about it, then write the file, then store the track.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets.
    """
    present, memory = value_of(item, tag.field), mood_tag_of(item)
    known = present == tag.after and memory == tag
    if known and not (write and file_lacks(item, tag)):
        store_unless_edited(item, genres_of(item))
        return
    if memory is not None and has_our_moods(item, tag.field):
        earlier = next((v for v in (present, memory.earlier) if v not in ("", tag.after)), "")
        tag = replace(tag, earlier=earlier)
    state = known_state(item) if write else None
    if state is not None and tag.field in state.differing:
        given = {present, tag.before, tag.after, tag.earlier}
        if file_value(item, tag.field) not in given:
            raise OutsideError(
                f"its {tag.field} was changed outside beets: run `beet update` first"
            )
    former = {name: own_field(item, name) for name in (tag.field, MEMORY)}
    mtime = item.mtime
    item[MEMORY] = json.dumps(asdict(tag))
    store_mood_tag(item)
    if tag.after or tag.field in Item._fields:
        item[tag.field] = tag.after
    else:
        restore_fields(item, {tag.field: None})
    try:
        if state is not None:
            genre = state.tag
            wish = Wish(
                genre.genres, tag=genre, before=genre, others={tag.field: tag.after or None}
            )
            write_file(item, wish, mtime=None if state.in_step else 0)
            item[MEMORY] = json.dumps(asdict(replace(tag, earlier="")))
    except NotWrittenError:
        restore_fields(item, former)
        item.mtime = mtime
        store_unless_edited(item, genres_of(item))
        raise
    store_unless_edited(item, genres_of(item))


def file_lacks(item: Item, tag: MoodTag) -> bool:
    """Whether a track's file lacks the tag's value, as after an as-is import.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    return file_value(item, tag.field) != tag.after


def file_value(item: Item, field: str) -> str:
    """The value of a tag in a track's file; empty for a field that files do not have.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    if field not in Item._media_fields:
        return ""
    try:
        return value_of(Item.from_path(item.path), field)
    except ReadError as error:
        raise NotWrittenError(reason_of(error.reason)) from error


def store_mood_tag(item: Item) -> None:
    """Store the note about a tag before its file is written: a run may die right after that."""
    now = current(item)
    if now is not None:
        now[MEMORY] = item[MEMORY]
        store_unless_edited(now, genres_of(now))
