"""The genre frames of an ID3v2 tag, exchanged without touching a byte of the other frames.

mutagen reads a tag into objects and writes those anew: that upgrades ID3v2.2 and 2.3, drops empty
frames and frames that it does not know.  Here mutagen finds the tag in its container and puts it
back with its padding (MP3, WAV, AIFF and DSF differ in that), but what is written are the frames as
they were read.  Format: https://id3.org/id3v2.4.0-structure and its older versions.
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
    """An ID3v2 tag of a file as its frames' bytes.

    Attributes:
        version: 2, 3 or 4, of ID3v2.
        frames: Each with its header, in their order.
        created: Whether the file had no ID3v2 tag.
    """

    def __init__(self, path: str, kind: type[ID3], version_of_new: int) -> None:
        """Read the tag.

        Args:
            path: The file's.
            kind: mutagen's class for the tags of this container.
            version_of_new: 3 or 4, for a file that has no tag yet; what its ID3v1 tag says is
                taken over, because programs read that only where there is nothing else.

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
            self._tag.seen = None  # which may be large
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
        """All other frames; ``but``: those with these keys are left out, too."""
        others = [frame for frame in self.frames if not is_genre(frame, self.version)]
        return [frame for frame in others if not self.has_key(frame, but)] if but else others

    def has_key(self, frame: bytes, keys: Collection[str]) -> bool:
        """Whether mutagen knows a frame by one of some keys."""
        return not keys_of(frame, self.version, self.flags).isdisjoint(keys)

    def replace_genres(self, new: Sequence[bytes]) -> None:
        """Put frames where the present genre is; at the end where there is none."""
        self.replace(lambda frame: is_genre(frame, self.version), new)

    def replace_others(self, keys: Collection[str], new: Iterable[Frame]) -> None:
        """Put frames where those with some keys are; at the end where there are none."""
        frames = frames_of(new, self.version, self.flags)
        self.replace(lambda frame: self.has_key(frame, keys), frames)

    def replace(self, is_old: Callable[[bytes], bool], new: Sequence[bytes]) -> None:
        """Put frames where the first old one is; at the end where there is none."""
        are_old = [is_old(frame) for frame in self.frames]
        whole = not self.frames or is_whole(self.frames[-1], self.version)
        place = are_old.index(True) if True in are_old else len(self.frames) - (not whole)
        kept = [(n, frame) for n, frame in enumerate(self.frames) if not are_old[n]]
        before = [frame for n, frame in kept if n < place]
        self.frames = [*before, *new, *(frame for n, frame in kept if n >= place)]


def reader_of(kind: type[ID3]) -> type[Any]:
    """A tag class that keeps the bytes it reads, and writes those it is given."""

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
            """Leave an ID3v1 tag as it is; mutagen would write it anew from the other one."""

    return Reader


def old_frames(path: str, kind: type[ID3], version: int) -> bytes:
    """What an ID3v1 tag says, as frames of ID3v2; nothing where there is none."""
    tag = kind()
    try:
        tag.load(path, v2_version=version)
    except ID3NoHeaderError:
        return b""
    return bytes(tag._write(ID3SaveConfig(version, None)))  # type: ignore[no-untyped-call]


def frames_of_id3v1(path: str, version: int) -> list[bytes]:
    """What a file's ID3v1 tag says beside the genre, as frames of ID3v2; none where it has none."""
    with open(path, "rb") as file:  # noqa: PTH123  # mutagen's name of it
        found, _ = find_id3v1(file, version)  # type: ignore[no-untyped-call]
    tag = ID3()  # type: ignore[no-untyped-call]
    for frame in (found or {}).values():
        tag.add(frame)  # type: ignore[no-untyped-call]
    body = bytes(tag._write(ID3SaveConfig(version, None)))  # type: ignore[no-untyped-call]
    return [frame for frame in split_frames(version, body) if not is_genre(frame, version)]


def unsynchronised(body: bytes) -> bytes:
    """The frames of an older tag without the bytes that keep players from taking it for music."""
    try:
        return bytes(unsynch.decode(body))
    except ValueError:  # mutagen goes on with it as it is, too
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
    """Whether a frame is as long as it says; a cut one would swallow what comes after it."""
    if version == 2:
        return len(frame) == 6 + int.from_bytes(frame[3:6], "big")
    sizes = (int.from_bytes(frame[4:8], "big"), syncsafe(frame[4:8]))
    return len(frame) - 10 in sizes


def syncsafe(data: bytes) -> int:
    """A number of seven bits a byte."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data)))


def new_frame(version: int, genres: Sequence[str]) -> bytes:
    """A frame of genres.

    Several are separated by a NUL, in ID3v2.3 too: a slash, as some programs write it there, would
    make them one.  A program that knows of one value reads the first.
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
