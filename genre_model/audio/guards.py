"""What FFmpeg may see of a file: some containers, audio decoders, and not too many tags."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

# Containers of music, by FFmpeg's names.  Playlists are none: they would have it open other files.
CONTAINERS = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "caf", "dsf", "dts", "eac3", "flac", "iff"),
    *("matroska", "mov", "mp3", "mpc", "mpc8", "ogg", "tak", "tta", "w64", "wav", "wv", "xwma"),
)


MAX_TAGS = 20_000
VORBIS_COMMENT = 4  # the block of a FLAC
OGG_COMMENTS = (b"\x03vorbis", b"OpusTags")  # what the packet begins with


OGG_HEAD = 8192


def count_tags(path: Path) -> int:
    """How many tags a FLAC, an Ogg file or an MP3 says that it has, or a little more than allowed.

    FFmpeg compares each with all before it and cannot be stopped while it does; what reads and
    writes tags after us takes minutes.  In other files this is 0.

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
    """The comments in the blocks before the music; a damaged number counts as far as it can be."""
    file.seek(4)
    while len(block := file.read(4)) == 4:
        size = int.from_bytes(block[1:], "big")
        if block[0] & 0x7F == VORBIS_COMMENT:
            return min(count_comments(file), size // 4)
        file.seek(size, io.SEEK_CUR)
        if block[0] & 0x80:  # the last one
            break
    return 0


def count_comments(file: BinaryIO) -> int:
    """The number that comes after the name of the program that wrote them."""
    file.seek(int.from_bytes(file.read(4), "little"), io.SEEK_CUR)
    return int.from_bytes(file.read(4), "little")


def count_id3_frames(file: BinaryIO, head: bytes) -> int:
    """The frames of an ID3v2.3 or 2.4 tag, one after the other."""
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
    """A big-endian number of which each byte has so many bits."""
    number = 0
    for byte in content:
        number = (number << bits) | byte
    return number


def open_options() -> dict[str, Any]:
    """What ``av.open`` needs to be told.

    Other containers and decoders are out of bounds, and tags in Latin-1 must not stop the decoding.
    From version 19 on PyAV lets those pass by itself, and no longer has the argument.
    """
    import av

    bounds = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(CONTAINERS),
        "codec_whitelist": ",".join(audio_decoders()),
    }
    old = int(av.__version__.split(".")[0]) < 19
    return {"options": bounds, **({"metadata_errors": "ignore"} if old else {})}


@cache
def audio_decoders() -> tuple[str, ...]:
    """FFmpeg's names of what decodes sound: a cover is not to be unpacked."""
    import av

    found = []
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "r")
        except ValueError:  # it encodes only
            continue
        if codec.type == "audio":
            found.append(name)
    return tuple(sorted(found))
