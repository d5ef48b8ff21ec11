"""Worker processes: whatever may crash, a decoder above all, runs in one of them.

A worker that dies takes one call with it, never this process.  Workers end when their parent ends,
however it does, and are not interrupted by Ctrl-C: the parent alone decides what happens then.
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
from typing import TypeVar

from genre_model.core.deadline import DEADLINE, RUNNING, is_overdue
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.memory import keep_freed_memory

Result = TypeVar("Result")


# What workers need, imported once and shared by those that the fork server starts.
PRELOADED = ["av", "soxr", "onnxruntime", "genre_model.extraction.extractor"]


# Windows waits for no more at once; with more Python starts no pool.
MOST_ON_WINDOWS = 61


CRASHED = "the decoder crashed"


LOOK_S = 1.0  # how often a worker looks whether it is late


_main_module = threading.Lock()


# The ends of pipes whose closing ends workers.  A forked worker has a copy of each.
_writers: set[Connection] = set()


class CrashedError(AudioError):
    """A call ended the process that it ran in."""


class WorkerPool:
    """Processes that call functions for this one.  To be closed."""

    def __init__(self, n_workers: int) -> None:
        """Nothing is started before the first call.

        Args:
            n_workers: How many processes there are at most.
        """
        self._n_workers = n_workers
        self._executor: Executor | None = None
        self._lone: Executor | None = None

    def check(self, function: Callable[..., object], *arguments: object) -> None:
        """Start the first worker and call something in it that does not crash.

        Raises:
            GenreModelError: No worker can be started, or the function raises it.
        """
        try:
            self._running().submit(function, *arguments).result()
        except (BrokenExecutor, OSError) as error:
            raise GenreModelError("worker processes cannot be started, or die at once") from error

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Begin to call a function of a module with arguments that can be pickled."""
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
        """What a call returned or raised, given what was submitted.

        A worker's death breaks all calls that are under way.  Each of them is made once more, in a
        process that does nothing else, so that it is certain which one is at fault.

        Raises:
            CrashedError: The call ended its process, twice.
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
        """
        return self.result(self.submit(function, *arguments), function, *arguments)

    def close(self) -> None:
        """End the workers; calls that are under way are given up."""
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
        if sys.platform == "win32":
            n_workers = min(n_workers, MOST_ON_WINDOWS)
        context = start_method(n_workers)
        reader, self._writer = context.Pipe(duplex=False)
        _writers.add(self._writer)
        self._executor = ProcessPoolExecutor(n_workers, context, begin_worker, (reader,))

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Begin to call a function in a worker, which is started if need be."""
        with without_main_module(), without_interrupts(), warnings.catch_warnings():
            # Python 3.12 counts the threads of NumPy's library, which stop for a fork.
            warnings.filterwarnings("ignore", "This process.*multi-threaded", DeprecationWarning)
            try:
                return self._executor.submit(function, *arguments)
            except RuntimeError as error:
                if "after interpreter shutdown" not in str(error):
                    raise
                raise CrashedError("the program is ending") from error

    def close(self) -> None:
        """End the workers at once.

        Python waits for its thread that looks after them in any case, at its own end, where the
        two sometimes close the same pipe (in 3.10).
        """
        _writers.discard(self._writer)
        self._writer.close()
        self._executor.shutdown(cancel_futures=True)


def start_method(n_workers: int) -> BaseContext:
    """How workers are started.

    One alone is forked where this process has no other thread: it has NumPy then already, which
    halves what it costs to start.  Several come from a server that has loaded what all of them
    need.  Elsewhere than on Linux libraries do not bear to be forked, or there is no forking.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    if n_workers == 1 and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def begin_worker(reader: Connection) -> None:
    """Runs first in each worker: the parent alone is interrupted, and a worker ends with it."""
    keep_freed_memory()
    gc.freeze()  # what the parent has made, if this process was forked, is not looked at again
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    DEADLINE.set(None)  # of what the parent was at, if this process was forked from it
    RUNNING.clear()
    while _writers:  # the parent's, if this process was forked from it
        _writers.pop().close()
    threading.Thread(target=end_with, args=(reader,), daemon=True).start()


def end_with(reader: Connection) -> None:
    """End this process when the other end of a pipe is closed, by death or on purpose.

    Also when it is long past the deadline of a file: its parent cannot end a single worker.
    """
    with suppress(OSError):
        while not (reader.poll(LOOK_S) or is_overdue()):
            pass
    os._exit(0)


@contextmanager
def without_main_module() -> Iterator[None]:
    """Processes that are started meanwhile do not run this one's script.

    They would import all of beets, say, and need nothing of it.
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
    """Processes that are started meanwhile are not interrupted by Ctrl-C, from their beginning."""
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
    """Call a function in a worker that all such calls share, and wait; for a file now and then.

    Raises:
        CrashedError: The call ended its process, twice.
    """
    with _one_call:
        if not _shared:
            _shared.append(WorkerPool(1))
            atexit.register(close_shared)
        return _shared[0].call(function, *arguments)


def close_shared() -> None:
    """End the shared worker; the next call starts another."""
    while _shared:
        _shared.pop().close()
