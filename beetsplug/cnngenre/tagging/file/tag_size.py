"""Measure a file's tags before mutagen reads them, which takes several times their memory."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

import mutagen

from genre_model.audio.stored.compare import bytes_without_audio
from genre_model.audio.stored.ogg import comment_bytes

MAX_TAG_BYTES = 2**27
MAX_OGG_TAG_BYTES = 2**24  # mutagen's time to split Ogg tags into pages is quadratic in their size


def too_large(path: Path) -> str | None:
    """Why a file's tags are too large to be read; None if they are not.

    Raises:
        OSError, mutagen.MutagenError: The file cannot be read.
    """
    n_all = path.stat().st_size
    if n_all <= MAX_OGG_TAG_BYTES:
        return None
    with path.open("rb") as file:
        n_bytes = comment_bytes(file, MAX_OGG_TAG_BYTES)
    if n_bytes is not None:
        return sentence(n_bytes, MAX_OGG_TAG_BYTES)
    if n_all <= MAX_TAG_BYTES:
        return None
    n_bytes = bytes_without_audio(path)
    return sentence(bytes_read(path) if n_bytes is None else n_bytes, MAX_TAG_BYTES)


def sentence(n_bytes: int, most: int) -> str | None:
    """The message for tags of ``n_bytes`` if these are more than ``most``, else None."""
    if n_bytes <= most:
        return None
    return f"its tags take {n_bytes >> 20} MB or more; those above {most >> 20} MB are not read"


class EnoughError(Exception):
    """More than ``MAX_TAG_BYTES`` bytes were read."""


class Counted(io.FileIO):
    """A file that fails once more than ``MAX_TAG_BYTES`` bytes are read from it."""

    n_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read and count bytes.

        Raises:
            EnoughError: More than ``MAX_TAG_BYTES`` bytes are read in total.
        """
        left = os.fstat(self.fileno()).st_size - self.tell()
        self.n_read += max(0, left if size is None or size < 0 else min(size, left))
        if self.n_read > MAX_TAG_BYTES:
            raise EnoughError
        return super().read(size) or b""


def bytes_read(path: Path) -> int:
    """The number of bytes that mutagen reads from a file, until it is too many.

    It stands for the size of the tags if the audio cannot be located in the file.

    Raises:
        OSError, mutagen.MutagenError: The file cannot be read.
    """
    with Counted(path, "rb") as file:
        with suppress(EnoughError):
            mutagen.File(file)
        return file.n_read
