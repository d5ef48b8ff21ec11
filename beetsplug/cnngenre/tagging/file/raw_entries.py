"""Tags as the raw bytes of their entries, to replace the genre and leave the others unchanged.

mutagen parses tags into objects and encodes these again.  What it drops, merges or recodes is the
same in its objects before and after, so comparing the objects cannot reveal it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import mutagen

from beetsplug.cnngenre.tagging.file.digests import digest_of


class MalformedTagError(mutagen.MutagenError):
    """The entries of a tag cannot be read or written safely; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a tag: an item, an atom, an attribute.

    Attributes:
        name: Its key, in lower case if the format ignores case.
        raw: All its bytes, including its header.
        home: The part of the tag that holds it, in formats with several parts.
    """

    name: str
    raw: bytes
    home: str = ""


Placed = tuple[int, str, str]  # index among all entries, home, bytes in hexadecimal


class RawEntries(ABC):
    """The tag of a file.

    Attributes:
        names: The names of genre entries; a new one gets the first.
        entries: All entries in file order.
        created: Whether the file had no tag.
    """

    names: ClassVar[tuple[str, ...]]
    entries: list[Entry]
    created: bool

    @abstractmethod
    def __init__(self, path: Path) -> None:
        """Read a file's tag.

        Raises:
            mutagen.MutagenError, OSError: The tag cannot be read.
        """

    @abstractmethod
    def new_entries(self, genres: Sequence[str], former: Entry | None) -> list[Entry]:
        """New entries for genres; ``former`` is the first genre entry of the tag, if any."""

    @abstractmethod
    def save(self, path: Path, *, whole: bool = False) -> None:
        """Write the tag into its file, in place; with ``whole``, leave no empty tag.

        Raises:
            mutagen.MutagenError, OSError: The file cannot be written.
        """

    def genres(self) -> tuple[Placed, ...]:
        """The genre entries as values that JSON can hold."""
        places = enumerate(self.entries)
        return tuple((n, e.home, e.raw.hex()) for n, e in places if e.name in self.names)

    def others(self, but: Collection[str] = ()) -> dict[str, str]:
        """Digests of all other entries by name, without the names in ``but``."""
        found: dict[str, list[tuple[str, bytes]]] = {}
        for entry in self.entries:
            if entry.name not in {*self.names, *but}:
                found.setdefault(entry.name, []).append((entry.home, entry.raw))
        return {name: digest_of(entries) for name, entries in found.items()}

    def replace(self, name: str, new: Sequence[Entry]) -> None:
        """Put entries in the place of those with a name, or at the end if there are none."""
        places = [n for n, entry in enumerate(self.entries) if entry.name == name]
        place = places[0] if places else len(self.entries)
        kept = [entry for entry in self.entries[place:] if entry.name != name]
        self.entries[place:] = [*new, *kept]

    def give(self, genres: Sequence[str]) -> None:
        """Put genres in the place of the present ones, or at the end if there are none."""
        places = [n for n, entry in enumerate(self.entries) if entry.name in self.names]
        place = places[0] if places else len(self.entries)
        former = self.entries[place] if places else None
        new = self.new_entries(genres, former) if genres else []
        self.exchange([(place + n, entry) for n, entry in enumerate(new)])

    def give_back(self, genres: Sequence[Placed]) -> None:
        """Restore genre entries in their former places."""
        name = self.names[0]
        self.exchange([(n, Entry(name, bytes.fromhex(raw), home)) for n, home, raw in genres])

    def exchange(self, new: Sequence[tuple[int, Entry]]) -> None:
        """Remove the present genre entries, and insert others at their places."""
        self.entries = [entry for entry in self.entries if entry.name not in self.names]
        for place, entry in new:
            self.entries.insert(place, entry)
