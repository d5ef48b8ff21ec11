"""The mean embedding of each track of the library, in one memory-mapped file.

The file also has the cache keys of tracks that the cache lacks, so that no file is opened twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from beets.library import Library
from numpy.typing import NDArray

from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.console import progress
from beetsplug.cnngenre.library import Tracks
from beetsplug.cnngenre.session import Session
from genre_model.core.arrays import Bools, Float16, Float64, Ints
from genre_model.core.files import whole_file
from genre_model.extraction.cache import Cache
from genre_model.extraction.recall import KEY_BYTES, CacheKeys, recall_embedding

MAGIC = b"cnngenre similar 2\n"
N_FEATURES = 224  # of the shipped network
# A track is unchanged if ``id``, ``added`` and ``length`` are; ``found``: whether it has a vector.
TRACK = np.dtype(
    [("id", "<i8"), ("added", "<f8"), ("length", "<f8"), ("key", f"V{KEY_BYTES}"), ("found", "?")]
)
# If these sums are unchanged, so are the library's tracks; the query is quick.
SUMS = "COUNT(*), TOTAL(id), TOTAL(added), TOTAL(length)"
N_SUMS = 4
NO_KEY = np.void(bytes(KEY_BYTES))
WRITTEN_EVERY = 5_000  # changes; a library of 200,000 tracks has an index of 100 MB


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Tracks in the order of their ids, their vectors (n_tracks, N_FEATURES), and their sums."""

    tracks: NDArray[np.void]
    vectors: Float16
    sums: Float64


def read_index(file: Path, front_end: bytes) -> Index:
    """A network's index from a file; empty if there is none or the file is incomplete."""
    begin = MAGIC + front_end
    head = len(begin) + 8 * N_SUMS
    try:
        with file.open("rb") as stream:
            known = stream.read(len(begin)) == begin
        n = (file.stat().st_size - head) // (TRACK.itemsize + 2 * N_FEATURES)
        whole = file.stat().st_size == head + n * (TRACK.itemsize + 2 * N_FEATURES)
    except OSError:
        known = whole = False
        n = 0
    if not (known and whole and n):
        return Index(np.zeros(0, TRACK), np.zeros((0, N_FEATURES), np.float16), np.zeros(N_SUMS))
    sums = np.fromfile(file, np.float64, N_SUMS, offset=len(begin))
    tracks = np.fromfile(file, TRACK, n, offset=head)
    start = head + n * TRACK.itemsize
    return Index(tracks, np.memmap(file, np.float16, "r", start, (n, N_FEATURES)), sums)


def write_index(file: Path, front_end: bytes, index: Index) -> None:
    """Write an index, in place of an older one.

    Raises:
        UserError: The index cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as stream:
            stream.write(MAGIC + front_end + index.sums.tobytes())
            stream.write(index.tracks.tobytes())
            for start in range(0, len(index.vectors), 10_000):
                stream.write(index.vectors[start : start + 10_000].tobytes())
    except OSError as error:
        raise UserError(f"cnnsimilar: cannot write {file}: {error.strerror}") from error


@contextmanager
def written(file: Path, front_end: bytes, index: Index) -> Iterator[Callable[[], None]]:
    """Write an index at the end, also after Ctrl-C: the next run goes on with it.

    Yields a function to call after each change.  It writes the index now and then, for a run that
    is killed.

    Raises:
        UserError: The index cannot be written.
    """
    changes = count(1)

    def changed() -> None:
        if next(changes) % WRITTEN_EVERY == 0:
            write_index(file, front_end, index)

    try:
        yield changed
    finally:
        write_index(file, front_end, index)


def in_memory(index: Index) -> Index:
    """The index with vectors that can be changed, and whose file can be replaced."""
    return Index(index.tracks, np.array(index.vectors), index.sums)


def sums_of(lib: Library) -> Float64:
    """The sums of the library's tracks, (4,)."""
    with lib.transaction() as transaction:
        [row] = transaction.query(f"SELECT {SUMS} FROM items")
    return np.array(tuple(row), np.float64)


def tracks_in(lib: Library) -> NDArray[np.void]:
    """The tracks of the library, in the order of their ids, without keys."""
    with lib.transaction() as transaction:
        rows = transaction.query("SELECT id, added, length FROM items ORDER BY id")
    found = np.zeros(len(rows), TRACK)
    for name in ("id", "added", "length"):
        found[name] = [row[name] or 0 for row in rows]
    return found


def carried_over(tracks: NDArray[np.void], sums: Float64, old: Index) -> tuple[Index, Bools]:
    """The index of tracks, with the data of an older index, and which tracks the older one has."""
    places = np.searchsorted(old.tracks["id"], tracks["id"])
    places = np.minimum(places, max(0, len(old.tracks) - 1))
    same = np.zeros(len(tracks), np.bool_)
    vectors = np.zeros((len(tracks), N_FEATURES), np.float16)
    if len(old.tracks):
        before = old.tracks[places]
        same = np.logical_and.reduce([before[n] == tracks[n] for n in ("id", "added", "length")])
        tracks["key"][same], tracks["found"][same] = before["key"][same], before["found"][same]
        vectors[same] = old.vectors[places[same]]
    return Index(tracks, vectors, sums), same


def update(session: Session, lib: Library, finder: CacheKeys, cache: Cache) -> Index:
    """The index of the library as it is now, filled from the cache; writes it to the file.

    Raises:
        GenreModelError: There are no workers.
        UserError: The index cannot be written.
    """
    file = session.folders.similar
    old, sums = read_index(file, finder.front_end), sums_of(lib)
    kept = frozenset[bytes]() if old.tracks["found"].all() else cache.keys()
    if np.array_equal(sums, old.sums) and not changeable(old.tracks, kept):
        return old
    kept = cache.keys()
    index, same = carried_over(tracks_in(lib), sums, old)
    del old  # Windows cannot replace a memory-mapped file
    new = np.flatnonzero(~same | (index.tracks["key"] == NO_KEY))
    with written(file, finder.front_end, index) as changed:
        for place, found_key in new_keys(session, lib, finder, index, new):
            index.tracks["key"][place] = np.void(found_key)
            changed()
        for place in np.flatnonzero(~index.tracks["found"]).tolist():
            key = index.tracks["key"][place].tobytes()
            vector = recall_embedding(cache, key) if key in kept else None
            if vector is not None and vector.shape == (N_FEATURES,):
                index.vectors[place], index.tracks["found"][place] = vector, True
    return read_index(file, finder.front_end)


def changeable(tracks: NDArray[np.void], kept: Set[bytes]) -> bool:
    """Whether tracks without a vector may get one: their key is unknown, or in the cache now."""
    missing = tracks["key"][~tracks["found"]]
    return any(key == NO_KEY or key.tobytes() in kept for key in missing)


def new_keys(
    session: Session, lib: Library, finder: CacheKeys, index: Index, places: Ints
) -> Iterator[tuple[int, bytes]]:
    """The place and cache key of each new track; files that cannot be read are left out.

    Raises:
        GenreModelError: There are no workers.
    """
    from genre_model.core.ordered import results_in_order

    if not len(places):  # no bar
        return
    place_of = {int(index.tracks["id"][place]): int(place) for place in places}
    items = Tracks(lib, list(place_of))
    n_workers = min(session.options.threads, len(items))
    with (
        closing(results_in_order(n_workers, finder, items, lambda i: Path(i.filepath))) as keys,
        progress(len(items), quiet=session.options.quiet) as bar,
    ):
        for item, key in keys:
            bar.update()
            if isinstance(key, bytes):
                yield place_of[item.id or 0], key
