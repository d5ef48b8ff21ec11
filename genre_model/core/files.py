"""Write files whole, name them by content, and report what the system refuses."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from genre_model.core.errors import GenreModelError, reason


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write to a folder into a sentence."""
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
    """A file that gets its name only when it is whole and on the disk.

    Two processes may write the same one: the last to end has it.
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
