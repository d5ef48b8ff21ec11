"""Write a track's moods to a tag of the user's choice, safely, and undo that.

A value that is not ours is never changed.
"""

from __future__ import annotations

import json
from contextlib import suppress
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
from beetsplug.cnngenre.tagging.file_state import (
    FileState,
    former_tag_of,
    in_library,
    set_former_tag,
)

MOOD_TAG = "cnngenre_mood_tag"
MOODS = "cnngenre_moods"


@dataclass(frozen=True, slots=True)
class MoodTag:
    """The value that we gave a track's tag, which had none before; empty after an undo.

    ``earlier`` is the value that we gave it before ``after``, as long as it may still be there: a
    run may have died, or have changed only the library.  ``in_file``: the file was written with
    ``after``, or seen to have it.  The file's time would not tell that, as other commands write the
    file without it.
    """

    field: str
    after: str
    earlier: str = ""
    in_file: bool = False

    def has_given(self, value: str) -> bool:
        """Whether a value is one that we gave the tag."""
        return value == self.after or bool(value and value == self.earlier)


def mood_tag_of(item: Item) -> MoodTag | None:
    """What we noted about a track's mood tag; None if nothing."""
    return parsed_mood_tag(own_field(item, MOOD_TAG))


def parsed_mood_tag(text: str | None) -> MoodTag | None:
    """The content of the field ``MOOD_TAG``; None if it is empty or invalid."""
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
    noted = mood_tag_of(item)
    return noted is not None and noted.field == field and noted.has_given(value_of(item, field))


def has_users_value(item: Item, field: str) -> bool:
    """Whether a tag has a value in the library that we did not give it."""
    return bool(value_of(item, field)) and not has_our_moods(item, field)


def read_edited(item: Item) -> None:
    """If the user has changed our tag in the file, take it into the library.  Stores nothing.

    `beet update` may not have read it: it skips files whose time is the same, and fields that beets
    does not know.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    noted = mood_tag_of(item)
    if noted is None or not has_our_moods(item, noted.field):
        return
    known = ("", value_of(item, noted.field), noted.after, noted.earlier)
    in_file = file_value(item, noted.field)
    if in_file not in known:
        take_from_file(item, noted.field, in_file)


def read_given(item: Item, noted: MoodTag) -> None:
    """Take our value from the file if a run died before the library had it.  Stores nothing.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    if value_of(item, noted.field):
        return
    in_file = file_value(item, noted.field)
    if in_file and noted.has_given(in_file):
        take_from_file(item, noted.field, in_file)


def take_from_file(item: Item, field: str, value: str) -> None:
    """Set a tag to the value that the file has, which does not put the file out of step."""
    mtime = item.mtime
    item[field] = value
    item.mtime = mtime


def set_moods(
    item: Item,
    moods: tuple[str, ...],
    field: str | None,
    *,
    write: bool,
    in_import: bool = False,
) -> bool:
    """Set a track's moods in our field and in a tag, and store them.

    ``in_import``: an import may have emptied the tag; then the file's value does not come back.

    Returns:
        Whether the tag has changed, in the library or in the file.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets; the
            tag is unchanged.
    """
    item[MOODS] = list(moods)
    tag = wished_tag(item, moods, field, write=write, in_import=in_import)
    if tag is None:
        store_unless_edited(item, genres_of(item))
        return False
    noted = mood_tag_of(item)
    if noted is not None and noted.field != field:
        give_back(item, noted, write=write)
    return exchange(item, tag, write=write)


def would_set(item: Item, moods: tuple[str, ...], field: str | None, *, write: bool) -> bool:
    """Whether :func:`set_moods` would change the tag, in the library or in the file.

    Stores nothing.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    tag = wished_tag(item, moods, field, write=write)
    return tag is not None and not is_given(item, tag, write=write)


def wished_tag(
    item: Item,
    moods: tuple[str, ...],
    field: str | None,
    *,
    write: bool,
    in_import: bool = False,
) -> MoodTag | None:
    """The value that a tag should get; None if it stays as it is, e.g. as the user has set it.

    It also stays if the file may not be written and has our moods in another tag: there is one note
    for both.  A value that only the file has is set on the track.  Stores nothing.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    if field is None or not (moods or has_our_moods(item, field)):
        return None
    if write:
        read_edited(item)
    # None: beets read the file before it knew the tag.
    is_unread = own_field(item, field) is None if in_import else not value_of(item, field)
    if is_unread and (in_file := file_value(item, field)):
        take_from_file(item, field, in_file)
    if has_users_value(item, field):
        return None
    noted = mood_tag_of(item)
    if noted is not None and noted.field != field and not write and may_be_left(item, noted):
        return None
    return MoodTag(field, "; ".join(moods))


def write_missing_moods(item: Item, field: str) -> None:
    """Write our tag to the file if only the library has it, e.g. after an as-is import.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets.
    """
    read_edited(item)
    noted = mood_tag_of(item)
    if noted is not None and has_our_moods(item, field):
        exchange(item, noted, write=True)


