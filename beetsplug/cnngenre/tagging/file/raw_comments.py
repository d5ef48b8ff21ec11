"""Vorbis comments as the bytes that a file has, in FLAC and Ogg.

mutagen reads them as UTF-8 with replacement characters, leaves out those with a key that the
specification does not allow, names those without a key, and writes what is left.  Here it finds
and replaces the comments in their container, but they stay what they are.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from mutagen._vorbis import VComment, VorbisUnsetFrameError
from mutagen.flac import FLAC, Padding, Picture, StreamInfo, VCFLACDict
from mutagen.ogg import OggFileType


class RawComments(VComment):
    """A list of comments, ``KEY=value`` as a rule.

    They are texts whose bytes :func:`bytes_of` gives back, whatever they are.
    """

    vendor = "Mutagen"

    def load(self, fileobj: BinaryIO, errors: str = "replace", framing: bool = True) -> None:
        """Read the comments.

        Raises:
            struct.error, VorbisUnsetFrameError: They are cut short, or are none.
        """
        self.vendor = text_at(fileobj)
        self.extend(text_at(fileobj) for _ in range(number_at(fileobj)))
        if framing and not fileobj.read(1)[0] & 1:
            raise VorbisUnsetFrameError("framing bit was unset")

    def write(self, framing: bool = True) -> bytes:
        """The comments as they were read, or put in."""
        parts = [with_length(bytes_of(self.vendor)), struct.pack("<I", len(self))]
        parts += (with_length(bytes_of(comment)) for comment in self)
        return b"".join(parts) + (b"\1" if framing else b"")


def number_at(file: BinaryIO) -> int:
    """The next number of a file.

    Raises:
        struct.error: The file ends before it.
    """
    return int(struct.unpack("<I", file.read(4))[0])


def text_at(file: BinaryIO) -> str:
    """The next text of a file, after its length."""
    return text_of(file.read(number_at(file)))


def text_of(data: bytes) -> str:
    """A text that stands for bytes of any encoding."""
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """What a text stands for."""
    return text.encode("utf-8", "surrogateescape")


def with_length(data: bytes) -> bytes:
    """Bytes after their number."""
    return struct.pack("<I", len(data)) + data


def key_of(comment: str) -> str:
    """The key of a comment, in lower case; nothing where it has none."""
    key, separator, _ = comment.partition("=")
    return key.lower() if separator else ""


class RawFLACComments(VCFLACDict, RawComments):  # type: ignore[misc]
    """The comments of a FLAC."""


class RawPicture(Picture):
    """A block of a FLAC with a picture; ``data`` is all of it."""

    def load(self, data: Any) -> None:
        """Read the block, whose length alone says where it ends."""
        start = data.tell()
        super().load(data)  # type: ignore[no-untyped-call]
        self.data = b""  # may be large
        n_bytes = data.tell() - start
        data.seek(start)
        self.data = data.read(n_bytes)

    def write(self) -> bytes:
        """The block as it was read."""
        return bytes(self.data)


class RawFLAC(FLAC):
    """A FLAC of which mutagen interprets nothing but the first block."""

    METADATA_BLOCKS: Any = (StreamInfo, Padding, None, None, RawFLACComments, None, RawPicture)

    def add_tags(self) -> None:
        """Add a block of no comments."""
        self.tags = RawFLACComments()  # type: ignore[no-untyped-call]
        self.metadata_blocks.append(self.tags)


def with_raw_comments(kind: type[Any]) -> type[Any] | None:
    """What reads a kind of file with its comments as they are; None for one that has none."""
    if issubclass(kind, FLAC):
        return RawFLAC
    if not issubclass(kind, OggFileType):
        return None
    tags = type("RawComments", (kind._Tags, RawComments), {})
    return type(kind.__name__, (kind,), {"_Tags": tags})
