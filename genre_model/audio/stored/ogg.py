"""Ogg with one stream of Vorbis, Opus or Speex: header packets, one with the tags; then audio.

Format: RFC 3533.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from genre_model.audio.stored.layout import Stored, read_at

# Number of header packets of each codec; the second one has the tags.
HEADERS = {b"\x01vorbis": 3, b"OpusHead": 2, b"Speex   ": 2}
MAX_HEADER_PAGES = 4096  # a picture among the tags may take many
HEAD_BYTES, CHECKSUM = 27, slice(22, 26)
BEGINS = 2  # flag of a stream's first page
SWAPPED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ogg(file: BinaryIO, size: int) -> Stored | None:
    """The audio of an Ogg file: all pages after the header pages, including their page numbers."""
    packets: list[bytes] = []
    begun, n_wanted, serial, end = bytearray(), 1, b"", size
    for page in pages(file):
        serial, lacing, body, end = page
        place = 0
        for length in lacing:
            begun += body[place : place + length]
            place += length
            if length < 255:
                packets.append(bytes(begun))
                begun.clear()
        first = packets[0] if packets else b""  # this packet fits the first page
        n_wanted = next((n for name, n in HEADERS.items() if first.startswith(name)), 0)
        if len(packets) >= n_wanted:
            break
    if not packets or len(packets) != n_wanted or begun or end == size:
        return None
    following = read_at(file, end, HEAD_BYTES)[18:22]
    settings = ("ogg", serial, following, packets[0], *packets[2:])
    return Stored(settings, ((end, size),))


def pages(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes, int]]:
    """The serial number, lacing values, content and end position of each page from the start.

    Stops at ``MAX_HEADER_PAGES``, or at a page that is malformed or out of order.
    """
    place, serial = 0, read_at(file, 14, 4)
    for number in range(MAX_HEADER_PAGES):
        head = read_at(file, place, HEAD_BYTES)
        lacing = read_at(file, place + HEAD_BYTES, head[26])
        body = read_at(file, place + HEAD_BYTES + len(lacing), sum(lacing))
        if not is_next(head, serial, number) or checksum(head, lacing + body) != head[CHECKSUM]:
            return
        place += HEAD_BYTES + len(lacing) + len(body)
        yield serial, lacing, body, place


def audio_in_ogg(file: BinaryIO, size: int) -> list[bytes] | None:
    """The parts of an Ogg file that are not tags; None if it is not Ogg, or its layout not plain.

    Page numbers and checksums are left out: they change with the number of pages with tags.
    """
    try:
        found = ogg(file, size)
        if found is None:
            return None
        parts = [repr(found.settings[3:]).encode()]
        place = found.ranges[0][0]
        while place < size:
            head = read_at(file, place, HEAD_BYTES)
            lacing = read_at(file, place + HEAD_BYTES, head[26])
            body = read_at(file, place + HEAD_BYTES + len(lacing), sum(lacing))
            if head[:4] != b"OggS":
                return None
            place += HEAD_BYTES + len(lacing) + len(body)
            parts.append(head[:18] + lacing + body)
    except EOFError:
        return None
    return parts


def comment_bytes(file: BinaryIO, most: int) -> int | None:
    """The size of the first two packets of each stream in bytes; the second packet has the tags.

    Counting stops above ``most`` bytes.  None if the file is not Ogg.  The contents of pages are
    not read.
    """
    place, n_bytes = 0, 0
    n_packets: dict[bytes, int] = {}
    while True:
        file.seek(place)
        head = file.read(HEAD_BYTES)
        if len(head) < HEAD_BYTES or head[:4] != b"OggS":
            return n_bytes if place else None
        lacing = file.read(head[26])
        serial = head[14:18]
        if n_packets and not head[5] & BEGINS and min(n_packets.values()) >= 2:
            return n_bytes
        if n_packets.setdefault(serial, 0) < 2:
            n_bytes += sum(lacing)
            n_packets[serial] += sum(length < 255 for length in lacing)
        if n_bytes > most:
            return n_bytes
        place += HEAD_BYTES + len(lacing) + sum(lacing)


def is_next(head: bytes, serial: bytes, number: int) -> bool:
    """Whether a page is the next one of the stream."""
    begins = bool(head[5] & BEGINS)
    number_found = int.from_bytes(head[18:22], "little")
    right = head[:5] == b"OggS\0" and head[14:18] == serial and number_found == number
    return right and begins == (number == 0)


def checksum(head: bytes, rest: bytes) -> bytes:
    """The checksum of a page: zlib's CRC-32 with the bits of each byte reversed."""
    page = head[: CHECKSUM.start] + bytes(4) + head[CHECKSUM.stop :] + rest
    found = zlib.crc32(page.translate(SWAPPED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return found.to_bytes(4, "little").translate(SWAPPED)[::-1]
