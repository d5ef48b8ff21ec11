"""One spelling for each genre of a library: its own most frequent one, or that of a genre tree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from genre_model.data.genre_names import title
from genre_model.data.names import folded

# Variants that the rules below do not recognise.
VARIANTS: Mapping[str, str] = {"rnb": "randb", "rhythmandblues": "randb", "dnb": "drumandbass"}

BETWEEN = frozenset("/\\|,;:()[]")


def spelling_key(name: str) -> str:
    """A key that all spellings of a genre share: letters and digits, with "and" for "&" and "n".

    Separators and brackets stay: "Folk, Rock" is not "Folk Rock".
    """
    text = re.sub(r"[&+]|(?<=[\s'])n(?=[\s'])", " and ", folded(name))
    key = "".join(
        c for c in text if c.isalnum() or c in BETWEEN or unicodedata.category(c)[0] == "M"
    )
    return VARIANTS.get(key, key) or name


def is_clean(name: str) -> bool:
    """Whether a spelling may be used: no control or direction characters, no outer spaces."""
    return name.isprintable() and name == name.strip()


def preferred_spellings(
    counts: Mapping[str, int], tree: Iterable[str] = (), *, by_tree: bool = False
) -> dict[str, str]:
    """Key of each genre -> its preferred spelling.

    Args:
        counts: How many tracks have each spelling; spellings that are not clean are ignored.
        tree: The genres of a tree; they decide between spellings that are equally frequent.
        by_tree: The tree decides before the library does; capitals are taken from the library, or
            are those of a title.
    """
    counts = {name: n for name, n in counts.items() if is_clean(name)}
    in_tree = {spelling_key(name): name for name in tree}
    groups: dict[str, list[str]] = {}
    for name in counts:
        groups.setdefault(spelling_key(name), []).append(name)
    return {
        key: choose(names, counts, in_tree.get(key), by_tree=by_tree)
        for key, names in groups.items()
    }


def choose(
    names: Sequence[str], counts: Mapping[str, int], in_tree: str | None, *, by_tree: bool
) -> str:
    """The preferred spelling of several that share a key."""

    def worth(name: str) -> tuple[int, bool, bool, bool]:
        cases = name != name.lower(), name != name.upper()
        return counts[name], name.casefold() == in_tree, all(cases), cases[0]

    if by_tree and in_tree is not None:
        fit = [n for n in names if n.casefold() == in_tree.casefold() and n != n.lower()]
        if not fit:
            return title(in_tree)
        names = fit
    return min(sorted(names), key=lambda name: tuple(-part for part in worth(name)))


def respelled(genres: Sequence[str], spellings: Mapping[str, str]) -> tuple[str, ...]:
    """Genres in their preferred spelling, each once."""
    return tuple(dict.fromkeys(spellings.get(spelling_key(name), name) for name in genres))
