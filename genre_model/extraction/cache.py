"""A cache of songs' features on disk, so that no file is decoded twice for the same network.

The key is made from the content of the audio, not the file's name or tags, and from the network
with its front end; so moved and re-tagged files are found again, and a new head needs no new
extraction.  SQLite keeps the cache consistent if several processes use it or if one is killed.

When the cache is full, old entries make room for new ones, but none that was used since the run
began: a run over more songs than the cache has room for would otherwise delete each entry just
before the next such run needs it.  If all entries were used since then, new ones are not stored.

Once the cache is open, nothing that happens to it (a full disk, damage) stops the extraction of
features.  Each entry has a checksum over its key and its content, so that damage never gives a song
the features of another; a file in which any damage is found is set aside, and a new one is made.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from genre_model.core.errors import GenreModelError
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.song_features import Sample, SongFeatures, half
from genre_model.model.stop_rule import is_sampled

Result = TypeVar("Result")


FORMAT = 2  # version of the entries' format
DEFAULT_MAX_BYTES = 2**30
BUSY_S = 10.0  # a process that waits longer than this for a lock does without the cache
CHECK_BYTES = 16


# SQLite's errors about the disk, other processes' locks and permissions.  Others mean damage.
NO_DAMAGE = (
    *("locked", "busy", "full", "readonly", "unable to open", "out of memory", "interrupted"),
    *("closed database", "disk I/O error", "locking protocol", "access permission denied"),
    *("not authorized", "too big"),
)


# Every store contains these, so that no other program's file is set aside.
MARKS = (b"CREATE TABLE features", b"CREATE INDEX features_used")


log = logging.getLogger(__name__)


# Entries that make room are chosen at random from the half that was used least recently.  Runs go
# over the songs in the same order, so the very oldest entries are those that are needed next.
IDLE = "(used < ? OR used > ?)"  # SQLite finds these by the index, unlike NOT BETWEEN
EVICT = f"""
DELETE FROM features WHERE rowid IN (
    SELECT rowid FROM (SELECT rowid FROM features WHERE {IDLE} ORDER BY used LIMIT ?)
    ORDER BY random() LIMIT ?
)
"""
USED_WITHIN_S = 3600.0  # precision of an entry's last use: each update is a transaction
SCHEMA = """
CREATE TABLE IF NOT EXISTS features (key BLOB PRIMARY KEY, value BLOB NOT NULL, used REAL NOT NULL);
CREATE INDEX IF NOT EXISTS features_used ON features (used);
"""


@dataclass(frozen=True, slots=True)
class CacheSpec:
    """What another process of the same run needs to open a store; the arguments of a cache."""

    path: Path
    max_bytes: int
    since: float

    def open(self) -> Cache:
        """Open the store.

        Raises:
            GenreModelError: The file cannot be used.
        """
        return Cache(self.path, self.max_bytes, since=self.since)


class OtherFormatError(sqlite3.DatabaseError):
    """Another version of the program wrote the store: its entries have another meaning."""


class Cache:
    """A bounded store of :class:`SongFeatures`, for several threads and processes at once."""

    def __init__(
        self,
        path: Path,
        max_bytes: int = DEFAULT_MAX_BYTES,
        *,
        own: bool = False,
        since: float | None = None,
    ) -> None:
        """Open or create the store; one that is damaged or of another version is set aside.

        Args:
            path: The file.
            max_bytes: How large it may become.
            own: No other program puts a file there: any file there may be set aside.
            since: When the run began, in seconds since 1970; None for now.

        Raises:
            GenreModelError: The file cannot be used, or is neither a store nor our own.
        """
        self.path = path
        self.max_bytes = max_bytes
        self.since = time.time() if since is None else since
        self._lock = threading.Lock()
        self._notes_use = True
        self._refused = False  # after a lock that was never free: the next file would wait as long
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = connect(path)
            except sqlite3.Error as error:
                if not is_damage(error) or not (own or is_store(path)):
                    raise
                set_aside(path, error)
                self._connection = connect(path)
            self._identity = identity_of(path)
        except (OSError, sqlite3.Error) as error:
            raise GenreModelError(f"the cache {path} cannot be used: {error}") from error

    @property
    def spec(self) -> CacheSpec:
        """What another process of this run needs to open the store."""
        return CacheSpec(self.path, self.max_bytes, self.since)

    def close(self) -> None:
        """Close the store; nothing is found in it afterwards."""
        with self._lock:
            self._connection.close()

    def get(self, key: bytes) -> SongFeatures | None:
        """The features under a key; None if there are none."""

        def read(connection: sqlite3.Connection) -> SongFeatures | None:
            select = "SELECT value, used FROM features WHERE key = ?"
            row: tuple[object, object] | None = connection.execute(select, (key,)).fetchone()
            if row is None:
                return None
            stored, used = row
            extracted = unpack(content_of(key, stored))
            recent = max(self.since, time.time() - USED_WITHIN_S)
            if not isinstance(used, float) or not recent <= used <= self._latest():
                self._note_use(connection, key)
            return extracted

        return self._transact(read)

    def _note_use(self, connection: sqlite3.Connection, key: bytes) -> None:
        """Store that an entry was used now; a store that can only be read goes on without that.

        Raises:
            sqlite3.OperationalError: The file is damaged.
        """
        if not self._notes_use:
            return
        try:
            connection.execute("UPDATE features SET used = ? WHERE key = ?", (time.time(), key))
        except sqlite3.OperationalError as error:
            if is_damage(error):
                raise
            self._notes_use = False  # the next one may have to wait as long

    def put(self, key: bytes, content: bytes) -> None:
        """Store packed features, if possible; entries not used since the run began make room."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
                (key, check_of(key, content) + content, time.time()),
            )
            if not self._make_room(connection):
                connection.execute("DELETE FROM features WHERE key = ?", (key,))

        self._transact(write)

    def _make_room(self, connection: sqlite3.Connection) -> bool:
        """Delete idle entries until the rest fits; returns whether it does."""
        while (used := self._used_bytes()) > self.max_bytes:
            n_idle = self._n_idle()
            if not n_idle:
                return False
            # A bound that was lowered is reached in a few steps.
            n_too_many = int(n_idle * (used - self.max_bytes) / used)
            limits = (n_idle + 1) // 2, max(1, n_idle // 100, n_too_many)
            connection.execute(EVICT, (self.since, self._latest(), *limits))
        return True

    def is_full(self) -> bool:
        """Whether all entries were used since the run began and leave no room for one more."""

        def read(connection: sqlite3.Connection) -> bool:
            [n] = connection.execute("SELECT count(*) FROM features").fetchone()
            used = self._used_bytes()
            return n > 0 and used + used / n > self.max_bytes and not self._n_idle()

        return bool(self._transact(read))

    def keys(self) -> set[bytes]:
        """All keys."""

        def read(connection: sqlite3.Connection) -> set[bytes]:
            rows = connection.execute("SELECT key FROM features")
            return {key for (key,) in rows if isinstance(key, bytes)}

        return self._transact(read) or set()

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Run ``work`` in a transaction; if SQLite fails, it is rolled back and returns None.

        If the file turns out to be damaged, it is set aside, and a new one is made.
        """
        with self._lock:
            if self._refused:
                return None
            try:
                with self._connection:
                    return work(self._connection)
            except sqlite3.Error as error:
                self._refused = "lock" in str(error)  # "locked", "locking protocol"
                if is_damage(error):
                    self._begin_anew(error)
                return None

    def _begin_anew(self, error: sqlite3.Error) -> None:
        """Set the damaged file aside, unless another process has done so, and open a new one."""
        self._connection.close()
        with suppress(OSError, sqlite3.Error):
            if identity_of(self.path) == self._identity:
                set_aside(self.path, error)
            self._connection = connect(self.path)
            self._identity = identity_of(self.path)

    def _latest(self) -> float:
        """The end of the time in which entries may have been used; later is by a wrong clock."""
        return time.time() + USED_WITHIN_S

    def _n_idle(self) -> int:
        """The number of entries not used since the run began."""
        count = f"SELECT count(*) FROM features WHERE {IDLE}"
        [n] = self._connection.execute(count, (self.since, self._latest())).fetchone()
        return int(n)

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a store, whose tables are created if necessary.

    Raises:
        OtherFormatError: Another version of the program wrote it.
        sqlite3.Error: The file cannot be used.
    """
    check_header(path)
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        [format_found] = connection.execute("PRAGMA user_version").fetchone()
        if format_found not in (0, FORMAT):  # 0: a new file, or one older than these numbers
            raise OtherFormatError(f"entries of format {format_found}")
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def check_header(path: Path) -> None:
    """Make sure that SQLite would not treat a file as one that must not be written.

    Raises:
        sqlite3.DatabaseError: The file's header is not that of a database that may be written.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except FileNotFoundError:
        return
    versions, fractions = head[18:20], head[21:24]
    if head and (len(head) < 24 or set(versions) - {1, 2} or fractions != b"\x40\x20\x20"):
        raise sqlite3.DatabaseError("file is not a database")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error means that the file is damaged or of another version."""
    return not any(words in str(error) for words in NO_DAMAGE)


