"""The genre tree and the genre list: the user's own, or those of beets' lastgenre."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from beetsplug.cnngenre.config import Options, UserError, lastgenre_file
from genre_model.core.errors import reason
from genre_model.data.genre_tree import Arrangement, make_tree, node_of, read_tree
from genre_model.model.vocabulary import Vocabulary

TREE, WHITELIST = "genres-tree.yaml", "genres.txt"


def shipped_file(name: str) -> Path | None:
    """A file that comes with beets' lastgenre, found without importing it; None if missing."""
    spec = importlib.util.find_spec("beetsplug.lastgenre")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    return None


def genre_parents() -> dict[str, str]:
    """Child -> parent of the user's tree, or of the one that comes with beets; empty if neither.

    Raises:
        GenreModelError: The user's tree cannot be read, or is not valid YAML.
    """
    path = lastgenre_file("canonical") or shipped_file(TREE)
    if path is None:
        return {}
    return read_tree(path)


def known_genres() -> frozenset[str] | None:
    """The nodes in the user's genre list, or in lastgenre's own; None if there is no list.

    Raises:
        UserError: The user's list cannot be read.
    """
    path = lastgenre_file("whitelist") or shipped_file(WHITELIST)
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cnngenre: no genres can be read from {path}: {reason(error)}") from error
    names = (line.strip() for line in lines)
    return frozenset(node_of(name) for name in names if name and not name.startswith("#"))


def arrangement_of(
    vocabulary: Vocabulary, genres: Sequence[str], options: Options, spellings: Sequence[str]
) -> Arrangement:
    """How to arrange genres by the user's options.

    Args:
        vocabulary: The genres that the model may answer.
        genres: All genres of the model.
        options: The user's options.
        spellings: The library's spellings of genres, for parents that the model does not answer.

    Raises:
        GenreModelError: The user's tree cannot be read.
        UserError: The user's list cannot be read.
    """
    names = list(dict.fromkeys(vocabulary.names.values()))
    ancestries = map(vocabulary.ancestry, vocabulary.names)
    tree = make_tree(genre_parents(), ancestries, [*spellings, *names])
    answered = set(map(node_of, names))
    ignored = {*map(node_of, options.ignore), *map(node_of, genres)} - answered
    written = None
    if options.parents is not None:
        known = known_genres() if options.only is None else set[str]()
        written = None if known is None else known | answered
    return Arrangement(tree, options.parents, written, ignored)
