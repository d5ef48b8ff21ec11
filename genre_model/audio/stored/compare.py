"""Compare the audio of two files by their bytes: cheap, and certain if the answer is yes.

Each format's module finds where a file with a plain layout has its audio, and what else a player
needs.  It gives None for anything unusual; ``audio.packets`` then has to compare the files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from genre_model.audio.stored import asf, chunks, mp4, ogg, plain
from genre_model.audio.stored.layout import BLOCK_BYTES, Stored

FINDERS: tuple[Callable[[BinaryIO, int], Stored | None], ...] = (
    *(chunks.wave, chunks.aiff, plain.flac, ogg.ogg, mp4.mp4, asf.asf),
    *(plain.with_tag_behind, plain.with_tag_before),
)


def certainly_same_audio(one: Path, other: Path) -> bool:
    """Whether it is certain that two files have the same audio.

    Raises:
        OSError: A file cannot be read.
    """
    with one.open("rb") as first, other.open("rb") as second:
        wanted, found = stored_audio(first), stored_audio(second)
        if wanted is None or found is None or wanted.settings != found.settings:
            return False
        if [b - a for a, b in wanted.ranges] != [b - a for a, b in found.ranges]:
            return False
        pairs = zip(wanted.ranges, found.ranges, strict=True)
        return all(same_bytes(first, second, *a, b[0]) for a, b in pairs)


def stored_audio(file: BinaryIO) -> Stored | None:
    """Where the audio of a file is; None if its layout is not plain."""
    size = file.seek(0, 2)
    for finder in FINDERS:
        try:
            found = finder(file, size)
        except EOFError:
            continue
        if found is not None and any(end > start for start, end in found.ranges):
            return found
    return None


def bytes_without_audio(path: Path) -> int | None:
    """How many bytes of a file are tags or other headers; None if its layout is not plain.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        found = stored_audio(file)
        size = file.seek(0, 2)
    return None if found is None else size - sum(end - start for start, end in found.ranges)


def same_bytes(one: BinaryIO, other: BinaryIO, start: int, end: int, start_other: int) -> bool:
    """Whether a range of one file has the same bytes as another file from ``start_other`` on."""
    one.seek(start)
    other.seek(start_other)
    while start < end:
        n_bytes = min(BLOCK_BYTES, end - start)
        block = one.read(n_bytes)
        if len(block) < n_bytes or block != other.read(n_bytes):
            return False
        start += n_bytes
    return True
