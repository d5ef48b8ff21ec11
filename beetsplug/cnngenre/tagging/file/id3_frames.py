"""Replace the genre frames of an ID3v2 tag without changing a byte of the other frames.

mutagen parses a tag into objects and encodes these again: that upgrades ID3v2.2 and 2.3, and drops
empty and unknown frames.  Here mutagen only finds the tag in its container and puts it back with
its padding (MP3, WAV, AIFF and DSF differ in that); the frames are written as they were read.
Format: https://id3.org/id3v2.4.0-structure and its older versions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

from mutagen.id3 import ID3, Frame, Frames, ID3NoHeaderError
from mutagen.id3._id3v1 import find_id3v1
from mutagen.id3._tags import determine_bpi
from mutagen.id3._util import ID3SaveConfig, unsynch

from beetsplug.cnngenre.tagging.file.id3_translation import UNSYNCHRONISED, frames_of, keys_of

GENRE_FRAMES = (b"TCON", b"TCO", b"TCO\0")
LATIN_1, UTF_16, UTF_8 = 0, 1, 3


class RawTag:
    """The ID3v2 tag of a file as the raw bytes of its frames.

    Attributes:
        version: The version of ID3v2: 2, 3 or 4.
        frames: The frames in file order, each with its header.
        created: Whether the file had no ID3v2 tag.
    """

    def __init__(self, path: str, kind: type[ID3], version_of_new: int) -> None:
        """Read the tag.

        Args:
            path: The file's path.
            kind: mutagen's tag class for this container.
            version_of_new: The version (3 or 4) of a new tag, if the file has none.  The new tag
                gets the ID3v1 fields, because programs read ID3v1 only if there is no other tag.

        Raises:
            mutagen.MutagenError: The tag cannot be read.
        """
        self._tag = reader_of(kind)()
        with suppress(ID3NoHeaderError):
            self._tag.load(path, translate=False, load_v1=False)
        self.created = self._tag.seen is None
        if self._tag.seen is None:
            self.version = version_of_new
            self.flags = 0
            self.frames = split_frames(version_of_new, old_frames(path, kind, version_of_new))
        else:
            header, body = self._tag.seen
            self.version = header.version[1]
            self.flags = UNSYNCHRONISED if self.version == 4 and header.f_unsynch else 0
            if self.version < 4 and header.f_unsynch:
                body = unsynchronised(body)
            self.frames = split_frames(self.version, body)
            self._tag.seen = None  # free the memory: it may be large
            self._tag.clear()

    def save(self, path: str) -> None:
        """Write the frames into the file, in place.

        Raises:
            mutagen.MutagenError: The file cannot be written.
        """
        self._tag.body = b"".join(self.frames)
        self._tag.head = bytes((self.version, 0, self.flags))
        self._tag.save(path)

    def genre_frames(self) -> list[bytes]:
        """The frames that hold genres."""
        return [frame for frame in self.frames if is_genre(frame, self.version)]

    def other_frames(self, but: Collection[str] = ()) -> list[bytes]:
        """All frames that do not hold genres, without those that have a key in ``but``."""
        others = [frame for frame in self.frames if not is_genre(frame, self.version)]
        return [frame for frame in others if not self.has_key(frame, but)] if but else others

    def has_key(self, frame: bytes, keys: Collection[str]) -> bool:
        """Whether mutagen reads a frame under one of the keys."""
        return not keys_of(frame, self.version, self.flags).isdisjoint(keys)

    def replace_genres(self, new: Sequence[bytes]) -> None:
        """Put frames in the place of the genre frames, or at the end if there are none."""
        self.replace(lambda frame: is_genre(frame, self.version), new)

    def replace_others(self, keys: Collection[str], new: Iterable[Frame]) -> None:
        """Put frames in the place of those with the keys, or at the end if there are none."""
        frames = frames_of(new, self.version, self.flags)
        self.replace(lambda frame: self.has_key(frame, keys), frames)

    def replace(self, is_old: Callable[[bytes], bool], new: Sequence[bytes]) -> None:
        """Put frames in the place of the first old one, or at the end if there is none."""
        are_old = [is_old(frame) for frame in self.frames]
        whole = not self.frames or is_whole(self.frames[-1], self.version)
        place = are_old.index(True) if True in are_old else len(self.frames) - (not whole)
        kept = [(n, frame) for n, frame in enumerate(self.frames) if not are_old[n]]
        before = [frame for n, frame in kept if n < place]
        self.frames = [*before, *new, *(frame for n, frame in kept if n >= place)]


def reader_of(kind: type[ID3]) -> type[Any]:
    """A subclass of a tag class that keeps the bytes it reads and writes given bytes."""

    class Reader(kind):  # type: ignore[misc,valid-type]
        seen: tuple[Any, bytes] | None = None
        body = b""
        head = b""

        def _read(self, header: Any, data: bytes) -> Any:
            self.seen = (header, bytes(data))
            return super()._read(header, data)

        def _write(self, config: Any) -> bytes:
            return self.body

        def _prepare_data(self, *arguments: Any) -> bytes:
            data: bytes = super()._prepare_data(*arguments)
            return data[:3] + self.head + data[6:]

        def _ID3__save_v1(self, file: Any, v1: Any) -> None:  # noqa: N802
            """Leave the ID3v1 tag unchanged; mutagen would rewrite it from the ID3v2 tag."""

    return Reader


def old_frames(path: str, kind: type[ID3], version: int) -> bytes:
    """The fields of a file's ID3v1 tag as ID3v2 frames; empty if there is no such tag."""
    tag = kind()
    try:
        tag.load(path, v2_version=version)
    except ID3NoHeaderError:
        return b""
    return bytes(tag._write(ID3SaveConfig(version, None)))  # type: ignore[no-untyped-call]


