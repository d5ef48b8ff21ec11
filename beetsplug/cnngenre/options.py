"""The configuration and the command line, read once into a frozen object."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import confuse
from beets import ui
from beets.exceptions import UserError

# Every key with its default; docs/configuration.md and config_example.yaml say what each is for.
DEFAULTS: dict[str, Any] = {
    "auto": True,
    "force": False,
    "keep_existing": False,
    "write": None,
    "write_asis": False,
    "album_genre": True,
    "threshold": None,
    "count": 1,
    "second_threshold": 0.25,
    "genres": None,
    "model": None,
    "thorough": False,
    "threads": None,
    "pretend": False,
    "quiet": False,
}

GenresWish = str | Sequence[str] | Mapping[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Options:
    """What the user wants.  ``threshold`` None means the model's own."""

    force: bool
    keep_existing: bool
    write: bool
    write_asis: bool
    album_genre: bool
    threshold: float | None
    count: int
    second_threshold: float
    genres: GenresWish
    model: str | None
    thorough: bool
    threads: int
    pretend: bool
    quiet: bool


def read_options(config: confuse.Subview) -> Options:
    """The options as configured, with the command line's on top.

    Raises:
        UserError: A value is out of its range.
        confuse.ConfigError: A value is of the wrong type; beets prints where it stands.
    """
    write = config["write"].get(confuse.Optional(bool))
    return Options(
        force=config["force"].get(bool),
        keep_existing=config["keep_existing"].get(bool),
        write=ui.should_write(write),
        write_asis=config["write_asis"].get(bool),
        album_genre=config["album_genre"].get(bool),
        threshold=fraction(config, "threshold"),
        count=at_least_one(config, "count") or 1,
        second_threshold=fraction(config, "second_threshold") or 0.0,
        genres=genres_wish(config["genres"].get()),
        model=config["model"].get(confuse.Optional(str)),
        thorough=config["thorough"].get(bool),
        threads=at_least_one(config, "threads") or os.cpu_count() or 1,
        pretend=config["pretend"].get(bool),
        quiet=config["quiet"].get(bool),
    )


def fraction(config: confuse.Subview, key: str) -> float | None:
    """A number from 0 to 1, or None where the user leaves it to us."""
    value = config[key].get(confuse.Optional(confuse.Number()))
    if value is not None and not 0 <= value <= 1:
        raise UserError(f"cnngenre: {key} must be from 0 to 1, not {value}")
    return None if value is None else float(value)


def at_least_one(config: confuse.Subview, key: str) -> int | None:
    """A whole number from 1 up, or None where the user leaves it to us."""
    value = config[key].get(confuse.Optional(int))
    if value is not None and value < 1:
        raise UserError(f"cnngenre: {key} must be at least 1, not {value}")
    return value


def genres_wish(value: Any) -> GenresWish:
    """The ``genres`` key: nothing, the name of a selection, a list, or a mapping of names."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        wish = {str(genre): None if new is None else str(new) for genre, new in value.items()}
        wrong = [
            new for new in wish.values() if new is not None and ("; " in new or not new.strip())
        ]
        if wrong:
            raise UserError(f'cnngenre: genres: not a name that beets can keep: "{wrong[0]}"')
        return wish
    if isinstance(value, Sequence):
        return [str(genre) for genre in value]
    raise UserError("cnngenre: genres must be a name, a list or a mapping")
