"""The genres of tracks, read from database rows without loading the tracks."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

from beets.library import Item

from beetsplug.cnngenre.library import Tracks, flexible

Genres = tuple[str, ...]


def chosen(tracks: Tracks, noted: str | None, fits: Callable[[Genres, Genres], bool]) -> Tracks:
    """The tracks whose genres, and the genres in our field ``noted`` if given, pass ``fits``."""
    decided: dict[tuple[str | None, str | None], bool] = {}  # many tracks have the same genres
    found = set[int]()
    other = "NULL" if noted is None else flexible(noted)
    for rows in tracks.rows(f"id, genres, {other}"):
        for key, *values in rows:
            kind = (values[0], values[1])
            if kind not in decided:
                decided[kind] = fits(*map(genres_in_row, kind))
            if decided[kind]:
                found.add(key)
    return tracks.only(found)


def absolute_path(path: bytes) -> bytes:
    """A row's path with the music folder added; the result for each folder is cached."""
    folder, _ = os.path.split(path)
    return absolute_folder(folder) + path[len(folder) :] if folder else absolute_folder(path)


@lru_cache(maxsize=1_000)
def absolute_folder(path: bytes) -> bytes:
    """A row's path with the music folder added, as beets does."""
    found: bytes = Item._type("path").from_sql(path)
    return found


@lru_cache(maxsize=1_000)
def genres_in_row(value: str | None) -> tuple[str, ...]:
    """The genres of a row, without empty ones."""
    return tuple(genre for genre in Item._type("genres").from_sql(value) or () if genre)
