"""What the rows of tracks say of their genres, without loading the tracks."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

from beets.library import Item

from beetsplug.cnngenre.library import Tracks, flexible

Genres = tuple[str, ...]


def chosen(tracks: Tracks, noted: str | None, fits: Callable[[Genres, Genres], bool]) -> Tracks:
    """The tracks whose genres, and those that the field ``noted`` of ours has, if any, fit."""
    decided: dict[tuple[str | None, str | None], bool] = {}  # most of a library is alike
    found = set[int]()
    other = "NULL" if noted is None else flexible(noted)
    for rows in tracks.rows(f"id, genres, {other}"):
        for key, *values in rows:
            kind = (values[0], values[1])
            if kind not in decided:
                decided[kind] = fits(*map(genres_in, kind))
            if decided[kind]:
                found.add(key)
    return tracks.only([key for key in tracks.ids if key in found])


def absolute_path(path: bytes) -> bytes:
    """A row's path, to which beets adds the music folder; once for the files of a folder."""
    folder, _ = os.path.split(path)
    return absolute_folder(folder) + path[len(folder) :] if folder else absolute_folder(path)


@lru_cache(maxsize=1_000)
def absolute_folder(path: bytes) -> bytes:
    """A row's path, to which beets adds the music folder."""
    found: bytes = Item._type("path").from_sql(path)
    return found


@lru_cache(maxsize=1_000)
def genres_in(value: str | None) -> tuple[str, ...]:
    """The genres of a row; an empty tag is none."""
    return tuple(genre for genre in Item._type("genres").from_sql(value) or () if genre)
