"""A tree of genres in a file, such as the one that comes with beets."""

from __future__ import annotations

from pathlib import Path

from genre_model.core.errors import GenreModelError
from genre_model.data.genre_names import tree_parents


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
