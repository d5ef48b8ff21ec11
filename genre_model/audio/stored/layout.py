"""What the finders of all formats return, and how they read files."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import BinaryIO

BLOCK_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Stored:
    """The parts of a file that are not tags.

    Attributes:
        settings: What a player needs besides the audio, independent of positions in the file.
        ranges: First byte, and the byte after the last, of each part with audio.
    """

    settings: tuple[object, ...]
    ranges: tuple[tuple[int, int], ...]


def read_at(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    """``n_bytes`` bytes of a file, from ``place`` on.

    Raises:
        EOFError: The file ends before ``n_bytes`` are read.
    """
    file.seek(place)
    found = file.read(n_bytes)
    if len(found) < n_bytes:
        raise EOFError
    return found


def hashed_at(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    """A digest of ``n_bytes`` bytes of a file from ``place`` on, read in blocks.

    Raises:
        EOFError: The file ends before ``n_bytes`` are read.
    """
    digest = blake2b(digest_size=16)
    for start in range(0, n_bytes, BLOCK_BYTES):
        digest.update(read_at(file, place + start, min(BLOCK_BYTES, n_bytes - start)))
    return digest.digest()
