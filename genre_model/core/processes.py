"""Worker processes for code that may crash, above all decoders.

A worker that dies ends one call, never this process.  Workers end when their parent ends, for
whatever reason, and are not interrupted by Ctrl-C: the parent alone decides what happens then.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TypeVar

from genre_model.core.deadline import DEADLINE, RUNNING, is_overdue
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.memory import keep_freed_memory
from genre_model.core.safe_path import safe_path

Result = TypeVar("Result")


# Modules that workers need: imported once by the fork server, and shared by the workers it starts.
PRELOADED = ["av", "soxr", "onnxruntime", "genre_model.extraction.extractor"]


# Windows cannot wait for more processes at once; Python refuses to start a larger pool.
MOST_ON_WINDOWS = 61


CRASHED = "the decoder crashed"


CANNOT_START = "worker processes cannot be started, or die at once"


LOOK_S = 1.0  # how often a worker checks whether it is overdue


_main_module = threading.Lock()


# The pipe ends that are closed to end the workers.  A forked worker has a copy of each.
_writers: set[Connection] = set()


class CrashedError(AudioError):
    """A call ended the process that it ran in."""


class WorkerPool:
    """Processes that call functions for this process.  Must be closed."""

    def __init__(self, n_workers: int) -> None:
        """Create the pool; no process is started before the first call.

        Args:
            n_workers: Maximum number of processes.
        """
        self._n_workers = n_workers
        self._executor: Executor | None = None
        self._lone: Executor | None = None

    def check(self, function: Callable[..., object], *arguments: object) -> None:
        """Start the first worker and call a function in it that does not crash.

        Raises:
            GenreModelError: No worker can be started, or the function raises it.
        """
        try:
            self._running().submit(function, *arguments).result()
        except (BrokenExecutor, OSError) as error:
            raise GenreModelError(CANNOT_START) from error

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Start a call of a module-level function with arguments that can be pickled.

        Raises:
            GenreModelError: No worker can be started.
        """
        for _ in range(2):
            try:
                return self._running().submit(function, *arguments)
            except BrokenExecutor as error:
                assert self._executor is not None
                self._executor.close()
                self._executor, broken = None, error
        failed: Future[Result] = Future()
        failed.set_exception(broken)
        return failed

    def result(
        self, future: Future[Result], function: Callable[..., Result], *arguments: object
    ) -> Result:
        """Return or raise what a call did, given its future and what was submitted.

        A worker's death breaks all calls in progress.  Each of them is repeated once, in a process
        that does nothing else, so that it is certain which call is at fault.

        Raises:
            CrashedError: The call ended its process, twice.
            GenreModelError: No worker can be started.
        """
        with suppress(BrokenExecutor):
            return future.result()
        self._lone = self._lone or Executor(1)
        try:
            return self._lone.submit(function, *arguments).result()
        except BrokenExecutor as error:
            self._lone.close()
            self._lone = None
            raise CrashedError(CRASHED) from error

    def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function in a worker and wait for what it returns or raises.

        Raises:
            CrashedError: The call ended its process, twice.
            GenreModelError: No worker can be started.
        """
        return self.result(self.submit(function, *arguments), function, *arguments)

    def close(self) -> None:
        """End the workers; calls in progress are abandoned."""
        for executor in (self._executor, self._lone):
            if executor is not None:
                executor.close()
        self._executor = self._lone = None

    def _running(self) -> Executor:
        self._executor = self._executor or Executor(self._n_workers)
        return self._executor


class Executor:
    """A ``ProcessPoolExecutor`` whose workers die with their parent, or when they are told to."""

    def __init__(self, n_workers: int) -> None:
        """Create the executor, and start the process that Python tracks its semaphores with.

        Raises:
            GenreModelError: That process, a pipe or a semaphore cannot be created.
        """
        if sys.platform == "win32":
            n_workers = min(n_workers, MOST_ON_WINDOWS)
        with starting():
            context = start_method(n_workers)
            reader, self._writer = context.Pipe(duplex=False)
            self._executor = ProcessPoolExecutor(n_workers, context, begin_worker, (reader,))
        _writers.add(self._writer)

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Start a call of a function in a worker, which is started if necessary.

        Raises:
            GenreModelError: No worker can be started.
        """
        with starting():
            return self._executor.submit(function, *arguments)

    def close(self) -> None:
        """End the workers at once.

        This waits for the executor's thread that manages them.  Python would wait for it anyway
        when it exits, where both sometimes close the same pipe (in 3.10).
        """
        _writers.discard(self._writer)
        self._writer.close()
        self._executor.shutdown(cancel_futures=True)


def start_method(n_workers: int) -> BaseContext:
    """Choose how workers are started.

    A single worker is forked if this process has no other thread: NumPy is then already loaded,
    which halves the cost of starting.  Several workers come from a fork server that has loaded what
    all of them need.  On other systems, libraries do not survive a fork, or there is no fork.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    if n_workers == 1 and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def begin_worker(reader: Connection) -> None:
    """Prepare a worker: it ignores Ctrl-C, and ends when its parent ends."""
    keep_freed_memory()
    gc.freeze()  # if forked: the collector skips the parent's objects
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    DEADLINE.set(None)  # if forked: the deadline of the parent's work
    RUNNING.clear()
    while _writers:  # if forked: the parent's pipe ends
        _writers.pop().close()
    threading.Thread(target=end_with, args=(reader,), daemon=True).start()


def end_with(reader: Connection) -> None:
    """End this process when the other end of a pipe is closed, on purpose or by the parent's death.

    It also ends when it is long past the deadline of a file: its parent cannot end a single worker.
    """
    with suppress(OSError):
        while not (reader.poll(LOOK_S) or is_overdue()):
            pass
    os._exit(0)


@contextmanager
def starting() -> Iterator[None]:
    """Prepare this process for starting others inside the block.

    Raises:
        CrashedError: This process is ending.
        GenreModelError: No process can be started.
    """
    with without_main_module(), safe_path(), without_interrupts(), warnings.catch_warnings():
        # Python 3.12 warns of the threads of NumPy's library, but they are stopped for a fork.
        warnings.filterwarnings("ignore", "This process.*multi-threaded", DeprecationWarning)
        try:
            yield
        except (OSError, EOFError) as error:  # EOFError: the fork server has died
            raise GenreModelError(CANNOT_START) from error
        except RuntimeError as error:
            if "after interpreter shutdown" in str(error):
                raise CrashedError("the program is ending") from error
            if "can't start new thread" in str(error):
                raise GenreModelError(CANNOT_START) from error
            raise


@contextmanager
def without_main_module() -> Iterator[None]:
    """Keep processes that are started inside the block from running this process's script.

    They would import all of beets, for example, and need none of it.
    """
    with _main_module:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from interrupting processes started inside the block, from their beginning."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_shared: list[WorkerPool] = []


_one_call = threading.Lock()


def call_in_worker(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a worker shared by all these calls, and wait; for occasional files.

    Relative paths are those of now: the worker may have begun in another folder.

    Raises:
        CrashedError: The call ended its process, twice.
        GenreModelError: No worker can be started.
    """
    arguments = tuple(one.absolute() if isinstance(one, Path) else one for one in arguments)
    with _one_call:
        if not _shared:
            _shared.append(WorkerPool(1))
            atexit.register(close_shared)
        return _shared[0].call(function, *arguments)


def close_shared() -> None:
    """End the shared worker; the next call starts another."""
    while _shared:
        _shared.pop().close()
