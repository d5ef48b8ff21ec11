"""Write files atomically, hash content, and report errors of the system."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from genre_model.core.errors import GenreModelError, reason


def path_test(test: Callable[[], bool], *, on_error: bool) -> bool:
    """The result of a test of a path, or ``on_error`` if the path cannot be reached.

    For example, there is no permission to search a folder on the way, or a name is too long.
    """
    try:
        return test()
    except OSError:
        return on_error


def is_folder(path: Path) -> bool:
    """Whether a path is a folder that can be reached."""
    return path_test(path.is_dir, on_error=False)


def may_be_file(path: Path) -> bool:
    """Whether a path is a regular file, or cannot be checked: opening it then says why."""
    return path_test(path.is_file, on_error=True)


def files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder, also in folders that links lead to; each folder once."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    for top in waiting:  # links are followed last: what they lead to may be below the folder too
        for parent, folders, names in os.walk(top):
            found = Path(parent).stat()
            if (found.st_dev, found.st_ino) in seen:
                folders.clear()
                continue
            seen.add((found.st_dev, found.st_ino))
            waiting += [Path(parent, name) for name in folders if Path(parent, name).is_symlink()]
            yield from (Path(parent, name) for name in names)


def is_there(path: Path) -> bool:
    """Whether a path exists and can be reached."""
    return path_test(path.exists, on_error=False)


def why_no_folder(path: Path) -> str:
    """Why a path is not a folder, as a short text."""
    try:
        return "not a folder" if path.exists() else "no such folder"
    except OSError as error:
        return reason(error)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a folder, and turn a system error inside the block into a sentence for the user."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise GenreModelError(f"cannot work in {folder}: {reason(error)}") from error


def digest(*parts: bytes) -> str:
    """32 hexadecimal digits of SHA-256 over the parts and their lengths."""
    lengths = " ".join(str(len(part)) for part in parts).encode()
    return hashlib.sha256(b"\n".join([lengths, *parts])).hexdigest()[:32]


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that gets its name only when it is complete and on the disk.

    Two processes may write the same file: the last one to finish replaces it.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
