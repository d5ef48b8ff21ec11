"""Spellings of genres (cleaned, canonical, as a title), and trees of genres."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

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


def with_ancestors(name: str, parents: Mapping[str, str]) -> list[str]:
    """A node of a tree (child -> parent) and its ancestors, the nearest first, each once."""
    found = [name]
    while (parent := parents.get(found[-1])) is not None and parent not in found:
        found.append(parent)
    return found


def mapped_ancestors(
    name: str, parents: Mapping[str, str], renamed: Mapping[str, str | None]
) -> list[str]:
    """As :func:`with_ancestors`, with the user's names for the ancestors.

    Args:
        name: The node, which the user's map was applied to before.
        parents: The tree, child -> parent, canonical.
        renamed: The user's map of plain names.  The ancestors end below one that it drops.
    """
    found = [name]
    for node in with_ancestors(name, parents)[1:]:
        new = renamed.get(node, node)
        if not new:
            break
        found.append(canonical(new, renamed))
    return list(dict.fromkeys(found))


def parts_of(name: str, is_known: Callable[[str], object]) -> list[str]:
    """The genres that a name joins: Pop and Rock of "Pop/Rock"; empty for a single genre.

    A hyphen joins genres only if each part is a genre by itself: "Pop-Rock", but not "Hip-Hop".
    """
    parts = [part for part in (part.strip("& ") for part in SEPARATORS.split(name)) if part]
    if len(parts) > 1:
        return parts
    words = [word for word in name.split("-") if word.strip()]
    return words if len(words) > 1 and all(map(is_known, words)) else []


def tree_parents(tree: Any) -> dict[str, str]:
    """Child -> parent, canonical, from nested lists of names and one-entry mappings."""
    parents: dict[str, str] = {}

    def walk(node: Any, parent: str | None) -> None:
        if isinstance(node, Mapping):
            for name, children in node.items():
                walk(str(name), parent)
                walk(children, canonical(str(name)))
        elif isinstance(node, list):
            for child in node:
                walk(child, parent)
        elif node is not None and parent is not None and canonical(str(node)) != parent:
            parents.setdefault(canonical(str(node)), parent)

    walk(tree, None)
    return parents
