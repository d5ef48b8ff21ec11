"""Tags as the bytes of their entries: those of the genre are exchanged, the others stay.

mutagen reads tags into objects and writes those anew.  What it drops, merges or recodes on the way
looks the same before and after, so that a comparison of its objects cannot see it.
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
    """The entries of a tag cannot be told apart; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a tag: an item, an atom, an attribute.

    Attributes:
        name: What it is; the spelling does not matter where the format says so.
        raw: All its bytes, those of its header too.
        home: The part of the tag that holds it, in formats that have several.
    """

    name: str
    raw: bytes
    home: str = ""


Placed = tuple[int, str, str]  # the place among all entries, the home, the bytes in hexadecimal


class RawEntries(ABC):
    """The tag of a file.

    Attributes:
        names: Those of genres; a new one gets the first.
        entries: In their order.
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
        """Entries of genres; ``former`` is the first that the tag has had."""

    @abstractmethod
    def save(self, path: Path, *, whole: bool = False) -> None:
        """Write the tag into its file, in place; ``whole``: no empty one is to be left.

        Raises:
            mutagen.MutagenError, OSError: The file cannot be written.
        """

    def genres(self) -> tuple[Placed, ...]:
        """The entries of genres, as JSON can hold them."""
        places = enumerate(self.entries)
        return tuple((n, e.home, e.raw.hex()) for n, e in places if e.name in self.names)

    def others(self, but: Collection[str] = ()) -> dict[str, str]:
        """Digests of all other entries, by name, some names left out."""
        found: dict[str, list[tuple[str, bytes]]] = {}
        for entry in self.entries:
            if entry.name not in {*self.names, *but}:
                found.setdefault(entry.name, []).append((entry.home, entry.raw))
        return {name: digest_of(entries) for name, entries in found.items()}

    def replace(self, name: str, new: Sequence[Entry]) -> None:
        """Put entries of a name where the first one is; at the end where there is none."""
        places = [n for n, entry in enumerate(self.entries) if entry.name == name]
        place = places[0] if places else len(self.entries)
        kept = [entry for entry in self.entries[place:] if entry.name != name]
        self.entries[place:] = [*new, *kept]

    def give(self, genres: Sequence[str]) -> None:
        """Put genres where the first one is; at the end where there is none."""
        places = [n for n, entry in enumerate(self.entries) if entry.name in self.names]
        place = places[0] if places else len(self.entries)
        former = self.entries[place] if places else None
        new = self.new_entries(genres, former) if genres else []
        self.exchange([(place + n, entry) for n, entry in enumerate(new)])

    def give_back(self, genres: Sequence[Placed]) -> None:
        """Put entries where they were."""
        name = self.names[0]
        self.exchange([(n, Entry(name, bytes.fromhex(raw), home)) for n, home, raw in genres])

    def exchange(self, new: Sequence[tuple[int, Entry]]) -> None:
        """Put entries at places, instead of the present genres."""
        self.entries = [entry for entry in self.entries if entry.name not in self.names]
        for place, entry in new:
            self.entries.insert(place, entry)
