"""Spellings of genres: cleaned, canonical, as a title."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping

from genre_model.data.names import folded

# Spellings of the same genre.  Those that the user's map names are not replaced.
ALIASES: Mapping[str, str] = {
    "hiphop": "hip hop",
    "rap": "hip hop",
    "hip hop/rap": "hip hop",
    "rnb": "r&b",
    "r and b": "r&b",
    "rhythm and blues": "r&b",
    "electronica": "electronic",
    "drum n bass": "drum and bass",
    "alt rock": "alternative rock",
    "classical music": "classical",
}


# "Pop/Rock", "Folk, World, & Country", "Funk / Soul"; but not the "&" of "R&B".
SEPARATORS = re.compile(r"\s*[/,;+|]\s*|\s+&\s+|\s+and\s+", re.IGNORECASE)


def cleaned(name: str) -> str:
    """A genre without characters that a bundle, or a list of genres, cannot hold."""
    text = "".join(c if c.isprintable() else " " for c in name).replace(";", ",")
    return " ".join(text.split())


def plain(name: str) -> str:
    """A genre in lower case, with spaces instead of hyphens and underscores."""
    return re.sub(r"[\s\-_]+", " ", folded(name)).strip()


def canonical(name: str, kept: Container[str] = ()) -> str:
    """A genre in its canonical spelling: plain, with aliases resolved except those in ``kept``."""
    text = plain(name)
    return text if text in kept else ALIASES.get(text, text)


def title(name: str) -> str:
    """A canonical genre as a title."""
    return " ".join(word.upper() if "&" in word else word.capitalize() for word in name.split())


def common_spelling(names: Iterable[str], kept: Container[str] = ()) -> dict[str, str]:
    """Canonical genre -> its most frequent spelling, without aliases."""
    counts: dict[str, Counter[str]] = {}
    for name in names:
        key = plain(name)
        if canonical(name, kept) == key:
            counts.setdefault(key, Counter())[name.strip()] += 1
    return {key: min(found, key=lambda n: (-found[n], n)) for key, found in counts.items()}


def parts_of(name: str, is_known: Callable[[str], object]) -> list[str]:
    """The genres that a name joins: Pop and Rock of "Pop/Rock"; empty for a single genre.

    A hyphen joins genres only if each part is a genre by itself: "Pop-Rock", but not "Hip-Hop".
    """
    parts = [part for part in (part.strip("& ") for part in SEPARATORS.split(name)) if part]
    if len(parts) > 1:
        return parts
    words = [word for word in name.split("-") if word.strip()]
    return words if len(words) > 1 and all(map(is_known, words)) else []
