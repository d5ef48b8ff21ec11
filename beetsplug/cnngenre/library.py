"""Access to a library that may be large, and that other programs may change during a run.

A run can take hours.  So only the ids of a query's tracks are kept, each track is loaded when its
turn comes, and the plan for a track is stored only if its genres are still the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from beets import logging
from beets.dbcore import Results
from beets.dbcore.query import InQuery, InvalidQueryArgumentValueError
from beets.library import Album, Item, Library, parse_query_parts

from beetsplug.cnngenre.config import sort_fields
from beetsplug.cnngenre.console import uninterrupted
from genre_model.data.spelling import preferred_spellings

log = logging.getLogger("beets.cnngenre")

N_LOADED = 200  # ids per query; fewer would mean more queries


Model = TypeVar("Model", Item, Album)


class Tracks:
    """The tracks of a query, in its order.  Tracks that are removed meanwhile are skipped."""

    def __init__(self, lib: Library, ids: Sequence[int]) -> None:
        self._lib = lib
        self._ids = ids

    @property
    def ids(self) -> Sequence[int]:
        """The ids of the tracks."""
        return self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def sorted(self, key: Callable[[int], str]) -> Tracks:
        """The same tracks, sorted by a key of their ids; the sort is stable."""
        return Tracks(self._lib, sorted(self._ids, key=key))

    def count_with_genres(self) -> int:
        """How many of the tracks have genres in the library."""
        return sum(n for [(n,)] in self.rows("COALESCE(SUM(genres != ''), 0)"))

    def only(self, ids: Collection[int]) -> Tracks:
        """The tracks with these ids, in their order."""
        return Tracks(self._lib, [key for key in self._ids if key in ids])

    def without(self, ids: Collection[int]) -> Tracks:
        """The tracks that do not have these ids, in their order."""
        return Tracks(self._lib, [key for key in self._ids if key not in ids])

    def rows(self, columns: str) -> Iterator[list[Any]]:
        """Columns of the table ``items``, in batches; SQLite decides the order within a batch."""
        return rows_of(self._lib, f"SELECT {columns} FROM items", self._ids)

    def __iter__(self) -> Iterator[Item]:
        for start in range(0, len(self._ids), N_LOADED):
            ids = self._ids[start : start + N_LOADED]
            loaded = {item.id: item for item in self._lib.items(InQuery("id", ids))}
            yield from (loaded[key] for key in ids if key in loaded)


def find_tracks(lib: Library, query: list[str], *, by_album: bool) -> Tracks:
    """The tracks of a query, or of the albums of a query; logs a warning if there are none."""
    ids = ids_of_albums(lib, ids_of(lib.albums(query))) if by_album else matching_ids(lib, query)
    if not ids:
        log.warning("no track matches the query" if query else "the library has no tracks")
    return Tracks(lib, ids)


def ids_of_albums(lib: Library, album_ids: Sequence[int]) -> list[int]:
    """The ids of the tracks of albums, album by album, each album in beets' order."""
    order = sql_order(lib)
    if order is None:
        albums = [lib.get_album(key) for key in album_ids]
        return [key for album in albums if album for key in ids_of(album.items())]
    members: dict[int, list[int]] = {key: [] for key in album_ids}
    for start in range(0, len(album_ids), N_LOADED):
        some = album_ids[start : start + N_LOADED]
        where = f"album_id IN ({','.join('?' * len(some))})"
        with lib.transaction() as transaction:
            select = f"SELECT id, album_id FROM items WHERE {where} ORDER BY {order}"
            for key, album_id in transaction.query(select, some):
                members[album_id].append(key)
    return [key for tracks in members.values() for key in tracks]


def matching_ids(lib: Library, query: list[str]) -> list[int]:
    """The ids of the tracks of a query, in the order in which beets would list them.

    If SQLite can find and sort the tracks, only their ids are read.
    """
    order, where = sql_order(lib), as_sql(query)
    if where is None or order is None:
        return ids_of(lib.items(query))
    select = f"SELECT id FROM items WHERE {where[0]} ORDER BY {order}"
    with lib.transaction() as transaction:
        return [key for (key,) in transaction.query(select, where[1])]


def sql_order(lib: Library) -> str | None:
    """The order of tracks that beets is configured to use, as SQL; None if SQLite cannot."""
    order = lib.get_default_item_sort()
    if order.is_slow() or not sort_fields() <= Item._fields.keys():
        return None
    return ", ".join(filter(None, [order.order_clause(), "id"]))


