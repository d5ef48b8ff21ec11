"""The items of an APE tag (version 1 or 2), which comes after or before the audio.

Format: https://wiki.hydrogenaud.io/index.php?title=APEv2_specification.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mutagen._util import resize_bytes
from mutagen.apev2 import HAS_HEADER, IS_HEADER, APEv2, _APEv2Data, is_valid_apev2_key

from beetsplug.cnngenre.tagging.file.raw_entries import Entry, RawEntries

MAGIC, VERSION, END_BYTES = b"APETAGEX", 2000, 32  # in both the header and the footer
READ_ONLY, KIND, NO_KIND = 1, 6, 6  # item flags: a bit, the kind's mask, a reserved kind


class ApeItems(RawEntries):
    """An APE tag; its version, its flags and its header, or lack of one, are preserved."""

    names = ("genre",)

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            found: Any = _APEv2Data(file)  # type: ignore[no-untyped-call]
            self.created = found.metadata is None
            if self.created:
                self.head, self.foot = ends_of_new()
                self.start = self.end = 0
            else:
                has_head = found.flags & HAS_HEADER or found.footer is None
                self.head = end_at(file, found.data - END_BYTES) if has_head else b""
                self.foot = b"" if found.footer is None else end_at(file, found.footer)
                self.start, self.end = found.data - len(self.head), found.end
        self.entries, self.rest = split_items(found.tag or b"")

    def new_entries(self, genres: Sequence[str], former: Entry | None) -> list[Entry]:
        """One text item with all genres; the key's spelling and the read-only flag are kept."""
        flags, key = 0, b"Genre"
        if former is not None:
            flags = int.from_bytes(former.raw[4:8], "little") & READ_ONLY
            key = former.raw[8 : former.raw.index(b"\0", 8)]
        value = "\0".join(genres).encode()
        return [Entry(self.names[0], struct.pack("<2I", len(value), flags) + key + b"\0" + value)]

    @staticmethod
    def rendered(tags: APEv2, key: str) -> Entry:
        """The item that mutagen writes for a key."""
        value = tags[key]
        data = value._write()
        raw = struct.pack("<2I", len(data), value.kind << 1) + key.encode() + b"\0" + data
        return Entry(key.lower(), raw)

    def save(self, path: Path, *, whole: bool = False) -> None:
        """Write the tag where it was, or at the end of the file if it is new."""
        body = b"".join([*(entry.raw for entry in self.entries), self.rest])
        sizes = struct.pack("<2I", len(body) + len(self.foot), len(self.entries))
        head, foot = (end and end[:12] + sizes + end[20:] for end in (self.head, self.foot))
        tag = head + body + foot if body or not whole else b""
        with path.open("r+b") as file:
            start = file.seek(0, 2) if self.created else self.start
            resize_bytes(file, self.end - self.start, len(tag), start)
            file.seek(start)
            file.write(tag)


def ends_of_new() -> tuple[bytes, bytes]:
    """The header and the footer of a new tag, without its sizes."""
    head, foot = (struct.pack("<4I8x", VERSION, 0, 0, f | HAS_HEADER) for f in (IS_HEADER, 0))
    return MAGIC + head, MAGIC + foot


def end_at(file: BinaryIO, place: int) -> bytes:
    """The header or the footer at an offset; empty if there is none."""
    file.seek(max(0, place))
    found = file.read(END_BYTES)
    return found if found.startswith(MAGIC) else b""


def split_items(body: bytes) -> tuple[list[Entry], bytes]:
    """The items of a tag, and the bytes after them.

    The item count in the tag is ignored, because some programs write a wrong one.
    """
    items: list[Entry] = []
    place = 0
    while (item := item_at(body, place)) is not None:
        items.append(item)
        place += len(item.raw)
    return items, body[place:]


def item_at(body: bytes, place: int) -> Entry | None:
    """The item at an offset; None if there is no complete item that mutagen would read."""
    end_of_key = body.find(b"\0", place + 8)
    if end_of_key < 0:
        return None
    size, flags = struct.unpack("<2I", body[place : place + 8])
    key, end = body[place + 8 : end_of_key].decode("latin-1"), end_of_key + 1 + size
    if end > len(body) or flags & KIND == NO_KIND or not key.isascii():
        return None
    if not is_valid_apev2_key(key):  # type: ignore[no-untyped-call]
        return None
    return Entry(key.lower(), body[place:end])
