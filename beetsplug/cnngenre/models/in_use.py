"""Which of the models is in use: a list of names in the models' folder, the last of them.

A training writes it, and so does ``beet cnnmodels``; the names before the last are those to go
back to.  Where there is none, the newest model that answers is in use.
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
    """The names that were in use, the present one last; empty where that was never decided.

    Raises:
        GenreModelError: The file is there and cannot be read.
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
    """Whether something is the name of a folder, and of no other place."""
    return isinstance(name, str) and bool(name) and Path(name).name == name and name != ".."


def use(models: Path, name: str, *, instead_of: str | None) -> None:
    """Put a model in use from now on.

    Args:
        models: The folder of the user's own bundles.
        name: The model.
        instead_of: What was in use where no model was ever put in use, to go back to.

    Raises:
        GenreModelError: The list of models in use cannot be written.
    """
    names = [] if instead_of is None else [instead_of]
    with suppress(GenreModelError):  # what is unreadable is replaced
        names = history(models) or names
    keep(models, [*(n for n in names[-1:] if n != name), name], names[:-1])


def back(models: Path) -> str:
    """Put the model in use that was before, of those that are still there; its name.

    Raises:
        GenreModelError: There is no earlier model, or the list of models cannot be read or written.
    """
    before = [n for n in history(models)[:-1] if n == SHIPPED_NAME or (models / n).is_dir()]
    if not before:
        raise GenreModelError("there is no earlier model to go back to")
    keep(models, before, [])
    return before[-1]


def keep(models: Path, names: list[str], earlier: list[str]) -> None:
    """Write the list down, the oldest names left out where there are too many."""
    text = json.dumps([*earlier, *names][-MOST_NAMES:], indent=2)
    with writing(models.parent), whole_file(models.parent / IN_USE) as file:
        file.write(text.encode())