def is_store(path: Path) -> bool:
    """Whether a file is or was a store: it contains the definition of a store's table or index."""
    try:
        with path.open("rb") as file:
            head = file.read(2**16)
    except OSError:
        return False
    return any(words in head for words in MARKS)


def identity_of(path: Path) -> tuple[int, int]:
    """Device and inode, which tell a file from a later one of the same name.

    Raises:
        OSError: The file is gone.
    """
    status = path.stat()
    return status.st_dev, status.st_ino


def set_aside(path: Path, error: sqlite3.Error) -> None:
    """Rename a store that cannot be used, delete its journal, and log one warning.

    Raises:
        OSError: The store cannot be renamed, or its journal cannot be removed.
    """
    other = isinstance(error, OtherFormatError)
    aside = Path(f"{path}.{'other-version' if other else 'damaged'}")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    why = "is of another version" if other else "is damaged"
    log.warning("the cache %s %s: set aside as %s, begun anew", path, why, aside.name)


def check_of(key: bytes, content: bytes) -> bytes:
    """The checksum of an entry."""
    return hashlib.sha256(key + content).digest()[:CHECK_BYTES]


def content_of(key: bytes, stored: object) -> bytes:
    """The content of an entry.

    Raises:
        sqlite3.DatabaseError: The entry is not what was stored under this key.
    """
    if isinstance(stored, bytes):
        check, content = stored[:CHECK_BYTES], stored[CHECK_BYTES:]
        if check == check_of(key, content):
            return content
    raise sqlite3.DatabaseError("malformed entry")