def as_sql(query: list[str]) -> tuple[str, Sequence[Any]] | None:
    """A query as an SQL condition with its values; None if the table ``items`` is not enough.

    None if the query has flexible fields, album fields or a sort order, or if it is invalid.
    """
    try:
        parsed, wish = parse_query_parts(query, Item)
    except InvalidQueryArgumentValueError:  # beets reports the reason when it runs the query
        return None
    if wish or parsed.field_names & Item.other_db_fields:
        return None
    where, values = parsed.clause()
    return (where, values) if where else None


def rows_of(lib: Library, select: str, ids: Sequence[int]) -> Iterator[list[Any]]:
    """The rows that a SELECT finds for ids of tracks or albums, in batches."""
    for start in range(0, len(ids), N_LOADED):
        some = ids[start : start + N_LOADED]
        marks = ",".join("?" * len(some))
        with lib.transaction() as transaction:
            rows = list(transaction.query(f"{select} WHERE id IN ({marks})", some))
        yield rows


def flexible(name: str, table: str = "item") -> str:
    """SQL for a flexible field of a track or an album; NULL if the field is not set."""
    of = f"FROM {table}_attributes WHERE entity_id = {table}s.id AND key = '{name}'"
    return f"(SELECT value {of})"


def count_genres(lib: Library) -> Counter[str]:
    """How many tracks have each genre, counted by spelling; no track is loaded."""
    counts = Counter[str]()
    with lib.transaction() as transaction:
        rows = transaction.query("SELECT genres, COUNT(*) FROM items GROUP BY genres")
    for value, n in rows:
        for genre in dict.fromkeys(Item._type("genres").from_sql(value)):
            counts[genre] += n
    return counts


def spellings_of(lib: Library) -> dict[str, str]:
    """The spelling that most tracks of the library have of each genre, by the genre's key."""
    return preferred_spellings(count_genres(lib))


def ids_of(found: Results[Any]) -> list[int]:
    """The ids of query results; objects are loaded only if beets needs them to filter or sort."""
    if found.query is None and found.sort is None:
        return [row["id"] for row in found.rows]
    return [model.id for model in found]


def current(model: Model) -> Model | None:
    """A track or an album as the library has it now; None if it was removed.

    The id may now belong to another track or album, which was added at another time.
    """
    if model.id is None:
        return None
    lib: Library = model.db
    now = lib.get_item(model.id) if isinstance(model, Item) else lib.get_album(model.id)
    return same(now, model.added)


def same(now: Model | None, added: float) -> Model | None:
    """The track or album that has an id now, if it was added at this time; None otherwise."""
    return now if now is not None and now.added == added else None


def unedited(model: Model, genres: tuple[str, ...]) -> Model | None:
    """A track or an album as it is now; None if it was removed or has other genres than these."""
    now = current(model)
    return now if now is not None and has_genres(now, genres) else None


def has_genres(model: Item | Album, genres: tuple[str, ...]) -> bool:
    """Whether a track or an album has these genres in the library; empty ones do not count."""
    return named(stored_genres(model)) == named(genres)


def stored_genres(model: Item | Album) -> list[str]:
    """The genres in the library; plugins may compute others from them for templates."""
    found: list[str] = model._values_fixed.get("genres") or []
    return found


def track_name(item: Item) -> str:
    """A track as beets would name it, without the separators of empty fields."""
    try:
        parts = [part.strip() for part in str(item).split(" - ")]
    except LookupError:  # the track was removed meanwhile, and beets looks up its album
        parts = [str(item.get(name, "", with_album=False)) for name in ("artist", "title")]
    if not item.title:
        parts.append(item.filepath.name)
    return " - ".join(part for part in parts if part)


def album_name(album: Album) -> str:
    """An album's artist and title, as far as they are set."""
    return " - ".join(filter(None, (album.albumartist, album.album))) or "an album"


def short_name(item: Item) -> str:
    """Artist and title of a track, or the name of its file if both are empty."""
    return " - ".join(filter(None, (item.artist, item.title))) or item.filepath.name


def named(genres: Iterable[str]) -> list[str]:
    """The genres that are not empty; some files have empty ones."""
    return [genre for genre in genres if genre]


@uninterrupted()
def store_unless_edited(model: Model, genres: tuple[str, ...]) -> bool:
    """Store a changed track or album, unless it was removed or no longer has these genres.

    The check and the storing are in one transaction, which may be part of a longer one, so nobody
    else can write to the library in between.  An album's tracks are left alone.
    """
    with model.db.transaction() as transaction:
        # Changes nothing, but from here on SQLite blocks other writers.
        transaction.mutate("UPDATE items SET id = id WHERE 0")
        if unedited(model, genres) is None:
            return False
        if isinstance(model, Album):
            model.store(inherit=False)
        else:
            model.store()
    return True
