"""The raw bytes of the Vorbis comments in FLAC and Ogg files.

mutagen decodes comments as UTF-8 with replacement characters, drops those with a key that the
specification does not allow, gives a key to those without one, and writes the result.  Here mutagen
only finds and replaces the comments in their container; their bytes are unchanged.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from mutagen._vorbis import VComment, VorbisUnsetFrameError
from mutagen.flac import FLAC, Padding, Picture, StreamInfo, VCFLACDict
from mutagen.ogg import OggFileType

from beetsplug.cnngenre.tagging.file.tag_size import MAX_TAG_BYTES


class RawComments(VComment):
    """A list of comments, usually ``KEY=value``.

    They are strings from which :func:`bytes_of` recovers the bytes, in any encoding.
    """

    vendor = "Mutagen"

    def load(self, fileobj: BinaryIO, errors: str = "replace", framing: bool = True) -> None:
        """Read the comments.

        Raises:
            struct.error, VorbisUnsetFrameError: They are truncated, too long, or no comments.
        """
        self.vendor = text_at(fileobj)
        self.extend(text_at(fileobj) for _ in range(number_at(fileobj)))
        if framing and not fileobj.read(1)[0] & 1:
            raise VorbisUnsetFrameError("framing bit was unset")

    def write(self, framing: bool = True) -> bytes:
        """Encode the comments exactly as they were read or added."""
        parts = [with_length(bytes_of(self.vendor)), struct.pack("<I", len(self))]
        parts += (with_length(bytes_of(comment)) for comment in self)
        return b"".join(parts) + (b"\1" if framing else b"")


def number_at(file: BinaryIO) -> int:
    """Read a 32-bit number from a file.

    Raises:
        struct.error: The file ends too early.
    """
    return int(struct.unpack("<I", file.read(4))[0])


def text_at(file: BinaryIO) -> str:
    """Read a text, which follows its length, from a file.

    Raises:
        struct.error: The file ends too early, or the length is impossible: a damaged one may ask
            for 4 GB of memory.
    """
    n_bytes = number_at(file)
    if n_bytes > MAX_TAG_BYTES:
        raise struct.error(f"a comment of {n_bytes} bytes")
    return text_of(file.read(n_bytes))


def text_of(data: bytes) -> str:
    """Decode bytes of any encoding into a string that preserves them."""
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """Inverse of :func:`text_of`."""
    return text.encode("utf-8", "surrogateescape")


def with_length(data: bytes) -> bytes:
    """Bytes preceded by their length."""
    return struct.pack("<I", len(data)) + data


def key_of(comment: str) -> str:
    """The key of a comment in lower case; empty if it has none."""
    key, separator, _ = comment.partition("=")
    return key.lower() if separator else ""


class RawFLACComments(VCFLACDict, RawComments):  # type: ignore[misc]
    """The comments of a FLAC file."""


class RawPicture(Picture):
    """A picture block of a FLAC file; ``data`` is the whole block."""

    def load(self, data: Any) -> None:
        """Read the block, whose end is known only from the lengths inside it."""
        start = data.tell()
        super().load(data)  # type: ignore[no-untyped-call]
        self.data = b""  # free the memory: it may be large
        n_bytes = data.tell() - start
        data.seek(start)
        self.data = data.read(n_bytes)

    def write(self) -> bytes:
        """The block as it was read."""
        return bytes(self.data)


class RawFLAC(FLAC):
    """A FLAC file of which mutagen interprets only the first block, the stream info."""

    METADATA_BLOCKS: Any = (StreamInfo, Padding, None, None, RawFLACComments, None, RawPicture)

    def add_tags(self) -> None:
        """Add an empty block of comments."""
        self.tags = RawFLACComments()  # type: ignore[no-untyped-call]
        self.metadata_blocks.append(self.tags)


def with_raw_comments(kind: type[Any]) -> type[Any] | None:
    """A file class like ``kind`` that keeps raw comments; None if its files have no comments."""
    if issubclass(kind, FLAC):
        return RawFLAC
    if not issubclass(kind, OggFileType):
        return None
    tags = type("RawComments", (kind._Tags, RawComments), {})
    return type(kind.__name__, (kind,), {"_Tags": tags})
