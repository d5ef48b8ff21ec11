"""Compare a track's file with the library, and remember the genre tag it had before ours.

The library keeps the time when it last read or wrote a file (``mtime``, in whole seconds; 0 if tags
were changed only in the library since).  If the time cannot tell who changed what, the tags are
compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import mutagen
from beets.library import Item, ReadError
from mediafile import MediaFile, UnreadableFileError

from beetsplug.cnngenre.library import current, store_unless_edited
from beetsplug.cnngenre.tagging.fields import (
    genres_of,
    is_from_here,
    own_field,
    restore_fields,
)
from beetsplug.cnngenre.tagging.file.genre_tag import (
    GenreTag,
    UnknownTagsError,
    from_json,
    read_tag,
)
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError, reason_of

OUTSIDE = "its genre was changed outside beets: run `beet update` first"
EITHER = "`beet update` reads it, `beet write` removes it"
OLDER = "an older file has taken its place: run `beet write`, or touch it and run `beet update`"

TOLERANCE = 0.01  # beets takes numbers for equal that differ by less: tags have few decimals
NOTHING: tuple[Any, ...] = (None, "", [])  # values of a field that is not set, or empty


class OutsideError(Exception):
    """Another program has changed the file since beets read it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A track's file now.

    Attributes:
        tag: Its genre tag.
        mtime: Its modification time in whole seconds, as beets counts it.
        differing: The fields, other than genres, whose values in library and file differ.
        in_step: Whether the library has all that the file has, so that it need not read it again.
    """

    tag: GenreTag
    mtime: int
    differing: frozenset[str]
    in_step: bool


@dataclass(frozen=True, slots=True)
class FormerTag:
    """The tag that a file had before we first wrote its genre, and the genres we wrote last.

    ``left`` is the file's modification time when we undid it in the library only; else None.
    """

    before: GenreTag
    after: tuple[str, ...]
    left: int | None = None


def read_state(item: Item) -> FileState:
    """The present state of a track's file.

    Raises:
        NotWrittenError: The file cannot be read.
    """
    try:
        tag = read_tag(item.filepath)
        mtime = item.current_mtime()
        if item.mtime == mtime:
            return FileState(tag, mtime, frozenset(), in_step=True)
        file = Item.from_path(item.path)
    except ReadError as error:
        raise NotWrittenError(reason_of(error.reason)) from error
    except (mutagen.MutagenError, UnreadableFileError, UnknownTagsError, OSError) as error:
        raise NotWrittenError(reason_of(error)) from error
    in_file, known = media_tags(file), media_tags(item)
    differing = frozenset(
        name for name in known if name != "genres" and not is_alike(in_file[name], known[name])
    )
    # A field that the file lacks was added in the library, which need not read the file for it.
    in_step = not any(in_file[name] for name in differing)
    return FileState(tag, mtime, differing, in_step)


def media_tags(item: Item) -> dict[str, Any]:
    """The fields of a track that beets writes to its file, also those that plugins have added."""
    return {name: own_field(item, name) for name in {*MediaFile.fields()} & Item._media_fields}


def is_alike(one: Any, other: Any) -> bool:
    """Whether `beet update` would take two values of a field for the same."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < TOLERANCE
    if isinstance(one, list) and isinstance(other, list):
        return set(one) == set(other)
    return bool(one == other) or (one in NOTHING and other in NOTHING)


def check_known(item: Item, state: FileState) -> None:
    """Make sure that nobody but beets has changed a file since the library read it.

    Raises:
        OutsideError: Another program has changed or replaced the file.
    """
    if item.mtime == state.mtime:
        return
    former, genres = former_tag_of(item), in_library(state.tag.genres)
    # A run may have died after it wrote these genres to the file.
    known = [genres_of(item), *([former.after] if former else [])]
    if item.mtime:
        is_older = state.mtime < item.mtime
        # `beet write` compares no fields that plugins have added, so it would not help there.
        if genres not in known or (is_older and state.differing & Item.writable_media_fields):
            raise OutsideError(OLDER if is_older else OUTSIDE)
        return
    known += [tuple(own_field(item, "cnngenre_previous") or ())]
    known += [former.before.genres] if former else []
    if genres not in known and is_from_here(item):
        raise OutsideError(OUTSIDE)
    if genres not in known and not genres_of(item):
        raise OutsideError(f"its file has {'; '.join(genres)}, which the library lacks: {EITHER}")


def in_library(genres: Sequence[str]) -> tuple[str, ...]:
    """A file's genres as the library would have them, after beets' plugin ``rewrite``."""
    return tuple(Item(genres=list(genres)).genres)


def has_ours(item: Item, state: FileState) -> bool:
    """Whether a file has the genres that a run or a review of ours wrote to it."""
    former = former_tag_of(item)
    ours = genres_of(item) if is_from_here(item) else None
    given = [genres for genres in (ours, former.after if former else None) if genres is not None]
    # With `id3v23: yes`, beets itself writes several genres as one.
    return any(state.tag.genres in (genres, ("/".join(genres),)) for genres in given)


def former_tag_of(item: Item) -> FormerTag | None:
    """The former tag that is remembered of a file; None if there is none."""
    text = own_field(item, "cnngenre_file")
    if not text:
        return None
    try:
        found = json.loads(text)
        return FormerTag(from_json(found["before"]), tuple(found["after"]), found.get("left"))
    except (ValueError, KeyError, TypeError):  # the user has changed the field
        return None


def set_former_tag(item: Item, former: FormerTag) -> None:
    """Set the former tag on the track.  Stores nothing."""
    item["cnngenre_file"] = json.dumps(asdict(former))


def tag_before_us(item: Item, state: FileState) -> GenreTag:
    """The tag that a file had before we wrote our genres."""
    former = former_tag_of(item)
    if former is None or is_users(item, former) or not has_ours(item, state):
        return state.tag
    return former.before


def is_users(item: Item, former: FormerTag) -> bool:
    """Whether the user has set the genres again that we had left in the file.

    `beet update` may also have read them there; then the file still has the same time.  So has it
    after `beet modify -W`, which cannot be told from that.
    """
    if genres_of(item) != former.after or is_from_here(item):
        return False
    try:
        return bool(item.current_mtime() != former.left)
    except OSError:  # writing the file will fail, too
        return False


def store_former_tag(item: Item, former: FormerTag, genres: tuple[str, ...]) -> bool:
    """Store the former tag before the file is written, since a run may die right after writing.

    Args:
        item: The track.  The tag is set on it too; nothing else of it is stored.
        former: The former tag to store.
        genres: The genres that the library has.

    Returns:
        Whether the library still had these genres; if not, nothing was stored.
    """
    set_former_tag(item, former)
    now = current(item)
    if now is None:
        return False
    set_former_tag(now, former)
    return store_unless_edited(now, genres)


def restore_former_tag(item: Item, text: str | None, genres: tuple[str, ...]) -> None:
    """Restore the former value of ``cnngenre_file``, because the file was not written."""
    restore_fields(item, {"cnngenre_file": text})
    now = current(item)
    if now is not None:
        restore_fields(now, {"cnngenre_file": text})
        store_unless_edited(now, genres)
