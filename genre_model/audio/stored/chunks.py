"""WAV and AIFF: chunks, each with a name and a size.  A file with inexact sizes is unusual."""

from __future__ import annotations

from typing import BinaryIO

from genre_model.audio.stored.layout import Stored, read_at

TAGS = (b"id3 ", b"ID3 ")


def wave(file: BinaryIO, size: int) -> Stored | None:
    """The audio of a WAV file."""
    return all_chunks(file, size, b"RIFF", (b"WAVE",), b"data")


def aiff(file: BinaryIO, size: int) -> Stored | None:
    """The audio of an AIFF or AIFC file."""
    return all_chunks(file, size, b"FORM", (b"AIFF", b"AIFC"), b"SSND")


def all_chunks(
    file: BinaryIO, size: int, name: bytes, kinds: tuple[bytes, ...], sound: bytes
) -> Stored | None:
    """All chunks except ID3v2; None unless exactly one has the sound and they fill the file."""
    order = "little" if name == b"RIFF" else "big"
    head = read_at(file, 0, 12)
    if head[:4] != name or head[8:] not in kinds or number(head[4:8], order) + 8 != size:
        return None
    settings, ranges, place = [], [], 12
    while place < size:
        head = read_at(file, place, 8)
        n_bytes = number(head[4:], order)
        if head[:4] not in TAGS:
            settings.append(head[:4])
            ranges.append((place + 8, place + 8 + n_bytes))
        place += 8 + n_bytes + n_bytes % 2
    if place != size or settings.count(sound) != 1:
        return None
    return Stored((name, *settings), tuple(ranges))


def number(content: bytes, order: str) -> int:
    """An unsigned number."""
    return int.from_bytes(content, "little" if order == "little" else "big")
