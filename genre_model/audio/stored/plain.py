"""Files of audio frames with tags before or after them: MP3, FLAC, WavPack, and others.

Formats: https://id3.org/id3v2.4.0-structure, RFC 9639 (FLAC),
https://wiki.hydrogenaud.io/index.php?title=APE_Tags_Header.
"""

from __future__ import annotations

from typing import BinaryIO

from genre_model.audio.stored.layout import Stored, hashed_at, read_at

STREAMINFO, FLAC_TAGS = 0, (1, 4, 6)  # padding, Vorbis comments, pictures
TAGGED_BEHIND = (b"wvpk", b"MAC ", b"MP+", b"MPCK", b"OFR ", b"TTA1")
APE, APE_FOOTER_BYTES = b"APETAGEX", 32
ID3V1_BYTES = 128
HAS_HEADER = 1 << 31


def flac(file: BinaryIO, size: int) -> Stored | None:
    """The audio of a FLAC file, perhaps after an ID3v2 tag: its frames up to the end."""
    start = after_id3v2(file, 0)
    if start is None or read_at(file, start, 4) != b"fLaC":
        return None
    place, last, kept = start + 4, False, []
    while not last:
        head = read_at(file, place, 4)
        last, code, n_bytes = bool(head[0] & 0x80), head[0] & 0x7F, int.from_bytes(head[1:], "big")
        if code not in FLAC_TAGS:
            kept.append((code, hashed_at(file, place + 4, n_bytes)))
        place += 4 + n_bytes
    sync = read_at(file, place, 2)
    if not kept or kept[0][0] != STREAMINFO or sync[0] != 0xFF or sync[1] & 0xFC != 0xF8:
        return None
    return Stored(("flac", hashed_at(file, 0, start), *kept), ((place, size),))


def with_tag_before(file: BinaryIO, size: int) -> Stored | None:
    """The MPEG or True Audio frames between an ID3v2 tag and an ID3v1 tag."""
    start = after_id3v2(file, 0)
    frames = start
    while frames is not None and read_at(file, frames, 3) == b"ID3":
        frames = after_id3v2(file, frames)
    if start is None or frames is None:
        return None
    first = read_at(file, frames, 4)
    is_mpeg = first[0] == 0xFF and first[1] & 0xE0 == 0xE0 and first[2] & 0xF0 != 0xF0
    if not is_mpeg and first != b"TTA1":
        return None
    return Stored(("frames",), ((start, size - len(id3v1(file))),))


def after_id3v2(file: BinaryIO, place: int) -> int | None:
    """Where the ID3v2 tag at ``place`` ends; ``place`` if there is none, None if it is broken."""
    file.seek(place)
    head = file.read(10)
    if head[:3] != b"ID3":
        return place
    if len(head) < 10 or max(head[6:]) > 0x7F:
        return None
    n_bytes = sum(byte << 7 * n for n, byte in enumerate(reversed(head[6:])))
    return place + 10 + n_bytes + (10 if head[5] & 0x10 else 0)


def with_tag_behind(file: BinaryIO, size: int) -> Stored | None:
    """WavPack, Monkey's Audio, Musepack, OptimFROG, True Audio: all bytes before an APEv2 tag."""
    first = read_at(file, 0, 4)
    if not first.startswith(TAGGED_BEHIND):
        return None
    old_tag = id3v1(file)
    end = size - len(old_tag)
    footer = read_at(file, max(0, end - APE_FOOTER_BYTES), APE_FOOTER_BYTES)
    if footer.startswith(APE):
        flags = int.from_bytes(footer[20:24], "little")
        end -= int.from_bytes(footer[12:16], "little")
        end -= APE_FOOTER_BYTES if flags & HAS_HEADER else 0
    return Stored((first, old_tag), ((0, end),)) if end > 0 else None


def id3v1(file: BinaryIO) -> bytes:
    """The ID3v1 tag at the end of a file; empty if there is none.

    An APEv2 tag may have the letters ``TAG`` at the same place: in its own name, or in a value.
    """
    size = file.seek(0, 2)
    before = APE.index(b"TAG")
    file.seek(max(0, size - ID3V1_BYTES - before))
    end = file.read()
    tag = end[-ID3V1_BYTES:]
    of_ape = end.startswith(APE) or tag[-APE_FOOTER_BYTES:].startswith(APE)
    return tag if len(tag) == ID3V1_BYTES and tag.startswith(b"TAG") and not of_ape else b""