def frames_of_id3v1(path: str, version: int) -> list[bytes]:
    """The fields of a file's ID3v1 tag, except the genre, as ID3v2 frames; empty without a tag."""
    with open(path, "rb") as file:  # noqa: PTH123  # a str for mutagen, no Path
        found, _ = find_id3v1(file, version)  # type: ignore[no-untyped-call]
    tag = ID3()  # type: ignore[no-untyped-call]
    for frame in (found or {}).values():
        tag.add(frame)  # type: ignore[no-untyped-call]
    body = bytes(tag._write(ID3SaveConfig(version, None)))  # type: ignore[no-untyped-call]
    return [frame for frame in split_frames(version, body) if not is_genre(frame, version)]


def unsynchronised(body: bytes) -> bytes:
    """Undo the unsynchronisation of an ID3v2.2 or 2.3 tag.

    Unsynchronisation inserts bytes so that players do not mistake the tag for audio.
    """
    try:
        return bytes(unsynch.decode(body))
    except ValueError:  # mutagen, too, then uses the body unchanged
        return body


def split_frames(version: int, body: bytes) -> list[bytes]:
    """The frames of a tag, each with its header, up to the padding."""
    head = 6 if version == 2 else 10
    number = determine_bpi(body, Frames) if version == 4 else int  # type: ignore[no-untyped-call]
    frames = []
    while len(body) >= head and body[: 3 if version == 2 else 4].strip(b"\0"):
        if version == 2:
            size = int.from_bytes(body[3:6], "big")
        else:
            size = int(number(struct.unpack(">L", body[4:8])[0]))
        frames.append(body[: head + size])
        body = body[head + size :]
    return frames


def is_genre(frame: bytes, version: int) -> bool:
    """Whether a frame holds genres."""
    return frame[: 3 if version == 2 else 4] in GENRE_FRAMES


def is_whole(frame: bytes, version: int) -> bool:
    """Whether a frame has the size in its header; a truncated one would swallow what follows."""
    if version == 2:
        return len(frame) == 6 + int.from_bytes(frame[3:6], "big")
    sizes = (int.from_bytes(frame[4:8], "big"), syncsafe(frame[4:8]))
    return len(frame) - 10 in sizes


def syncsafe(data: bytes) -> int:
    """Decode a syncsafe integer, which has seven bits in each byte."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))


def new_frame(version: int, genres: Sequence[str]) -> bytes:
    """A genre frame with its header.

    Genres are separated by NUL, in ID3v2.3 too: with a slash, which some programs write there, they
    would be a single genre.  A program that supports only one value reads the first.
    """
    texts = [f"({genre}" if genre.startswith("(") else genre for genre in genres]
    if version == 4:
        data = bytes((UTF_8,)) + "\0".join(texts).encode()
        size = bytes((len(data) >> shift) & 0x7F for shift in (21, 14, 7, 0))
        return b"TCON" + size + b"\0\0" + data
    try:
        data = bytes((LATIN_1,)) + "\0".join(texts).encode("latin-1")
    except UnicodeEncodeError:
        marked = [b"\xff\xfe" + text.encode("utf-16-le") for text in texts]
        data = bytes((UTF_16,)) + b"\0\0".join(marked)
    if version == 2:
        return b"TCO" + len(data).to_bytes(3, "big") + data
    return b"TCON" + len(data).to_bytes(4, "big") + b"\0\0" + data
