"""Who hears: threads of this process for a few files, processes of their own for many.

The decoder hardly lets go of Python's lock, so threads gain little; processes gain all there is,
but cost a third of a second and some memory to start.  Both are asked in the same way, and so is a
cluster (``cluster``).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Protocol, TypeVar

from genre_model.core.deadline import until
from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.extraction.cache import Cache
from genre_model.extraction.extractor import Effort, ExtractionSpec, Extractor, extraction_spec
from genre_model.extraction.tasks import Failure, ReportBug, in_order, log_bug, told
from genre_model.model.classifier import Classifier, SongFeatures


def extract_tracks(
    tracks: Sequence[LabelledTrack],
    pool: ExtractorPool,
    on_track: Callable[[LabelledTrack, str | None], None],
    report_bug: ReportBug = log_bug,
) -> Iterator[tuple[LabelledTrack, SongFeatures]]:
    """What is heard of each track; ``on_track`` gets each, and why it cannot be heard if so.

    Raises:
        GenreModelError: The model cannot be used, or nobody is there any more to hear.
    """
    pool.check()
    for track, extracted in extract_many(pool, tracks, lambda track: track.path, report_bug):
        if isinstance(extracted, SongFeatures):
            on_track(track, None if len(extracted.features) else "silent")
            yield track, extracted
        else:
            on_track(track, extracted)


Task = TypeVar("Task")


Result = TypeVar("Result")


Answer = SongFeatures | Failure


# So many files surely earn back what it takes to start processes: docs/scaling.md.
MANY_FILES = 12


PER_WORKER = 2  # files that are under way or waiting for each worker


# What a worker needs, imported once and shared by all of them.
PRELOADED = ["av", "soxr", "onnxruntime", "genre_model.extraction.extractor"]


_main_module = threading.Lock()


CRASHED = Failure("the process that decoded it died, twice")


class ExtractorPool(Protocol):
    """Whoever hears many files at once.  To be closed."""

    in_flight: int
    costly: bool  # to begin with: worth to be kept for the next files

    def check(self) -> None:
        """See to it that the model can be used.

        Raises:
            GenreModelError: It cannot, or nobody is there to hear.
        """

    def submit(self, path: Path) -> Future[Answer]:
        """Begin to hear a file."""

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """What was heard of the file that a future is about.

        Raises:
            GenreModelError: The run cannot go on.
        """

    def close(self) -> None:
        """Let go of everything, at once; files that are under way are given up."""


class ThreadExtractorPool:
    """Threads of this process."""

    costly = False

    def __init__(self, load: Callable[[], Callable[[Path], Answer]], n_workers: int) -> None:
        """Nothing is loaded before it is needed.

        Args:
            load: Loads the model and returns what hears with it.
            n_workers: How many files are heard at once.
        """
        self.in_flight = PER_WORKER * n_workers
        self._load = load
        self._extract: Callable[[Path], Answer] | None = None
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(n_workers, "genre-model")

    def check(self) -> None:
        """Load the model.

        Raises:
            GenreModelError: It cannot be used.
        """
        self._extract = self._extract or self._load()

    def submit(self, path: Path) -> Future[Answer]:
        """Begin to hear a file."""
        self.check()
        return self._executor.submit(self._extract_until_closed, path)

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """What was heard of a file."""
        return future.result()

    def close(self) -> None:
        """Files that are under way are given up, at the next packet or slice."""
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _extract_until_closed(self, path: Path) -> Answer:
        assert self._extract is not None
        with until(self._closed):
            return self._extract(path)


class ProcessExtractorPool:
    """Processes of their own.  One that dies takes no more with it than the file it was at."""

    costly = True

    def __init__(self, extraction: ExtractionSpec, n_workers: int) -> None:
        """Workers look into the cache themselves: opening a file may crash as decoding it may."""
        self.in_flight = PER_WORKER * n_workers
        self._extraction = extraction
        self._n_workers = n_workers
        self._pool: Pool | None = Pool(n_workers)
        self._lone: Pool | None = None

    def check(self) -> None:
        """Start the first worker and let it load the model.

        Raises:
            GenreModelError: It cannot be used, or no worker can be started.
        """
        assert self._pool is not None
        try:
            self._pool.submit(ExtractionSpec.check, self._extraction).result()
        except BrokenExecutor as error:
            raise GenreModelError(
                "worker processes die as soon as they are started; one thread does without them"
            ) from error

    def submit(self, path: Path) -> Future[Answer]:
        """Begin to hear a file."""
        for _ in range(2):
            if self._pool is None:
                self._pool = Pool(self._n_workers)
            try:
                return self._pool.submit(self._extraction, path)
            except BrokenExecutor:
                self._pool.close()
                self._pool = None
        return completed(CRASHED)

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """What was heard of a file.

        A worker's death takes all files with it that are under way.  Each of them is heard once
        more by a process that hears nothing else, so that it is certain whose fault it is.
        """
        try:
            return future.result()
        except BrokenExecutor:
            pass
        if self._lone is None:
            self._lone = Pool(1)
        try:
            return self._lone.submit(self._extraction, path).result()
        except BrokenExecutor:
            self._lone.close()
            self._lone = None
            return CRASHED

    def close(self) -> None:
        """End the workers."""
        for pool in (self._pool, self._lone):
            if pool is not None:
                pool.close()
        self._pool = self._lone = None


def local_pool(
    classifier: Classifier, cache: Cache | None, effort: Effort, *, n_workers: int, n_files: int
) -> ExtractorPool:
    """Whoever of this machine is best for so many files, or more.

    Where processes hear, the network of ``classifier`` is not loaded in this one.
    """
    if n_workers > 1 and n_files >= MANY_FILES:
        spec = None if cache is None else cache.spec
        with suppress(ImportError, OSError):  # a system without what processes need
            return ProcessExtractorPool(extraction_spec(classifier.bundle, spec, effort), n_workers)

    def load() -> Extractor:
        classifier.load()
        return Extractor(classifier, cache, effort)

    return ThreadExtractorPool(load, n_workers)


class Pool:
    """A ``ProcessPoolExecutor`` whose workers die with their parent, or when they are told to.

    They are not forked from this process, which may have threads, and do not import its main
    module.
    """

    def __init__(self, n_workers: int) -> None:
        context = context_of_workers()
        reader, self._writer = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(n_workers, context, begin_worker, (reader,))

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Begin to call a function in a worker, which is started if need be."""
        with without_main_module(), without_interrupts():
            return self._executor.submit(function, *arguments)

    def close(self) -> None:
        """End the workers at once.

        Python waits for its thread that looks after them in any case, at its own end, where the
        two sometimes close the same pipe (in 3.10).
        """
        self._writer.close()
        self._executor.shutdown(cancel_futures=True)


