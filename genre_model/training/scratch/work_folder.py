"""The work folder of a training: named by its settings, and locked while the training runs.

So the same settings find an interrupted training again, and different trainings never share a
folder.
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

# The folder of the songs' slices, which trainings of one architecture share.
SLICES = "slices"

LOCK = "lock"

# The folder of a training that has not been resumed for this long is deleted.
ABANDONED_S = 30 * 24 * 3600


def folder_name(job: TrainingJob, architecture: Architecture) -> str:
    """A name that depends on a training's settings, but not on its number of epochs or patience."""
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
    """Lock a folder against other processes, until this process is done with it or dies.

    It is SQLite's lock, which the operating system releases by itself and which works on Windows.

    Raises:
        GenreModelError: Another process has the lock, or the folder cannot be written.
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
    """Take a lock; the connection that is returned holds it until it is closed.

    Raises:
        sqlite3.OperationalError: Another connection has the lock, or the file cannot be written.
    """
    connection = sqlite3.connect(lock, timeout=0)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        connection.close()
        raise
    return connection


def forget_abandoned(work: Path) -> None:
    """Delete an architecture's trainings and slices that have not been used for a long time."""
    if not work.is_dir():
        return
    for folder in work.iterdir():
        with suppress(FileNotFoundError, GenreModelError):  # another process deleted or locked it
            if folder.name == SLICES:
                forget_slices(folder)
            elif is_old(folder) and folder.is_dir():
                with locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def forget_slices(folder: Path) -> None:
    """Delete the files of slices that no training has used for a long time."""
    for file in folder.iterdir():
        with suppress(OSError):  # another process deleted it, or Windows has it open
            if is_old(file):
                file.unlink()


def is_old(path: Path) -> bool:
    """Whether a file or folder was last changed longer ago than ``ABANDONED_S``."""
    return time.time() - path.stat().st_mtime > ABANDONED_S
