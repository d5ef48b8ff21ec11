"""The atoms of an MP4's tags, which are the children of its atom ``ilst``."""

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
    """The tags of an MP4; a genre is a text, a number of ID3v1's list, or both."""

    names = ("\xa9gen", "gnre")

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            found = find_tags(file)
            self.created = found is None
            self.entries = [] if found is None else children_of(found, file)

    def new_entries(self, genres: Sequence[str], _former: Entry | None) -> list[Entry]:
        """An atom of all genres."""
        head = struct.pack(">2I", AtomDataType.UTF8, 0)
        values = [Atom.render(b"data", head + genre.encode()) for genre in genres]
        name = self.names[0]
        return [Entry(name, Atom.render(name.encode("latin-1"), b"".join(values)))]

    @staticmethod
    def rendered(tags: MP4Tags, key: str) -> Entry:
        """What mutagen makes of a tag."""
        return entry_of(tags._render(key, tags[key]))  # type: ignore[no-untyped-call]

    def save(self, path: Path, *, whole: bool = False) -> None:
        """Let mutagen write them, which moves the audio where they need more room."""
        with path.open("r+b") as file:
            Writer([entry.raw for entry in self.entries]).save(
                file, padding=(lambda _: 0) if whole and not self.entries else None
            )


class Writer(MP4Tags):
    """mutagen's tags of an MP4, as atoms that are not to be made anew."""

    def __init__(self, atoms: Sequence[bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.atoms = atoms

    def items(self) -> Any:
        """One tag, which stands for all: mutagen would sort several."""
        return [("", "")]

    def _render(self, _key: str, _value: str) -> bytes:
        return b"".join(self.atoms)


def find_tags(file: BinaryIO) -> Any:
    """The atom that has the tags, as mutagen finds it; None where there is none.

    Raises:
        MalformedTagError: mutagen would write it over something else.
    """
    try:
        *_, meta, found = Atoms(file).path(*PATH)
    except KeyError:
        return None
    children = meta.children
    if len(children) > 2 and found is children[0] and children[-1].name == b"free":
        raise MalformedTagError("its room for tags is not beside them")
    return found


def children_of(found: Any, file: BinaryIO) -> list[Entry]:
    """Its atoms, with their bytes.

    Raises:
        MalformedTagError: The atoms do not fill it.
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
    """An atom, which has the name that mutagen gives it."""
    name, content = raw[4:8], raw[8:]
    while name.startswith(FREEFORM) and content[4:8] in (b"mean", b"name"):
        size = int.from_bytes(content[:4], "big")
        name += b":" + content[12:size]
        content = content[max(size, 12) :]
    return Entry(name.decode("latin-1"), raw)