def context_of_workers() -> BaseContext:
    """How workers are started: from a process that has loaded what all of them need, or anew.

    Elsewhere than on Linux libraries do not bear to be forked, or there is no forking.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def begin_worker(reader: Connection) -> None:
    """Runs first in each worker: the parent alone is interrupted, and a worker ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(reader,), daemon=True).start()


def end_with(reader: Connection) -> None:
    """End this process when the other end of a pipe is closed, by death or on purpose."""
    with suppress(EOFError, OSError):
        reader.recv_bytes()
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


def extract_many(
    pool: ExtractorPool,
    tasks: Iterable[Task],
    path_of: Callable[[Task], Path | None],
    report_bug: ReportBug,
) -> Generator[tuple[Task, SongFeatures | str | None], None, None]:
    """Each task, in order, with what was heard of its file, or why it cannot be heard.

    None for a task whose path is None: it needs no hearing.

    Raises:
        GenreModelError: The run cannot go on.
    """

    def submit(task: Task) -> Future[Answer] | None:
        path = path_of(task)
        return None if path is None else pool.submit(path)

    with closing(in_order(submit, tasks, pool.in_flight)) as pairs:
        for task, future in pairs:
            path = path_of(task)
            if future is None or path is None:
                yield task, None
            else:
                yield task, told(path, pool.claim(path, future), report_bug)


def completed(answer: Answer) -> Future[Answer]:
    """The future of an answer that is there already."""
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future
