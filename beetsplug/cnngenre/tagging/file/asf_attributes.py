"""The attributes of an ASF file (e.g. WMA), which some objects of its header hold.

The content description has five fixed fields and no genre, so it is treated like any other object.
Format: Advanced Systems Format (ASF) Specification, revision 01.20.05.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from mutagen import PaddingInfo
from mutagen._util import resize_bytes

from beetsplug.cnngenre.tagging.file.digests import digest_of
from beetsplug.cnngenre.tagging.file.raw_entries import Entry, MalformedTagError, RawEntries
from genre_model.audio.stored.asf import EXTENSION, HEADER, MAX_HEADER_BYTES, objects

PADDING = UUID("1806D474-CADF-4509-A4BA-9AABCB96AAE8").bytes_le
EXTENDED, METADATA, LIBRARY = "extended", "metadata", "library"
KINDS = {
    UUID("D2D0A440-E307-11D2-97F0-00A0C95EA850").bytes_le: EXTENDED,
    UUID("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA").bytes_le: METADATA,
    UUID("44231C94-9498-49D1-A141-1D134E457054").bytes_le: LIBRARY,
}
GUIDS = {kind: guid for guid, kind in KINDS.items()}
HEAD_BYTES, OBJECT_HEAD_BYTES = 30, 24
NEW_EXTENSION = UUID("ABD3D211-A9BA-11CF-8EE6-00C00C205365").bytes_le + b"\6\0"
TEXT = 0  # the data type of a text attribute
MAX_EXTENDED_BYTES = 2**16 - 1  # longer values go to the metadata library


@dataclass(frozen=True, slots=True)
class Part:
    """An object of the header.

    Attributes:
        name: Its GUID.
        content: All its bytes; if it holds attributes, the bytes after these; for the header
            extension, the bytes before its parts.
        home: If it holds attributes, its kind and its number among this kind; their entries have
            the same ``home``.
        parts: The objects inside the header extension.
    """

    name: bytes
    content: bytes
    home: str = ""
    parts: tuple[Part, ...] = ()


class AsfAttributes(RawEntries):
    """The attributes of an ASF; the first genre is in the extended content description."""

    names = ("WM/Genre",)

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self.head = file.read(HEAD_BYTES)
            self.n_bytes = int.from_bytes(self.head[16:24], "little")
            if self.head[:16] != HEADER or not HEAD_BYTES <= self.n_bytes <= MAX_HEADER_BYTES:
                raise MalformedTagError("its header has an impossible size")
            content = file.read(self.n_bytes - HEAD_BYTES)
        self.created = False  # every ASF file has tags, even if they are empty
        self.entries = []
        self.counts: Counter[str | bytes] = Counter()
        try:
            self.parts = self.read_parts(content)
        except EOFError as error:
            raise MalformedTagError("an object of its header has a wrong size") from error

    def read_parts(self, content: bytes) -> tuple[Part, ...]:
        """Parse the objects of the header or of its extension; attributes become entries.

        Raises:
            EOFError, MalformedTagError: A size is wrong.
        """
        return tuple(self.read_part(name, inside) for name, inside in objects(content))

    def read_part(self, name: bytes, content: bytes) -> Part:
        """Parse one object; its attributes become entries.

        Raises:
            EOFError, MalformedTagError: A size is wrong.
        """
        if name == EXTENSION:
            self.counts[EXTENSION] += 1
            if int.from_bytes(content[18:22], "little") != len(content) - 22:
                raise EOFError
            if self.counts[EXTENSION] > 1:
                raise MalformedTagError("its header is extended twice")
            return Part(name, content[:18], parts=self.read_parts(content[22:]))
        if name not in KINDS:
            return Part(name, content)
        kind = KINDS[name]
        home = f"{kind} {self.counts[kind]}"
        self.counts[kind] += 1
        place = 2
        for _ in range(int.from_bytes(content[:2], "little")):
            entry = attribute_at(content, place, home)
            self.entries.append(entry)
            place += len(entry.raw)
        return Part(name, content[place:], home)

    def others(self, but: Collection[str] = ()) -> dict[str, str]:
        """Digests of all other attributes, and of the objects that hold no attributes."""
        found = super().others(but)
        found["objects"] = digest_of([(p.name, p.content) for p in flat(self.parts) if is_fixed(p)])
        return found

    def new_entries(self, genres: Sequence[str], _former: Entry | None) -> list[Entry]:
        """The first genre where all programs look, the others in the metadata library.

        The extended content description may hold only one genre, and no long one.
        """
        [name] = self.names
        values = [(genre + "\0").encode("utf-16-le") for genre in genres]
        n_extended = int(len(values[0]) <= MAX_EXTENDED_BYTES)
        extended = [in_extended(name, value) for value in values[:n_extended]]
        return extended + [library_attribute(name, value) for value in values[n_extended:]]

    def save(self, path: Path, *, whole: bool = False) -> None:
        """Write the header with mutagen's default padding, and move the audio if necessary."""
        by_home: dict[str, list[bytes]] = {}
        for entry in self.entries:
            by_home.setdefault(entry.home, []).append(entry.raw)
        known = {part.home for part in flat(self.parts)}
        parts = with_homes(self.parts, [home for home in by_home if home not in known])
        parts, place = with_padding(parts)
        rendered = [render(part, by_home) for part in parts]
        with path.open("r+b") as file:
            n_needed = HEAD_BYTES + sum(map(len, rendered))
            n_audio = file.seek(0, 2) - self.n_bytes
            info = PaddingInfo(self.n_bytes - n_needed, n_audio)
            padding = bytes(info.get_default_padding())
            rendered[place] = render(Part(PADDING, padding), {})
            content = b"".join(rendered)
            n_objects = int.from_bytes(self.head[24:28], "little") + len(parts) - len(self.parts)
            sizes = struct.pack("<QI", HEAD_BYTES + len(content), n_objects)
            header = self.head[:16] + sizes + self.head[28:] + content
            resize_bytes(file, self.n_bytes, len(header), 0)
            file.seek(0)
            file.write(header)


