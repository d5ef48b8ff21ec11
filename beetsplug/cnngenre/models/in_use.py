"""Which model is in use: the last name of a list in a file beside the models' folder.

Trainings and ``beet cnnmodels`` write the list; the names before the last are the models to go back
to.  Without a list, the newest model that can answer is in use.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from genre_model.core.errors import GenreModelError
from genre_model.core.files import whole_file, writing

IN_USE = "in-use.json"

SHIPPED_NAME = "shipped"

MOST_NAMES = 100
MAX_BYTES = 2**20


def history(models: Path) -> list[str]:
    """The names of the models that were in use, the present one last; empty if there is no list.

    Raises:
        GenreModelError: The file exists but cannot be read.
    """
    path = models.parent / IN_USE  # beside the folder of bundles
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        names = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise GenreModelError(
            f"{path} cannot be read: remove it, or name a model with beet cnnmodels --use"
        ) from error
    if not isinstance(names, list) or not all(is_name(name) for name in names):
        raise GenreModelError(f"{path} is no list of names: remove it")
    return names


def is_name(name: object) -> bool:
    """Whether a value is the plain name of a folder, not a path to elsewhere."""
    return isinstance(name, str) and bool(name) and Path(name).name == name and name != ".."


def use(models: Path, name: str, *, instead_of: str | None) -> None:
    """Put a model in use from now on.

    Args:
        models: The folder of the user's own bundles.
        name: The model.
        instead_of: The model to go back to if there is no list yet: the one in use until now.

    Raises:
        GenreModelError: The list of models in use cannot be written.
    """
    names = [] if instead_of is None else [instead_of]
    with suppress(GenreModelError):  # an unreadable list is replaced
        names = history(models) or names
    keep(models, names if names[-1:] == [name] else [*names, name])


def keep(models: Path, names: list[str]) -> None:
    """Write the list, without the oldest names if there are too many."""
    text = json.dumps(names[-MOST_NAMES:], indent=2)
    with writing(models.parent), whole_file(models.parent / IN_USE) as file:
        file.write(text.encode())
