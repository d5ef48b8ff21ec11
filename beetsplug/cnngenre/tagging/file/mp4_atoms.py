"""The tags of an MP4 file, which are the child atoms of its ``ilst`` atom."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mutagen.mp4 import AtomDataType, MP4Tags
from mutagen.mp4._atom import Atom, Atoms

from beetsplug.cnngenre.tagging.file.raw_entries import Entry, MalformedTagError, RawEntries

FREEFORM = b"----"
PATH = (b"moov", b"udta", b"meta", b"ilst")


class Mp4Atoms(RawEntries):
    """The tags of an MP4 file; its genre is a text, an ID3v1 genre number, or both."""

    names = ("\xa9gen", "gnre")

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            found = find_tags(file)
            self.created = found is None
            self.entries = [] if found is None else children_of(found, file)

    def new_entries(self, genres: Sequence[str], _former: Entry | None) -> list[Entry]:
        """One atom with all genres."""
        head = struct.pack(">2I", AtomDataType.UTF8, 0)
        values = [Atom.render(b"data", head + genre.encode()) for genre in genres]
        name = self.names[0]
        return [Entry(name, Atom.render(name.encode("latin-1"), b"".join(values)))]

    @staticmethod
    def rendered(tags: MP4Tags, key: str) -> Entry:
        """The atom that mutagen writes for a key."""
        return entry_of(tags._render(key, tags[key]))  # type: ignore[no-untyped-call]

    def save(self, path: Path, *, whole: bool = False) -> None:
        """Let mutagen write the atoms; it moves the audio if they need more space."""
        with path.open("r+b") as file:
            Writer([entry.raw for entry in self.entries]).save(
                file, padding=(lambda _: 0) if whole and not self.entries else None
            )


class Writer(MP4Tags):
    """mutagen's MP4 tags, written as the given atoms instead of being encoded again."""

    def __init__(self, atoms: Sequence[bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.atoms = atoms

    def items(self) -> Any:
        """One placeholder for all tags, because mutagen would sort several."""
        return [("", "")]

    def _render(self, _key: str, _value: str) -> bytes:
        return b"".join(self.atoms)


def find_tags(file: BinaryIO) -> Any:
    """The ``ilst`` atom, as mutagen finds it; None if there is none.

    Raises:
        MalformedTagError: mutagen would overwrite something else with the tags.
    """
    try:
        *_, meta, found = Atoms(file).path(*PATH)
    except KeyError:
        return None
    children = meta.children
    if len(children) > 2 and found is children[0] and children[-1].name == b"free":
        raise MalformedTagError("the free space for its tags is not next to them")
    return found


def children_of(found: Any, file: BinaryIO) -> list[Entry]:
    """The child atoms of ``ilst``, with their bytes.

    Raises:
        MalformedTagError: The child atoms do not fill ``ilst`` exactly.
    """
    whole, content = found.read(file)
    start = found.offset + found.length - found.datalength
    ends = [start, *(atom.offset + atom.length for atom in found.children)]
    if not whole or ends[-1] != start + len(content):
        raise MalformedTagError("the atoms of its tags do not have the size that they say")
    return [
        entry_of(content[atom.offset - start : end - start])
        for atom, end in zip(found.children, ends[1:], strict=True)
    ]


def entry_of(raw: bytes) -> Entry:
    """An atom as an entry with the name that mutagen gives it."""
    name, content = raw[4:8], raw[8:]
    while name.startswith(FREEFORM) and content[4:8] in (b"mean", b"name"):
        size = int.from_bytes(content[:4], "big")
        name += b":" + content[12:size]
        content = content[max(size, 12) :]
    return Entry(name.decode("latin-1"), raw)
