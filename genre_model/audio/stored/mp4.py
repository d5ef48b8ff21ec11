"""MP4 without fragments: ``mdat`` has the audio, ``moov`` says where each piece of it is.

A tagger may move the audio and change these offsets.  Format: ISO/IEC 14496-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from genre_model.audio.stored.layout import Stored, hashed_at, read_at

Box = tuple[bytes, int, int]  # its type, and where its content begins and ends

USUAL = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid")
ROOM = (b"free", b"skip", b"wide")
CONTAINERS = (b"trak", b"mdia", b"minf", b"stbl")
PLACES = {b"stco": ">u4", b"co64": ">u8"}
TAGS = b"meta"  # in moov.udta
MAX_BOXES = 10_000  # in one box, or at the top level
MAX_PLACES_BYTES = 2**24  # size of an offset table; it is 0.5 MB for a day of AAC


class UnusualError(Exception):
    """The layout is not plain."""


def mp4(file: BinaryIO, size: int) -> Stored | None:
    """The audio of an MP4 file: the contents of ``mdat``, and ``moov`` without its tags."""
    if read_at(file, 4, 4) != b"ftyp":
        return None
    try:
        found = list(boxes(file, 0, size))
        names = [name for name, _, _ in found]
        if set(names) - set(USUAL) or names.count(b"moov") != 1:
            return None
        audio = [(start, end) for name, start, end in found if name == b"mdat"]
        [(_, start, end)] = [box for box in found if box[0] == b"moov"]
        settings = tuple(leaves(file, start, end, b"moov", audio))
    except UnusualError:
        return None
    others = tuple(hashed_at(file, a, b - a) for name, a, b in found if name in (b"ftyp", b"uuid"))
    return Stored((*others, *settings), tuple(audio))


def boxes(file: BinaryIO, place: int, end: int) -> Iterator[Box]:
    """The boxes between two positions in the file.

    Raises:
        UnusualError: A box has an impossible length, or there are more than ``MAX_BOXES``.
    """
    n_boxes = 0
    while place < end:
        head = read_at(file, place, 8)
        n_bytes, n_head = int.from_bytes(head[:4], "big"), 8
        if n_bytes == 1:
            n_bytes, n_head = int.from_bytes(read_at(file, place + 8, 8), "big"), 16
        n_boxes += 1
        if n_bytes < n_head or place + n_bytes > end or n_boxes > MAX_BOXES:
            raise UnusualError
        yield head[4:], place + n_head, place + n_bytes
        place += n_bytes


def leaves(
    file: BinaryIO, start: int, end: int, parent: bytes, audio: list[tuple[int, int]]
) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in a box, with digests; offsets in the file become offsets in the audio.

    Raises:
        UnusualError: An offset is not in the audio, there are too many offsets, or sizes are wrong.
    """
    for name, first, last in boxes(file, start, end):
        if name in ROOM and parent == b"moov":
            continue
        if name == b"udta" and parent == b"moov":
            # It has the tags and other programs' data; a tagger creates it if it is missing.
            others = boxes(file, first, last)
            yield from (
                (n, hashed_at(file, a, b - a)) for n, a, b in others if n != TAGS and n not in ROOM
            )
        elif name in CONTAINERS:
            yield name, b""
            yield from leaves(file, first, last, name, audio)
        elif name in PLACES:
            if last - first > MAX_PLACES_BYTES:
                raise UnusualError
            content = read_at(file, first, last - first)
            yield name, in_audio(content, PLACES[name], audio)
        else:
            yield name, hashed_at(file, first, last - first)


def in_audio(content: bytes, kind: str, audio: list[tuple[int, int]]) -> bytes:
    """Offsets in the file as offsets in the audio.

    Raises:
        UnusualError: The table is malformed, the audio is out of order, or an offset lies outside
            the audio.
    """
    if len(content) < 8 or (len(content) - 8) % np.dtype(kind).itemsize:
        raise UnusualError
    places = np.frombuffer(content, kind, offset=8).astype(np.int64)
    starts = np.array([start for start, _ in audio] or [0])
    ends = np.array([end for _, end in audio] or [0])
    if int.from_bytes(content[4:8], "big") != len(places) or (np.diff(starts) < 0).any():
        raise UnusualError
    number = np.searchsorted(starts, places, "right") - 1
    if (number < 0).any() or (places >= ends[number]).any():
        raise UnusualError
    before = np.concatenate([[0], np.cumsum(ends - starts)[:-1]])
    return bytes((places - starts[number] + before[number]).tobytes())
