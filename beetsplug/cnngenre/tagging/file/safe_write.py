"""Write only a track's genre into its file, in a way that cannot damage the file.

The genre is written to a copy, which is read back and then replaces the file.  As when beets itself
writes, plugins get the events ``write`` and ``after_write``.  Plugins see all tags, but only the
genre and the tags that they change are written.
"""

from __future__ import annotations

import copy as copies
import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mutagen
from beets import logging, plugins
from beets.library import FileOperationError, Item
from mediafile import UnreadableFileError

from beetsplug.cnngenre.config import wants_write_in_place
from beetsplug.cnngenre.tagging.file.checking import (
    OF_A_FIRST_TAG,
    ChangedTooMuchError,
    check_audio,
    check_others,
)
from beetsplug.cnngenre.tagging.file.copying import (
    MEANWHILE,
    CannotReplaceError,
    NotRestoredError,
    kept_copy,
    replacement,
)
from beetsplug.cnngenre.tagging.file.genre_tag import (
    GenreTag,
    UnknownTagsError,
    as_in_library,
    read_tags,
    write_genres,
    write_tag,
)
from beetsplug.cnngenre.tagging.file.other_fields import write_fields
from genre_model.core.errors import AudioError

log = logging.getLogger("beets.cnngenre")


class NotWrittenError(Exception):
    """A file could not be written and is unchanged; the message says why, without its name.

    If the file could not be restored after a write in place, the message says so, and names the
    copy that has its former content.
    """


@dataclass(frozen=True, slots=True)
class Wish:
    """What to write to a file.

    Attributes:
        genres: The genres; an empty tuple removes the tag.
        tag: A former tag to restore exactly instead, unless another plugin changes the genres.
        before: The tag that the file must still have, if it is known.
        others: Other fields of the library to write, by name.
    """

    genres: tuple[str, ...]
    tag: GenreTag | None = None
    before: GenreTag | None = None
    others: Mapping[str, Any] | None = None


def write_file(item: Item, wish: Wish, *, mtime: int | None) -> GenreTag:
    """Write a wish, which other plugins may change, to a track's file.

    Args:
        item: The track.  Its ``mtime`` is set, but it is not stored.
        wish: What to write.
        mtime: The new ``mtime``; None for the file's own, so that the library need not read the
            file again.

    Returns:
        The genre tag that the file has now.

    Raises:
        NotWrittenError: The file cannot be written.
    """
    try:
        file = Path(os.path.realpath(item.filepath, strict=True))
        written = write_and_check(file, ask_plugins(item, wish))
        item.mtime = item.current_mtime() if mtime is None else mtime
    except FileOperationError as error:
        raise NotWrittenError(reason_of(error.reason)) from error
    except WRITE_ERRORS as error:
        raise NotWrittenError(reason_of(error)) from error
    plugins.send("after_write", item=item, path=item.path)
    return written


WRITE_ERRORS = (
    *(UnreadableFileError, mutagen.MutagenError, OSError),
    *(UnknownTagsError, ChangedTooMuchError, AudioError, NotRestoredError),
)


def reason_of(error: Exception) -> str:
    """The reason for an error, without the file's name, which may be that of a copy."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    cause = error.args[0] if error.args and isinstance(error.args[0], OSError) else None
    if cause is not None and cause.strerror:
        return cause.strerror
    text = str(getattr(error, "message", error))
    text = re.sub(r"^\[\w+ \d+\] (.+?): b?['\"].*", r"\1", text, flags=re.DOTALL)  # an OSError
    return re.sub(r"^'.+' (?=is )", "it ", text, flags=re.DOTALL)  # as mutagen names a file


def ask_plugins(item: Item, wish: Wish) -> Wish:
    """Send the event ``write``, as ``Item.write`` does, and return the wish with plugins' changes.

    A plugin sees all tags of the track.  Tags that no plugin changes are not written.
    """
    values = {name: value for name, value in dict(item).items() if name in item._media_fields}
    values |= {"genres": list(wish.genres), **(wish.others or {})}
    shown = copies.deepcopy(values)
    plugins.send("write", item=item, path=item.path, tags=values)
    changed = {
        name: value for name, value in values.items() if name not in shown or shown[name] != value
    }
    if "genres" in changed:
        wish = replace(wish, genres=as_in_library(changed.pop("genres")), tag=None)
    return replace(wish, others={**(wish.others or {}), **changed})


def write_and_check(file: Path, wish: Wish) -> GenreTag:
    """Write to a file, by way of a copy if that is possible and not disabled in the configuration.

    Raises:
        WRITE_ERRORS: The file cannot be written; it is unchanged, except for NotRestoredError.
    """
    if not wants_write_in_place():
        try:
            with replacement(file) as copy:
                return change(copy, wish, file)
        except CannotReplaceError as why:
            log.debug("{}: written in place: {}", file, why)
    with kept_copy(file) as copy:
        return change(file, wish, copy)


def change(file: Path, wish: Wish, original: Path) -> GenreTag:
    """Change a file in place, and compare it with ``original``, which has its former content.

    Raises:
        ChangedTooMuchError: Other tags or the audio change, the genre is not as wished, or nothing
            of the other fields can be read back.
        OSError: The original's genre tag differs from ``wish.before``.
    """
    before = read_tags(original)
    if wish.before is not None and before.genre != wish.before:
        raise OSError(errno.EAGAIN, MEANWHILE)
    changed = write_fields(file, wish.others) if wish.others else frozenset()
    if changed:
        if read_tags(file).others == before.others:
            raise ChangedTooMuchError("the tags cannot be read back")
        before = read_tags(original, changed)
    if wish.tag is None:
        write_genres(file, wish.genres)
    elif wish.tag != before.genre:
        write_tag(file, wish.tag)
    after = read_tags(file, changed)
    others = before.others
    if wish.tag is not None and wish.tag.created:  # the tag created for the genre may go
        others = {k: v for k, v in others.items() if k not in OF_A_FIRST_TAG or k in after.others}
    check_others(others, after.others)
    check_audio(original, file)
    found = after.genre
    if found.genres != wished(wish) and not is_given_back(wish.tag, found):
        raise ChangedTooMuchError("the genre cannot be read back")
    return found


def is_given_back(tag: GenreTag | None, found: GenreTag) -> bool:
    """Whether a file has a former genre tag; another version of beets may read other genres."""
    return tag is not None and replace(tag, genres=found.genres, created=found.created) == found


def wished(wish: Wish) -> tuple[str, ...]:
    """The genres that must be read back from the file."""
    return wish.genres if wish.tag is None else wish.tag.genres
