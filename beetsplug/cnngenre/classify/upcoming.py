"""The tracks that an import comes to next: extraction of them begins while one is waited for.

An import asks for one album or one single track at a time.  Without this, workers would have
nothing to do at single tracks, and at the end of each album.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beets.library import Item

from beetsplug.cnngenre.tagging.file.copying import version

if TYPE_CHECKING:
    from genre_model.extraction.workers import Answer, ExtractorPool

MAX_FOUND = 1_000  # tracks that are kept in mind; beets may find the others long before it asks


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A track whose extraction has begun, and the state of its file then."""

    item: Item
    path: Path
    version: tuple[int, ...]
    future: Future[Answer]


class Upcoming:
    """Tracks that an import has found and not come to yet, the oldest first.

    One thread finds them, another one comes to them.
    """

    def __init__(self) -> None:
        self.begun: list[Begun] = []  # before all that are only found
        self._found: deque[Item] = deque()
        self._lock = threading.Lock()

    def add(self, items: Iterable[Item]) -> None:
        """Tracks were found."""
        with self._lock:
            known = {id(item) for item in self._found}
            new = [item for item in items if id(item) not in known]
            self._found.extend(new[: MAX_FOUND - len(self._found)])

    def next(self) -> Item | None:
        """The next track that is only found; it is taken out."""
        with self._lock:
            return self._found.popleft() if self._found else None

    def reached(self, items: Sequence[Item]) -> None:
        """The import has come to some tracks: it has passed over those before the first of them."""
        ids = {id(item) for item in items}
        with self._lock:
            n_begun = len(self.begun)
            order = [*(begun.item for begun in self.begun), *self._found]
            first = next((n for n, item in enumerate(order) if id(item) in ids), 0)
            self._found = deque(
                item for item in order[max(first, n_begun) :] if id(item) not in ids
            )
            passed, self.begun = self.begun[:first], self.begun[first:]
        for begun in passed:
            begun.future.cancel()

    def future_of(self, path: Path) -> Future[Answer] | None:
        """What has begun with a file, if it is the same since; it is taken out."""
        found = next((begun for begun in self.begun if begun.path == path), None)
        if found is None:
            return None
        self.begun.remove(found)
        return found.future if found.version == version_of(path) else None


class AheadPool:
    """Workers that also begin with the next tracks of an import, up to ``in_flight`` in all."""

    def __init__(
        self, pool: ExtractorPool, upcoming: Upcoming, file_of: Callable[[Item], Path | None]
    ) -> None:
        """Begin with nothing.

        Args:
            pool: The workers.
            upcoming: The tracks.
            file_of: The file of a track, if it has to be extracted.
        """
        self.in_flight = pool.in_flight
        self._pool, self._upcoming, self._file_of = pool, upcoming, file_of
        self._asked: list[Future[Answer]] = []
        self._checked = False

    def check(self) -> None:
        """As the pool's; once, since it would wait for what has begun."""
        if not self._checked:
            self._pool.check()
            self._checked = True

    def submit(self, path: Path) -> Future[Answer]:
        """Start the extraction of a file, unless that has happened."""
        future = self._upcoming.future_of(path) or self._pool.submit(path)
        self._asked.append(future)
        return future

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """As the pool's; the next tracks begin meanwhile.

        Raises:
            GenreModelError: The run cannot go on.
        """
        self._asked = [asked for asked in self._asked if not asked.done()]
        while len(self._upcoming.begun) + len(self._asked) < self.in_flight:
            item = self._upcoming.next()
            if item is None:
                break
            self._begin(item)
        return self._pool.claim(path, future)

    def close(self) -> None:
        """End the workers."""
        self._upcoming.begun.clear()
        self._pool.close()

    def _begin(self, item: Item) -> None:
        path = self._file_of(item)
        if path is None or any(begun.path == path for begun in self._upcoming.begun):
            return
        state = version_of(path)
        if state:
            future = self._pool.submit(path)
            self._upcoming.begun.append(Begun(item, path, state, future))


def version_of(path: Path) -> tuple[int, ...]:
    """What changes when a file does; nothing where it has gone."""
    try:
        return version(path.stat())
    except OSError:
        return ()
