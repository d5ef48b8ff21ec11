"""Where a training works: in a folder named by its settings, which it alone uses meanwhile.

So an interrupted training is found again by the same settings, and two different ones never meet.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from genre_model.core.errors import GenreModelError
from genre_model.core.files import digest, writing
from genre_model.training.job import TrainingJob
from genre_model.training.networks.base import Architecture, Network

# The slices of songs, which trainings of one architecture share.
SLICES = "slices"

LOCK = "lock"

# A training that nobody has gone on with for so long is given up.
ABANDONED_S = 30 * 24 * 3600


def folder_name(job: TrainingJob, architecture: Architecture) -> str:
    """What differs where a training does; not the number of epochs, which may grow on the way."""
    learner = architecture.learner
    options = job.options
    parts = (
        (architecture.name, architecture.spectrogram, architecture.slices),
        replace(learner.training, epochs=0, patience=0) if isinstance(learner, Network) else None,
        (options.seed, options.select, options.split_by),
        [(os.fsencode(t.path.absolute()), t.labels, t.artist, t.album) for t in job.tracks],
    )
    return digest(msgspec.json.encode(parts))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder from every other process, until this one is done or dies.

    It is a lock of SQLite's, which the system takes back by itself, and which Windows has too.

    Raises:
        GenreModelError: Another process has it, or it cannot be written.
    """
    with writing(folder):
        try:
            lock = take(folder / LOCK)
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error)
            why = "the same training is in progress there" if busy else error
            raise GenreModelError(f"cannot work in {folder}: {why}") from error
    with closing(lock):
        yield


def take(lock: Path) -> sqlite3.Connection:
    """What holds a lock until it is closed.

    Raises:
        sqlite3.OperationalError: Another has it, or the file cannot be written.
    """
    connection = sqlite3.connect(lock, timeout=0)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        connection.close()
        raise
    return connection


def forget_abandoned(work: Path) -> None:
    """Remove the folders that no training has gone on in for long."""
    for folder in work.iterdir():
        with suppress(FileNotFoundError, GenreModelError):  # removed, or in use, by another
            old = time.time() - folder.stat().st_mtime > ABANDONED_S
            if old and folder.is_dir() and folder.name != SLICES:
                with locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)
