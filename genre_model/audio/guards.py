"""Restrict what FFmpeg opens: some containers, audio decoders, and not too many tags."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

# FFmpeg's names of music containers.  Playlists are excluded: they make FFmpeg open other files.
CONTAINERS = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "caf", "dsf", "dts", "eac3", "flac", "iff"),
    *("matroska", "mov", "mp3", "mpc", "mpc8", "ogg", "tak", "tta", "w64", "wav", "wv", "xwma"),
)


MAX_TAGS = 20_000
VORBIS_COMMENT = 4  # block type in a FLAC file
OGG_COMMENTS = (b"\x03vorbis", b"OpusTags")  # start of the packet with the tags


OGG_HEAD = 8192


def count_tags(path: Path) -> int:
    """How many tags a FLAC, Ogg or MP3 file has by its headers; stops just above ``MAX_TAGS``.

    FFmpeg compares each tag with all tags before it and cannot be stopped meanwhile; reading and
    writing the tags afterwards takes minutes.  For other files this is 0.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(OGG_HEAD)
        if head.startswith(b"fLaC"):
            return count_flac_comments(file)
        if head.startswith(b"ID3") and len(head) >= 10:
            return count_id3_frames(file, head)
        starts = [head.find(name) + len(name) for name in OGG_COMMENTS if name in head]
        if head.startswith(b"OggS") and starts:
            file.seek(min(starts))
            return count_comments(file)
    return 0


def count_flac_comments(file: BinaryIO) -> int:
    """The number of tags of a FLAC file; a damaged number is limited to what fits the block."""
    file.seek(4)
    while len(block := file.read(4)) == 4:
        size = int.from_bytes(block[1:], "big")
        if block[0] & 0x7F == VORBIS_COMMENT:
            return min(count_comments(file), size // 4)
        file.seek(size, io.SEEK_CUR)
        if block[0] & 0x80:  # the last block
            break
    return 0


def count_comments(file: BinaryIO) -> int:
    """The number of Vorbis comments, which follows the name of the program that wrote them."""
    file.seek(int.from_bytes(file.read(4), "little"), io.SEEK_CUR)
    return int.from_bytes(file.read(4), "little")


def count_id3_frames(file: BinaryIO, head: bytes) -> int:
    """The number of frames in an ID3v2.3 or 2.4 tag; counting stops above ``MAX_TAGS``."""
    bits = 7 if head[3] == 4 else 8
    end = 10 + number_of(head[6:10], 7)
    place, n_frames = 10, 0
    file.seek(place)
    while place < end and n_frames <= MAX_TAGS and len(frame := file.read(10)) == 10 and frame[0]:
        place += 10 + number_of(frame[4:8], bits)
        file.seek(place)
        n_frames += 1
    return n_frames


def number_of(content: bytes, bits: int) -> int:
    """A big-endian number with ``bits`` bits in each byte."""
    number = 0
    for byte in content:
        number = (number << bits) | byte
    return number


def open_options() -> dict[str, Any]:
    """Arguments for ``av.open``.

    They forbid other containers and decoders, and keep tags in Latin-1 from stopping the decoding:
    their bytes become surrogates.  From version 19 on, PyAV does that by default and no longer has
    the argument.
    """
    import av

    bounds = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(CONTAINERS),
        "codec_whitelist": ",".join(audio_decoders()),
    }
    old = int(av.__version__.split(".")[0]) < 19
    return {"options": bounds, **({"metadata_errors": "surrogateescape"} if old else {})}


@cache
def audio_decoders() -> tuple[str, ...]:
    """FFmpeg's names of all audio decoders; others are left out so that no cover is decoded."""
    import av

    found = []
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "r")
        except ValueError:  # only an encoder
            continue
        if codec.type == "audio":
            found.append(name)
    return tuple(sorted(found))
