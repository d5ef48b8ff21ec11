"""What the finders of all formats give, and how they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


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
        EOFError: It is not so long.
    """
    file.seek(place)
    found = file.read(n_bytes)
    if len(found) < n_bytes:
        raise EOFError
    return found
