"""The next tracks of an import: their extraction begins while the current one is waited for.

An import asks for one album or one single track at a time.  Without this, workers would be idle
during single tracks and at the end of each album.
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

MAX_FOUND = 1_000  # tracks kept in the queue; beets may find more long before it imports them


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """A track whose extraction has begun, and the state of its file then."""

    item: Item
    path: Path
    version: tuple[int, ...]
    future: Future[Answer]


class Upcoming:
    """Tracks that an import has found but not reached yet, the oldest first.

    One thread of the importer finds tracks, another one reaches them.
    """

    def __init__(self) -> None:
        self.begun: list[Begun] = []  # these come before all of _found
        self._found: deque[Item] = deque()
        self._lock = threading.Lock()

    def add(self, items: Iterable[Item]) -> None:
        """Add tracks that were found."""
        with self._lock:
            known = {id(item) for item in self._found}
            new = [item for item in items if id(item) not in known]
            self._found.extend(new[: MAX_FOUND - len(self._found)])

    def next(self) -> Item | None:
        """Remove and return the next track whose extraction has not begun."""
        with self._lock:
            return self._found.popleft() if self._found else None

    def reached(self, items: Sequence[Item]) -> None:
        """The import has reached some tracks, and has skipped those before the first of them."""
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
        """Remove the extraction begun for a file; returns it if the file has not changed since."""
        found = next((begun for begun in self.begun if begun.path == path), None)
        if found is None:
            return None
        self.begun.remove(found)
        return found.future if found.version == version_of(path) else None


class AheadPool:
    """Workers that also start on the next tracks of an import, up to ``in_flight`` in all."""

    def __init__(
        self, pool: ExtractorPool, upcoming: Upcoming, file_of: Callable[[Item], Path | None]
    ) -> None:
        """Wrap a pool of workers.

        Args:
            pool: The workers.
            upcoming: The next tracks of the import.
            file_of: The file of a track; None if it need not be extracted.
        """
        self.in_flight = pool.in_flight
        self._pool, self._upcoming, self._file_of = pool, upcoming, file_of
        self._asked: list[Future[Answer]] = []
        self._checked = False

    def check(self) -> None:
        """Check the pool, but only once: another check would wait for running extractions."""
        if not self._checked:
            self._pool.check()
            self._checked = True

    def submit(self, path: Path) -> Future[Answer]:
        """Start the extraction of a file, unless it has begun already."""
        future = self._upcoming.future_of(path) or self._pool.submit(path)
        self._asked.append(future)
        return future

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """The features of a file, or why there are none; starts the next tracks meanwhile.

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
    """A value that changes when a file does; empty if the file is missing."""
    try:
        return version(path.stat())
    except OSError:
        return ()