def front_end_hash(manifest: Manifest, *, thorough: bool) -> bytes:
    """16 bytes that differ if the network, its spectrogram, its slices or their choice differ.

    How many slices are needed for an answer makes no difference: an entry can be extended.
    """
    parts = [
        manifest.files[manifest.network.file],
        manifest.network,
        manifest.spectrogram,
        manifest.slices,
        thorough,
    ]
    if is_sampled(manifest) and not thorough:
        parts.append("in order")
    return hashlib.sha256(msgspec.json.encode(parts)).digest()[:16]


def pack(extracted: SongFeatures) -> bytes:
    """Features as bytes: shapes, then float16 features, float16 tags and float64 start times.

    If the song was sampled, the sample comes last: the places, how many slices were extracted and
    how many there are.
    """
    shapes = np.array([*extracted.features.shape, *extracted.tags.shape], "<i4")
    body = (
        shapes.tobytes()
        + half(extracted.features).astype("<f2").tobytes()
        + half(extracted.tags).astype("<f2").tobytes()
        + extracted.starts_s.astype("<f8").tobytes()
    )
    if extracted.sample is not None:
        sample = extracted.sample
        body += np.array([*sample.places, sample.n_extracted, sample.n_available], "<i4").tobytes()
    return body


def unpack(body: bytes) -> SongFeatures:
    """Inverse of :func:`pack`."""
    n, n_features, n_tag_rows, n_tags = (int(size) for size in np.frombuffer(body, "<i4", 4))
    features = np.frombuffer(body, "<f2", n * n_features, 16)
    tags = np.frombuffer(body, "<f2", n_tag_rows * n_tags, 16 + features.nbytes)
    starts = np.frombuffer(body, "<f8", n, 16 + features.nbytes + tags.nbytes)
    rest = np.frombuffer(body[16 + features.nbytes + tags.nbytes + starts.nbytes :], "<i4")
    return SongFeatures(
        features.reshape(n, n_features).astype(np.float32),
        starts,
        tags.reshape(n_tag_rows, n_tags).astype(np.float32),
        Sample(rest[:n], int(rest[n]), int(rest[n + 1])) if len(rest) else None,
    )
