"""ASF, the container of WMA: a header of objects, some of which hold the tags, then the packets.

Format: Advanced Systems Format (ASF) Specification, revision 01.20.05.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from uuid import UUID

from genre_model.audio.stored.layout import Stored, read_at

HEADER = UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C").bytes_le
EXTENSION = UUID("5FBF03B5-A92E-11CF-8EE3-00C00C205365").bytes_le
FILE_PROPERTIES = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
TAGS = {
    UUID(name).bytes_le
    for name in (
        "75B22633-668E-11CF-A6D9-00AA0062CE6C",  # content description
        "D2D0A440-E307-11D2-97F0-00A0C95EA850",  # extended content description
        "C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA",  # metadata
        "44231C94-9498-49D1-A141-1D134E457054",  # metadata library
        "1806D474-CADF-4509-A4BA-9AABCB96AAE8",  # padding
    )
}
MAX_HEADER_BYTES = 2**26


def asf(file: BinaryIO, size: int) -> Stored | None:
    """The audio of an ASF file: everything after the header, and the header without tags."""
    head = read_at(file, 0, 30)
    end = int.from_bytes(head[16:24], "little")
    if head[:16] != HEADER or not 30 < end <= MAX_HEADER_BYTES:
        return None
    header = read_at(file, 0, end)
    kept: list[bytes] = []
    for name, content in objects(header[30:]):
        if name == EXTENSION:
            kept.append(content[:18])
            kept += sorted(n + inner for n, inner in objects(content[22:]) if n not in TAGS)
        elif name == FILE_PROPERTIES:
            kept.append(name + content[:16] + content[24:])  # without the file's size
        elif name not in TAGS:
            kept.append(name + content)
    return Stored(tuple(sorted(kept)), ((end, size),))


def objects(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and content of each object.

    Raises:
        EOFError: An object is shorter than its header, or longer than the content.
    """
    place = 0
    while place < len(content):
        n_bytes = int.from_bytes(content[place + 16 : place + 24], "little")
        if not 24 <= n_bytes <= len(content) - place:
            raise EOFError
        yield content[place : place + 16], content[place + 24 : place + n_bytes]
        place += n_bytes
