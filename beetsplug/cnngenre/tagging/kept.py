"""Use SQL to find the tracks that keep their genres, since most tracks of a library do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from beetsplug.cnngenre.fields import DECISION_FIELDS
from beetsplug.cnngenre.library import Tracks, flexible
from beetsplug.cnngenre.rows import absolute_path, genres_in_row
from beetsplug.cnngenre.tagging.journal import PassedOver, rounded


@dataclass(frozen=True, slots=True)
class Split:
    """Some tracks: those that keep their genres, and the ids of the others, both in order.

    ``nameless`` are the others that have no genres; the rest may lack them in their files.
    """

    kept: list[PassedOver]
    others: list[int]
    nameless: list[int]


def split_kept(items: Tracks, *, may_write: bool) -> Iterator[Split]:
    """Split tracks, in batches.

    With ``may_write``, a track whose file may lack genres from here is one of the others.
    """
    columns = ("cnngenre_model", "cnngenre_probability")
    from_here = (f"{flexible(name)} IS NOT NULL" for name in DECISION_FIELDS)
    missing = f"COALESCE(mtime, 0) = 0 AND ({' OR '.join(from_here)})"
    select = ["id", "path", "genres", missing, *map(flexible, columns)]
    place = {key: number for number, key in enumerate(items.ids)}
    for rows in items.rows(", ".join(select)):
        split = Split([], [], [])
        for key, path, genres, may_lack, model, probability in sorted(
            map(tuple, rows), key=lambda row: place[row[0]]
        ):
            named = genres_in_row(genres)
            if not named or (may_write and may_lack):
                split.others.append(key)
                if not named:
                    split.nameless.append(key)
                continue
            split.kept.append(
                PassedOver(key, absolute_path(path), named, model, rounded(probability))
            )
        yield split
