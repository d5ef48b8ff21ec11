"""A track's moods in a tag of the user's choice: set, written safely, taken back.

A value that is not ours stays as it is.
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
    """What a tag of a track had before, and what we gave it.

    ``earlier`` is what we had given it before that, as long as it may still be there: a run may
    have died, or have changed the library alone.
    """

    field: str
    before: str
    after: str
    earlier: str = ""

    def has_given(self, value: str) -> bool:
        """Whether a value is ours."""
        return value == self.after or bool(value and value == self.earlier)


def mood_tag_of(item: Item) -> MoodTag | None:
    """What is remembered of a track's tag."""
    return parsed_memory(own_field(item, MEMORY))


def parsed_memory(text: str | None) -> MoodTag | None:
    """What the field ``MEMORY`` says."""
    if not text:
        return None
    try:
        return MoodTag(**json.loads(text))
    except (ValueError, TypeError):  # somebody has changed it
        return None


def value_of(item: Item, field: str) -> str:
    """What the library has of a tag."""
    return str(own_field(item, field) or "")


def has_our_moods(item: Item, field: str) -> bool:
    """Whether a tag has what we gave it."""
    memory = mood_tag_of(item)
    return memory is not None and memory.field == field and memory.has_given(value_of(item, field))


def set_moods(item: Item, moods: tuple[str, ...], field: str | None, *, write: bool) -> str | None:
    """Give a track moods, in the field of ours and in a tag, and store them.

    Returns:
        Why the tag was left alone, if it was.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or is left alone; the tag is as
            it was.
    """
    item[MOODS] = list(moods)
    if field is None or not (moods or has_our_moods(item, field)):
        store_unless_edited(item, genres_of(item))
        return None
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
    """Write to the file a tag of ours that the library alone has, after an as-is import say.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or is left alone.
    """
    memory = mood_tag_of(item)
    if memory is not None and has_our_moods(item, field):
        exchange(item, memory, write=True)


def take_back(item: Item, *, write: bool) -> None:
    """Remove a track's moods; a tag gets back what it had, unless it was edited since.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or is left alone; nothing has
            changed.
    """
    memory, is_left = mood_tag_of(item), False
    if memory is not None:
        ours = {memory.after, memory.earlier} - {"", memory.before}
        give_back(item, memory, write=write)
        is_left = not write and file_value(item, memory.field) in ours
    restore_fields(item, {MOODS: None, MEMORY: own_field(item, MEMORY) if is_left else None})
    store_unless_edited(item, genres_of(item))


def give_back(item: Item, memory: MoodTag, *, write: bool) -> None:
    """A tag gets back what it had, unless it was edited since.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or is left alone; nothing has
            changed.
    """
    if has_our_moods(item, memory.field):
        exchange(item, MoodTag(memory.field, memory.before, memory.before), write=write)


def exchange(item: Item, tag: MoodTag, *, write: bool) -> None:
    """Give a tag its value: it is noted first, then the file is written, then the rest is stored.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or is left alone.
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
    """Whether a track's file has not what the library has, as after an as-is import.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    return file_value(item, tag.field) != tag.after


def file_value(item: Item, field: str) -> str:
    """What a track's file has of a tag; nothing of a field that is in no file.

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
    """Store what a tag will have before its file is written: a run may die right after that."""
    now = current(item)
    if now is not None:
        now[MEMORY] = item[MEMORY]
        store_unless_edited(now, genres_of(now))
