"""What the finders of all formats give, and how they read."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import BinaryIO

BLOCK_BYTES = 2**18


@dataclass(frozen=True, slots=True)
class Stored:
    """What of a file is not its tags.

    Attributes:
        settings: What a player needs beside the audio, whatever its places in the file.
        ranges: First byte, and the byte after the last, of the parts that have the audio.
    """

    settings: tuple[object, ...]
    ranges: tuple[tuple[int, int], ...]


def read_at(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    """Bytes of a file.

    Raises:
        EOFError: The file ends before ``n_bytes`` are read.
    """
    file.seek(place)
    found = file.read(n_bytes)
    if len(found) < n_bytes:
        raise EOFError
    return found


def hashed_at(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    """A digest of bytes of a file, of which there may be many.

    Raises:
        EOFError: The file ends before ``n_bytes`` are read.
    """
    digest = blake2b(digest_size=16)
    for start in range(0, n_bytes, BLOCK_BYTES):
        digest.update(read_at(file, place + start, min(BLOCK_BYTES, n_bytes - start)))
    return digest.digest()