def attribute_at(content: bytes, place: int, home: str) -> Entry:
    """The attribute at an offset of an object's content.

    Raises:
        MalformedTagError: It is longer than the object.
    """
    if home.startswith(EXTENDED):
        [n_name] = struct.unpack_from("<H", content, place)
        start = place + 2
        [n_value] = struct.unpack_from("<H", content, start + n_name + 2)
        end = start + n_name + 4 + n_value
    else:
        n_name, _, n_value = struct.unpack_from("<HHI", content, place + 4)
        start = place + 12
        end = start + n_name + n_value
    if end > len(content):
        raise MalformedTagError("an attribute of its tags has a wrong size")
    name = content[start : start + n_name].decode("utf-16-le").strip("\0")
    return Entry(name, content[place:end], home)


def in_extended(name: str, value: bytes) -> Entry:
    """A text attribute in the format of the extended content description."""
    key = (name + "\0").encode("utf-16-le")
    raw = struct.pack("<H", len(key)) + key + struct.pack("<HH", TEXT, len(value)) + value
    return Entry(name, raw, f"{EXTENDED} 0")


def library_attribute(name: str, value: bytes) -> Entry:
    """A text attribute in the format of the metadata library, with language and stream 0."""
    key = (name + "\0").encode("utf-16-le")
    raw = struct.pack("<4HI", 0, 0, len(key), TEXT, len(value)) + key + value
    return Entry(name, raw, f"{LIBRARY} 0")


def flat(parts: Sequence[Part]) -> list[Part]:
    """All parts, each followed by the parts inside it."""
    return [one for part in parts for one in (part, *flat(part.parts))]


def is_fixed(part: Part) -> bool:
    """Whether a part holds no attributes and is neither the header extension nor padding."""
    return not part.home and part.name not in (EXTENSION, PADDING)


def with_homes(parts: tuple[Part, ...], homes: Sequence[str]) -> tuple[Part, ...]:
    """Add an empty part for each home; all but the extended kind go into the header extension."""
    new = [Part(GUIDS[home.partition(" ")[0]], b"", home) for home in homes]
    outer = tuple(part for part in new if KINDS[part.name] == EXTENDED)
    inner = tuple(part for part in new if KINDS[part.name] != EXTENDED)
    if inner and not any(part.name == EXTENSION for part in parts):
        parts = (*parts, Part(EXTENSION, NEW_EXTENSION))
    extended = tuple(
        Part(part.name, part.content, parts=part.parts + inner) if part.name == EXTENSION else part
        for part in parts
    )
    return extended + outer


def with_padding(parts: tuple[Part, ...]) -> tuple[tuple[Part, ...], int]:
    """The parts with an empty padding part (in place of the first, if any), and its index."""
    places = [n for n, part in enumerate(parts) if part.name == PADDING]
    place = places[0] if places else len(parts)
    return (*parts[:place], Part(PADDING, b""), *parts[place + 1 :]), place


def render(part: Part, by_home: Mapping[str, Sequence[bytes]]) -> bytes:
    """The bytes of a part, with the attributes whose home it is."""
    content = part.content
    if part.home:
        entries = by_home.get(part.home, ())
        content = struct.pack("<H", len(entries)) + b"".join(entries) + content
    elif part.name == EXTENSION:
        inner = b"".join(render(one, by_home) for one in part.parts)
        content += struct.pack("<I", len(inner)) + inner
    return part.name + struct.pack("<Q", OBJECT_HEAD_BYTES + len(content)) + content
