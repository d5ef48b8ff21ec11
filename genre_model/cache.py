"""What was heard, kept on disk: a file is never heard twice by the same network.

The key is the content of the audio, not the file's name or tags, and the network with its front
end; so moved and re-tagged files are found again, and a new head needs no new hearing.  SQLite
keeps it whole under several processes and sudden death; the least recently used go first.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from genre_model.audio import audio_fingerprint
from genre_model.bundle import Manifest
from genre_model.classifier import Classifier, Heard
from genre_model.errors import GenreModelError

DEFAULT_MAX_BYTES = 2**30
BUSY_S = 60.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS heard (key BLOB PRIMARY KEY, value BLOB NOT NULL, used REAL NOT NULL);
CREATE INDEX IF NOT EXISTS heard_used ON heard (used);
"""


class Cache:
    """A bounded store of :class:`Heard`, for several threads and processes at once."""

    def __init__(self, path: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Open, or make, the store.

        Raises:
            GenreModelError: The file cannot be used.
        """
        self.path = path
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise GenreModelError(f"the cache {path} cannot be used: {error}") from error

    def close(self) -> None:
        """Close the store."""
        self._connection.close()

    def get(self, key: bytes) -> Heard | None:
        """What was heard under a key, if it is there and whole."""
        with self._lock, self._connection:
            self._connection.execute("UPDATE heard SET used = ? WHERE key = ?", (time.time(), key))
            row = self._connection.execute(
                "SELECT value FROM heard WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else unpack(row[0])

    def put(self, key: bytes, heard: Heard) -> None:
        """Keep what was heard; the least recently used give way."""
        with self._lock, self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO heard VALUES (?, ?, ?)", (key, pack(heard), time.time())
            )
            if self._used_bytes() > self.max_bytes:
                self._connection.execute(
                    "DELETE FROM heard WHERE key IN (SELECT key FROM heard ORDER BY used "
                    "LIMIT max(1, (SELECT count(*) / 10 FROM heard)))"
                )

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


def cached_hear(
    classifier: Classifier, cache: Cache | None, *, thorough: bool = False
) -> Callable[[Path], Heard]:
    """``classifier.hear``, by way of a cache.

    Raises (the returned function):
        AudioError: As ``Classifier.hear``.
    """
    front_end = front_end_hash(classifier.manifest, thorough=thorough)

    def hear(path: Path) -> Heard:
        if cache is None:
            return classifier.hear(path, thorough=thorough)
        key = front_end + audio_fingerprint(path)
        heard = cache.get(key)
        if heard is None:
            heard = classifier.hear(path, thorough=thorough)
            cache.put(key, heard)
        return heard

    return hear


def front_end_hash(manifest: Manifest, *, thorough: bool) -> bytes:
    """16 bytes that differ where the network, its spectrogram, its slices or their choice do."""
    parts = msgspec.json.encode(
        (
            manifest.files[manifest.network.file],
            manifest.network,
            manifest.spectrogram,
            manifest.slices,
            thorough,
        )
    )
    return hashlib.sha256(parts).digest()[:16]


def pack(heard: Heard) -> bytes:
    """Shapes, then float16 features and tags and float64 starts, with a checksum before it all."""
    shapes = np.array([*heard.features.shape, *heard.tags.shape], "<i4")
    body = (
        shapes.tobytes()
        + heard.features.astype("<f2").tobytes()
        + heard.tags.astype("<f2").tobytes()
        + heard.starts_s.astype("<f8").tobytes()
    )
    return hashlib.sha256(body).digest()[:8] + body


def unpack(content: bytes) -> Heard | None:
    """Inverse of :func:`pack`; None where the content is not whole."""
    check, body = content[:8], content[8:]
    if hashlib.sha256(body).digest()[:8] != check:
        return None
    n, n_features, n_tag_rows, n_tags = (int(size) for size in np.frombuffer(body, "<i4", 4))
    features = np.frombuffer(body, "<f2", n * n_features, 16)
    tags = np.frombuffer(body, "<f2", n_tag_rows * n_tags, 16 + features.nbytes)
    starts = np.frombuffer(body, "<f8", n, 16 + features.nbytes + tags.nbytes)
    return Heard(
        features.reshape(n, n_features).astype(np.float32),
        starts,
        tags.reshape(n_tag_rows, n_tags).astype(np.float32),
    )
