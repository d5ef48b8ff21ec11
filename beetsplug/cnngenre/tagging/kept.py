"""Tracks that keep their genres: told from the others by SQLite, since most of a library's do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache

from beets.library import Item

from beetsplug.cnngenre.library import Tracks, flexible
from beetsplug.cnngenre.tagging.journal import Kept, rounded


def split_kept(items: Tracks, *, may_write: bool) -> Iterator[tuple[list[Kept], list[int]]]:
    """Tracks that have genres, and the ids of the others in their order; many at once.

    With ``may_write``, a track whose file may lack the genres that we gave it is of the others.
    """
    columns = ("cnngenre_model", "cnngenre_probability")
    missing = f"COALESCE(mtime, 0) = 0 AND {flexible('cnngenre_written')} IS NOT NULL"
    select = ["id", "path", "genres", missing, *map(flexible, columns)]
    place = {key: number for number, key in enumerate(items.ids)}
    for rows in items.rows(", ".join(select)):
        kept, others = list[Kept](), list[int]()
        for key, path, genres, may_lack, model, probability in sorted(
            map(tuple, rows), key=lambda row: place[row[0]]
        ):
            named = genres_in(genres)
            if not named or (may_write and may_lack):
                others.append(key)
                continue
            kept.append(Kept(key, whole(path), named, model, rounded(probability)))
        yield kept, others


def whole(path: bytes) -> bytes:
    """A row's path, to which beets adds the music folder; once for the files of a folder."""
    folder, _ = os.path.split(path)
    return whole_folder(folder) + path[len(folder) :] if folder else whole_folder(path)


@lru_cache(maxsize=1_000)
def whole_folder(path: bytes) -> bytes:
    """A row's path, to which beets adds the music folder."""
    found: bytes = Item._type("path").from_sql(path)
    return found


@lru_cache(maxsize=1_000)
def genres_in(value: str | None) -> tuple[str, ...]:
    """The genres of a row; an empty tag is none."""
    return tuple(genre for genre in Item._type("genres").from_sql(value) or () if genre)
