"""Caches damaged at random places, in the file or its journal, for the tests and soak tests."""

import logging
import random
import shutil
from pathlib import Path

import numpy as np

from genre_model.extraction.cache import Cache, pack
from genre_model.model.song_features import SongFeatures

N_SONGS = 60


def features(number):
    """Made-up features, different for each number."""
    rng = np.random.default_rng(number)
    values = rng.standard_normal((3, 40), np.float32).astype(np.float16).astype(np.float32)
    return SongFeatures(values, np.arange(3) * 3.0, np.zeros((3, 0), np.float32))


def key_of(number):
    return random.Random(number).randbytes(32)


def make(folder):
    """Make a cache with some of its songs only in its journal; returns a folder with its files."""
    cache = Cache(folder / "features.db")
    for number in range(N_SONGS):
        cache.put(key_of(number), pack(features(number)))
        if number == N_SONGS // 2:
            cache._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = folder / "kept"
    kept.mkdir()
    for name in ("features.db", "features.db-wal"):
        shutil.copy(folder / name, kept / name)
    cache.close()
    return kept


def damage(path, rng):
    """Damage a file: a bit, bytes, zeros, a page, the length or the header; returns what it did."""
    content = bytearray(path.read_bytes())
    kind = rng.choice(("bit", "bytes", "zeros", "page", "cut", "head"))
    place = rng.randrange(len(content))
    if kind == "bit":
        content[place] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        for _ in range(rng.randint(1, 50)):
            content[rng.randrange(len(content))] = rng.randrange(256)
    elif kind == "zeros":
        content[place : place + 500] = bytes(len(content[place : place + 500]))
    elif kind == "page":
        size = 4_096
        one, other = (size * rng.randrange(max(1, len(content) // size)) for _ in range(2))
        content[one : one + size] = content[other : other + size]
    elif kind == "cut":
        del content[place:]
    else:
        for _ in range(rng.randint(1, 4)):
            content[rng.randrange(min(200, len(content)))] = rng.randrange(256)
    path.write_bytes(content)
    return f"{path.name}: {kind} at {place}"


class Lines(logging.Handler):
    """Collects the messages that are logged."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def losses(folder, seed, n_cases):
    """Damage a cache ``n_cases`` times and ``check`` it each time; returns ``n_cases``.

    Raises:
        AssertionError: A check failed.
    """
    rng = random.Random(seed)
    source = make(folder)
    for number in range(n_cases):
        place = folder / f"case {number}"
        shutil.copytree(source, place)
        path = place / "features.db"
        what = damage(place / rng.choice(("features.db", "features.db", "features.db-wal")), rng)
        check(path, f"seed {seed}, case {number}: {what}")
        shutil.rmtree(place)
    return n_cases


def check(path: Path, what):
    """Check that a damaged cache gives right answers or none, and keeps what is put into it.

    Raises:
        AssertionError: It does not, or it logs more than one line.
    """
    log, lines = logging.getLogger("genre_model.extraction.cache"), Lines()
    log.addHandler(lines)
    try:
        for _ in range(2):
            cache = Cache(path, own=True)
            for number in range(N_SONGS):
                found = cache.get(key_of(number))
                if found is not None:
                    right = features(number)
                    assert np.array_equal(found.features, right.features), what
                    assert np.array_equal(found.starts_s, right.starts_s), what
                else:
                    cache.put(key_of(number), pack(features(number)))
            cache.close()
        cache = Cache(path, own=True)
        missing = [n for n in range(N_SONGS) if cache.get(key_of(n)) is None]
        cache.close()
        assert not missing, (what, missing)
        assert len(lines.lines) <= 1, (what, lines.lines)
    finally:
        log.removeHandler(lines)
