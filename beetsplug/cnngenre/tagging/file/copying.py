"""A copy of a file that takes the file's place, so that it is always wholly the old or the new one.

mutagen works in place: where the tags outgrow their room it moves the audio, and a process that
dies meanwhile leaves some of it twice and some of it nowhere.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]


PREFIX = ".cnngenre-"  # of the copies; beets ignores names that begin with a dot

# Where there may be no copy the file itself may still be written: shares refuse chmod, and pooled
# disks a rename.  Any other error is the disk's, or a want of room, memory or descriptors: writing
# in place would run into it half-way.
NOT_PERMITTED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG),
    *(errno.ENOSYS, errno.ENOTSUP, errno.EXDEV, errno.EBUSY),
)

MEANWHILE = "something else has written it meanwhile"

MAX_TRIES = 20  # for a copy that no other run takes for a leftover


class CannotReplaceError(Exception):
    """A copy cannot take the file's place so that nobody notices; the message says why."""


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
            with permitted("it would have other permissions"):
                shutil.copystat(file, copy)
            yield copy
            os.fsync(descriptor)
        finally:
            os.close(descriptor)  # Windows renames no file that is open
        if version(file.stat()) != version(before):
            raise OSError(errno.EAGAIN, MEANWHILE)
        with permitted("no copy can take its place"):
            copy.replace(file)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


@contextmanager
def permitted(otherwise: str) -> Iterator[None]:
    """A step on the way to a copy; where it is refused, it is said what there would be otherwise.

    Raises:
        CannotReplaceError: The system refuses the step.
        OSError: The disk is full or broken.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_PERMITTED:
            raise
        raise CannotReplaceError(f"{otherwise}: {error.strerror}") from error


@contextmanager
def kept_copy(file: Path) -> Iterator[Path]:
    """A copy of a file in the system's temporary folder, which it gets back if the block fails.

    The file stays the same one, with its names, owner and attributes.

    Raises:
        OSError: There is no room, or the file cannot be read or written.
    """
    with tempfile.TemporaryDirectory(prefix="cnngenre-") as folder:
        copy = Path(folder) / f"copy{file.suffix}"
        shutil.copyfile(file, copy)
        before = version(file.stat())
        try:
            yield copy
        except BaseException:
            if version(file.stat()) == before:
                raise
            with copy.open("rb") as source, file.open("r+b") as target:
                shutil.copyfileobj(source, target, 2**20)
                target.truncate()
                os.fsync(target.fileno())
            raise


def new_file(file: Path) -> tuple[int, Path]:
    """An open file beside another one, with the suffix by which mutagen knows the format.

    It is locked, so that no other run takes it for a leftover.

    Raises:
        CannotReplaceError: The folder may not be written to.
        OSError: The disk is full or broken, or no file can be locked.
    """
    for _ in range(MAX_TRIES):
        with permitted("no file can be made beside it"):
            descriptor, name = tempfile.mkstemp(file.suffix, PREFIX, file.parent)
        if lock(descriptor):
            return descriptor, Path(name)
        os.close(descriptor)  # another run was faster, and removes it
        with suppress(OSError):
            Path(name).unlink()  # or it was not
    raise OSError(errno.EAGAIN, "no copy of it can be locked")


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
        CannotReplaceError: This process may not change the copy's owner or group.
        OSError: The disk is broken.
    """
    mine = copy.stat()
    if (mine.st_uid, mine.st_gid) != (before.st_uid, before.st_gid):
        with permitted("it would have another owner"):
            os.chown(copy, before.st_uid, before.st_gid)


def version(status: os.stat_result) -> tuple[int, ...]:
    """What changes when somebody writes to a file, or puts another one in its place.

    Programs can set a file's time of modification back, but not that of its change of status.
    """
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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
