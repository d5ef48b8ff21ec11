"""Replace a file by a changed copy, so that it is always completely the old or the new file.

mutagen writes in place: if the tags outgrow their space, it moves the audio.  If the process dies
while doing so, some of the audio is duplicated and some is lost.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]


PREFIX = ".cnngenre-"  # of a copy's name; beets ignores names that begin with a dot

# With these errors there can be no copy, but the file itself may still be writable: network shares
# refuse chmod, and pooled disks refuse a rename.  Any other error means a disk fault, or too little
# space, memory or file descriptors: writing in place would fail half-way.
NOT_PERMITTED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG),
    *(errno.ENOSYS, errno.ENOTSUP, errno.EXDEV, errno.EBUSY),
)

MEANWHILE = "something else has written it meanwhile"

MAX_TRIES = 20  # attempts to lock a new copy before another run removes it as a leftover


class CannotReplaceError(Exception):
    """A copy cannot replace the file without side effects; the message says why."""


class NotRestoredError(Exception):
    """A file may be damaged; the message says which copy has its former content."""


@contextmanager
def replacement(file: Path) -> Iterator[Path]:
    """Yield a copy of a file that replaces it, synced to disk, unless the block fails.

    Raises:
        CannotReplaceError: There can be no copy, or it cannot replace the file.
        OSError: The disk is full, the file cannot be read, or it has changed meanwhile.
    """
    before = file.stat()
    if before.st_nlink > 1:
        raise CannotReplaceError("it has hard links, which would keep the old content")
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
            os.close(descriptor)  # Windows cannot rename an open file
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
    """Turn a refused operation into an error whose message begins with ``otherwise``.

    Raises:
        CannotReplaceError: The system refuses the operation.
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
    """Yield a copy in the system's temporary folder, and restore the file if the block fails.

    The content is restored in place, so the file keeps its hard links, owner and attributes.  The
    copy is then removed; if the file cannot be restored, the copy stays.

    Raises:
        OSError: There is no space, or the file cannot be read.
        NotRestoredError: The block failed, and the file cannot be restored.
    """
    with ExitStack() as at_end:
        folder = Path(tempfile.mkdtemp(prefix="cnngenre-"))
        at_end.callback(shutil.rmtree, folder, ignore_errors=True)
        copy = folder / f"copy{file.suffix}"
        shutil.copyfile(file, copy)
        before = version(file.stat())
        try:
            yield copy
        except BaseException:
            removal = at_end.pop_all()  # until the file is restored, only the copy is whole
            restore(file, copy, before)
            removal.close()
            raise


def restore(file: Path, copy: Path, before: tuple[int, ...]) -> None:
    """Give a file the content of a copy in place, unless it still has the version ``before``.

    Raises:
        NotRestoredError: The file cannot be read or written.
    """
    try:
        if version(file.stat()) == before:
            return
        with copy.open("rb") as source, file.open("r+b") as target:
            shutil.copyfileobj(source, target, 2**20)
            target.truncate()
            os.fsync(target.fileno())
    except OSError as error:
        trouble = f"it may be damaged and cannot be restored ({error.strerror})"
        raise NotRestoredError(f"{trouble}: its former content is in {copy}") from error


def new_file(file: Path) -> tuple[int, Path]:
    """Create and open a file in the same folder, with the suffix by which mutagen knows the format.

    The new file is locked, so that no other run removes it as a leftover.

    Raises:
        CannotReplaceError: The folder may not be written to.
        OSError: The disk is full or broken, or no file can be locked.
    """
    for _ in range(MAX_TRIES):
        with permitted("no file can be made beside it"):
            descriptor, name = tempfile.mkstemp(file.suffix, PREFIX, file.parent)
        if lock(descriptor):
            return descriptor, Path(name)
        os.close(descriptor)  # another run takes it for a leftover
        with suppress(OSError):
            Path(name).unlink()  # if that run has not removed it
    raise OSError(errno.EAGAIN, "no copy of it can be locked")


def copy_bytes(file: Path, descriptor: int) -> None:
    """Copy a file's content, copy-on-write if the file system supports that.

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
    """Values that change when a file is written to or replaced.

    Programs can reset a file's modification time (mtime), but not its status change time (ctime).
    """
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure; if that fails, the old file may come back."""
    if os.name == "posix":
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Lock a copy while it is open; return whether it is locked and has not been removed.

    On a system or file system without locks, it counts as locked.
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
    """Remove the copies left by runs that died."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError), path.open("r+b") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                continue
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if a run uses it
                path.unlink()
        if fcntl is None:
            with suppress(OSError):  # a run uses it
                path.unlink()