def only_library_has_moods(item: Item) -> bool:
    """Whether `cnnmoods` would write our tag to the file; False if the file cannot be read."""
    noted = mood_tag_of(item)
    if noted is None or not noted.after or not has_our_moods(item, noted.field):
        return False
    try:
        return file_value(item, noted.field) in ("", noted.earlier)
    except NotWrittenError:
        return False


def take_back(item: Item, *, write: bool) -> None:
    """Remove a track's moods, also from the tag unless it was edited since.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets;
            nothing has changed.
    """
    noted, is_left = mood_tag_of(item), False
    if noted is not None:
        if write:
            read_edited(item)
        give_back(item, noted, write=write)
        is_left = not write and may_be_left(item, noted)
    restore_fields(item, {MOODS: None, MOOD_TAG: own_field(item, MOOD_TAG) if is_left else None})
    store_unless_edited(item, genres_of(item))


def moods_left_in_file(item: Item) -> tuple[str, ...]:
    """The moods that we gave a track's tag and that its file may still have."""
    noted = mood_tag_of(item)
    if noted is None or not may_be_left(item, noted):
        return ()
    return tuple((noted.after or noted.earlier).split("; "))


def may_be_left(item: Item, noted: MoodTag) -> bool:
    """Whether a track's file has a value that we gave the tag; True if it cannot be read."""
    ours = {noted.after, noted.earlier} - {""}
    try:
        return bool(ours) and file_value(item, noted.field) in ours
    except NotWrittenError:
        return True


def give_back(item: Item, noted: MoodTag, *, write: bool) -> None:
    """Empty a tag, unless it was edited since.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets;
            nothing has changed.
    """
    if write:
        read_given(item, noted)
    if has_our_moods(item, noted.field):
        exchange(item, MoodTag(noted.field, ""), write=write)


def exchange(item: Item, tag: MoodTag, *, write: bool) -> bool:
    """Set a tag's value: store the note about it, then write the file, then store the track.

    Returns:
        Whether the tag has changed, in the library or in the file.

    Raises:
        NotWrittenError, OutsideError: The file cannot be written, or was changed outside beets.
    """
    if is_given(item, tag, write=write):
        if write:
            set_mood_tag(item, replace(tag, in_file=True))
        store_unless_edited(item, genres_of(item))
        return False
    tag = replace(tag, earlier=earlier_of(item, tag), in_file=False)
    state = known_state(item) if write else None
    former = {name: own_field(item, name) for name in (tag.field, MOOD_TAG)}
    mtime = item.mtime
    in_step = state is not None and remains_in_step(item, state)
    set_mood_tag(item, tag)
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
            write_file(item, wish, mtime=None if in_step else 0)
            set_mood_tag(item, replace(tag, earlier="", in_file=True))
            follow_left(item, state.mtime)
    except NotWrittenError:
        restore_fields(item, former)
        item.mtime = mtime
        store_unless_edited(item, genres_of(item))
        raise
    store_unless_edited(item, genres_of(item))
    return True


def earlier_of(item: Item, tag: MoodTag) -> str:
    """The value of ours that a tag's value replaces; empty if there is none."""
    noted = mood_tag_of(item)
    if noted is None or not has_our_moods(item, tag.field):
        return ""
    ours = (value_of(item, tag.field), noted.earlier)
    return next((value for value in ours if value not in ("", tag.after)), "")


def is_given(item: Item, tag: MoodTag, *, write: bool) -> bool:
    """Whether a tag has its value and note already; with ``write``, the file must have it too.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    noted = mood_tag_of(item)
    is_noted = noted is not None and replace(noted, in_file=tag.in_file) == tag
    given = is_noted and value_of(item, tag.field) == tag.after
    return given and not (write and file_lacks(item, tag))


def remains_in_step(item: Item, state: FileState) -> bool:
    """Whether the library need not read the file again once we have written only a tag to it.

    If its genres differ, as after an as-is import, ``mtime`` must stay 0: later runs write them.
    """
    has_genres = item.mtime == state.mtime or in_library(state.tag.genres) == genres_of(item)
    return state.in_step and has_genres


def follow_left(item: Item, mtime: int) -> None:
    """Note the file's new time if `cnnundo -W` has left our genres in it at the time ``mtime``.

    With another time, the genres would be taken for the user's.
    """
    former = former_tag_of(item)
    if former is not None and former.left == mtime:
        with suppress(OSError):  # the file was removed meanwhile
            set_former_tag(item, replace(former, left=item.current_mtime()))


def set_mood_tag(item: Item, tag: MoodTag) -> None:
    """Set the note about a tag on the track.  Stores nothing."""
    item[MOOD_TAG] = json.dumps(asdict(tag))


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
        now[MOOD_TAG] = item[MOOD_TAG]
        store_unless_edited(now, genres_of(now))
