"""Write a track's tags to a copy of its file, which then takes the file's place.

mutagen, which beets writes with, works in place: where the tags outgrow their room it moves the
audio, and a process that dies meanwhile leaves some of it twice and some of it nowhere.  With a
copy the file is at every moment wholly the old or wholly the new one.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import beets
from beets import logging, plugins
from beets.library import FileOperationError, Item
from beets.util import syspath
from mediafile import MediaFile, UnreadableFileError

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]


PREFIX = ".cnngenre-"  # of the copies; beets ignores names that begin with a dot


FULL = (errno.ENOSPC, errno.EDQUOT)


log = logging.getLogger("beets.cnngenre")


class CannotReplaceError(Exception):
    """A copy cannot take the file's place so that nobody notices; the message says why."""


def write_tags(item: Item, tags: Mapping[str, Any] | None = None) -> str | None:
    """Write all of an item's tags to its file, as ``Item.write`` does.

    Args:
        item: Its ``mtime`` is set; it is not stored.
        tags: On top of the item's own.

    Returns:
        Why the file could not be written; None where it was.
    """
    try:
        if beets.config["cnngenre"]["write_in_place"].get(bool):
            item.write(tags=tags)
        else:
            write_item(item, tags or {})
    except FileOperationError as error:
        return reason_of(error.reason)
    except (UnreadableFileError, OSError) as error:
        return reason_of(error)
    return None


def reason_of(error: Exception) -> str:
    """Why, without the file's name, which may be a copy's."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return re.sub(r"^\[Errno \d+\] ", "", str(getattr(error, "message", error)))


def write_item(item: Item, tags: Mapping[str, Any]) -> None:
    """Do what ``Item.write`` does, but for how the file changes; other plugins see no difference.

    Raises:
        UnreadableFileError, OSError: The file cannot be written; it is as it was.
    """
    values = {name: value for name, value in dict(item).items() if name in item._media_fields}
    values.update(tags)
    plugins.send("write", item=item, path=item.path, tags=values)
    file = Path(os.path.realpath(item.filepath, strict=True))
    try:
        with replacement(file) as copy:
            save_tags(copy, values)
    except CannotReplaceError as why:
        log.debug("{}: written in place: {}", file, why)
        save_tags(file, values)
    item.mtime = item.current_mtime()
    plugins.send("after_write", item=item, path=item.path)


def save_tags(file: Path, values: Mapping[str, Any]) -> None:
    """Change a file's tags in place.

    Raises:
        UnreadableFileError: mutagen cannot read or write it.
    """
    id3v23 = beets.config["id3v23"].get(bool)
    media = MediaFile(os.fsdecode(syspath(os.fsencode(file))), id3v23=id3v23)
    media.update(values)
    media.save()


@contextmanager
def replacement(file: Path) -> Iterator[Path]:
    """A copy of a file, which takes its place, on the disk too, unless the block fails.

    Raises:
        CannotReplaceError: There can be none.
        OSError: The disk is full, the file cannot be read, or it has changed meanwhile.
    """
    before = file.stat()
    if before.st_nlink > 1:
        raise CannotReplaceError("it has other names, which would keep what it was")
    remove_leftovers(file.parent)
    descriptor, copy = new_file(file)
    try:
        try:
            copy_bytes(file, descriptor)
            copy_owner(before, copy)
            shutil.copystat(file, copy)
            yield copy
            os.fsync(descriptor)
        finally:
            os.close(descriptor)  # Windows renames no file that is open
        if version(file.stat()) != version(before):
            raise OSError(errno.EAGAIN, "something else has written it meanwhile")
        copy.replace(file)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def new_file(file: Path) -> tuple[int, Path]:
    """An open file beside another one, with the suffix by which mutagen knows the format.

    It is locked, so that no other run takes it for a leftover.

    Raises:
        CannotReplaceError: The folder takes none.
        OSError: The disk is full.
    """
    while True:
        try:
            descriptor, name = tempfile.mkstemp(file.suffix, PREFIX, file.parent)
        except OSError as error:
            if error.errno in FULL:
                raise
            raise CannotReplaceError(f"no file can be made beside it: {error.strerror}") from error
        if lock(descriptor):
            return descriptor, Path(name)
        os.close(descriptor)  # another run was faster, and removes it


def copy_bytes(file: Path, descriptor: int) -> None:
    """Copy a file's content; file systems that can share it until it is changed do so.

    Raises:
        OSError: The disk is full, or the file cannot be read.
    """
    with file.open("rb") as source, open(descriptor, "wb", closefd=False) as target:
        size = os.fstat(source.fileno()).st_size
        if hasattr(os, "copy_file_range"):
            with suppress(OSError):  # not on this file system
                while os.copy_file_range(source.fileno(), descriptor, 2**30):
                    pass
        if os.fstat(descriptor).st_size != size:
            source.seek(0)
            target.seek(0)
            target.truncate()
            shutil.copyfileobj(source, target, 2**20)


def copy_owner(before: os.stat_result, copy: Path) -> None:
    """Give a copy the file's owner and group.

    Raises:
        CannotReplaceError: We may not.
    """
    mine = copy.stat()
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.chown(copy, before.st_uid, before.st_gid)
        except OSError as error:
            raise CannotReplaceError("it would have another owner") from error


def version(status: os.stat_result) -> tuple[int, ...]:
    """What changes when somebody writes to a file, or puts another one in its place."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def sync_folder(folder: Path) -> None:
    """Make a rename outlast a power failure; where it cannot, the old file may be back."""
    if os.name == "posix":
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Mark a copy as one that is being worked on, for as long as it is open; whether it still is.

    Where the file system has no locks it counts as marked.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.fstat(descriptor).st_nlink > 0


@cache  # once for each folder and run
def remove_leftovers(folder: Path) -> None:
    """Remove copies of runs that died."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError), path.open("r+b") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                continue
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused: a run is at it
                path.unlink()
        if fcntl is None:
            with suppress(OSError):  # a run is at it
                path.unlink()
