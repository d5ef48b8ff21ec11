"""A tree of genres and their subgenres, and what it means for a track's genres."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from genre_model.core.errors import GenreModelError
from genre_model.data.genre_names import canonical, title

# Other common names of genres -> their names in beets' tree.
TREE_NAMES: Mapping[str, str] = {
    "metal": "heavy metal",
    "alternative": "alternative rock",
    "punk": "punk rock",
    "indie": "indie rock",
}

ParentsOrder = Literal["before", "after"]


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


def node_of(name: str) -> str:
    """The node of a tree for a genre in any spelling."""
    key = canonical(name)
    return TREE_NAMES.get(key, key)


@dataclass(frozen=True, slots=True)
class GenreTree:
    """Nodes, child -> parent, and the written names of nodes, if known."""

    parents: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def ancestors(self, name: str) -> Iterator[str]:
        """The nodes above a genre, the nearest first, each once."""
        yield from with_ancestors(node_of(name), self.parents)[1:]

    def is_within(self, name: str, other: str) -> bool:
        """Whether a genre is the same as another one, or a subgenre of it."""
        goal = node_of(other)
        return node_of(name) == goal or goal in self.ancestors(name)

    def written(self, node: str) -> str:
        """The written name of a node."""
        return self.names.get(node) or title(node)


def make_tree(
    parents: Mapping[str, str], ancestries: Iterable[Sequence[str]], names: Iterable[str]
) -> GenreTree:
    """A tree in which a model's own parents override those of a larger tree.

    Args:
        parents: The larger tree, child -> parent, canonical.
        ancestries: For each genre that the model answers, the written names up to its root.
        names: Written names of genres; if a node has several, the last one is used.
    """
    edges = {node_of(child): node_of(parent) for child, parent in parents.items()}
    for line in ancestries:
        nodes = list(dict.fromkeys(map(node_of, line)))
        edges.update(pairwise(nodes))
    edges = {child: parent for child, parent in edges.items() if child != parent}
    return GenreTree(edges, {node_of(name): name for name in names})


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How a track's genres follow from those that it has and those that the model answers.

    ``parents``: whether the ancestors of an answer are written too, before or after it; None: they
    are not.  ``written`` are the nodes that may be added as ancestors; None: all.  ``ignored``
    nodes are never added.
    """

    tree: GenreTree = field(default_factory=GenreTree)
    parents: ParentsOrder | None = None
    written: Container[str] | None = None
    ignored: Container[str] = ()

    def genres(self, before: Sequence[str], answered: Sequence[str]) -> tuple[str, ...]:
        """The genres for a track; genres that it had ``before`` stay if they are finer.

        Even if parents come last, the likeliest answer is still first.
        """
        genres = spare_finer(before, answered, self.tree)
        found = self.with_parents(genres)
        if self.parents == "after" and answered and genres[0] == answered[0]:
            found = tuple(dict.fromkeys((genres[0], *found)))
        return found

    def with_parents(self, genres: Sequence[str]) -> tuple[str, ...]:
        """Genres with their ancestors, if those are to be written."""
        if self.parents is None:
            return tuple(genres)
        given: dict[str, str] = {}
        for name in genres:
            given.setdefault(node_of(name), name)
        above = [
            node
            for name in genres
            for node in self.tree.ancestors(name)
            if node in given or self.may_add(node)
        ]
        finest = [node for node in given if node not in above] or list(given)
        if self.parents == "before":
            above.reverse()
        order = (*above, *finest) if self.parents == "before" else (*finest, *above)
        return tuple(given.get(node) or self.tree.written(node) for node in dict.fromkeys(order))

    def may_add(self, node: str) -> bool:
        """Whether a node may be added as an ancestor."""
        return node not in self.ignored and (self.written is None or node in self.written)


def spare_finer(before: Sequence[str], answered: Sequence[str], tree: GenreTree) -> tuple[str, ...]:
    """The answered genres; each is replaced by its subgenres that the track already has, if any.

    Genres of the track that are above such a subgenre stay as well.
    """
    found: list[str] = []
    for genre in answered:
        finer = [
            name
            for name in before
            if tree.is_within(name, genre) and canonical(name) != canonical(genre)
        ]
        kept = [name for name in before if any(tree.is_within(one, name) for one in finer)]
        found += kept or [genre]
    return tuple(dict.fromkeys(found))


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


def read_tree(path: Path) -> dict[str, str]:
    """Child -> parent, canonical, of a tree in YAML: lists of names and one-entry mappings.

    Raises:
        GenreModelError: The file cannot be read, or is not valid YAML.
    """
    import yaml

    try:
        return tree_parents(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise GenreModelError(f"cannot read the genre tree {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise GenreModelError(f"the genre tree {path} is not valid YAML") from error
