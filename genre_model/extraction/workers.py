"""Extract the features of many files at once, in worker processes of this machine or of a cluster.

Files are never decoded in this process: a decoder may crash.  All pools have the same
interface, wherever their workers are (``dask_workers`` has the pool of a cluster).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar

from genre_model.core.errors import AudioError
from genre_model.core.ordered import in_order
from genre_model.core.processes import WorkerPool
from genre_model.extraction.cache import Cache
from genre_model.extraction.extractor import Effort, ExtractionSpec, extraction_spec
from genre_model.extraction.tasks import Failure, ReportBug, reported
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures

Task = TypeVar("Task")


Answer = SongFeatures | Failure


PER_WORKER = 2  # files in progress or waiting for each worker


class ExtractorPool(Protocol):
    """Workers that extract the features of many files at once.  Must be closed."""

    in_flight: int

    def check(self) -> None:
        """Make sure that the model can be used.

        Raises:
            GenreModelError: The model cannot be used, or there are no workers.
        """

    def submit(self, path: Path) -> Future[Answer]:
        """Start the extraction of a file."""

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """The features of the file whose future this is, or why there are none.

        Raises:
            GenreModelError: The run cannot go on.
        """

    def close(self) -> None:
        """Release everything at once; files in progress are abandoned."""


class LocalExtractorPool:
    """Worker processes of this machine.  If one dies, only its file is lost."""

    def __init__(self, extraction: ExtractionSpec, n_workers: int) -> None:
        """Workers read the cache themselves: opening a file may crash just as decoding it may."""
        self.in_flight = PER_WORKER * n_workers
        self._extraction = extraction
        self._workers = WorkerPool(n_workers)

    def check(self) -> None:
        """Start the first worker and let it load the model.

        Raises:
            GenreModelError: The model cannot be used, or no worker can be started.
        """
        self._workers.check(ExtractionSpec.check, self._extraction)

    def submit(self, path: Path) -> Future[Answer]:
        """Start the extraction of a file."""
        return self._workers.submit(self._extraction, path)

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """The features of a file, or why there are none: for example, its decoder crashed."""
        try:
            return self._workers.result(future, self._extraction, path)
        except AudioError as error:
            return Failure(str(error))

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def local_pool(
    classifier: Classifier, cache: Cache | None, effort: Effort, *, n_workers: int, n_files: int
) -> ExtractorPool:
    """Workers of this machine for ``n_files`` files or more; the network is not loaded here."""
    spec = extraction_spec(classifier.bundle, None if cache is None else cache.spec, effort)
    return LocalExtractorPool(spec, max(1, min(n_workers, n_files)))


def extract_many(
    pool: ExtractorPool,
    tasks: Iterable[Task],
    path_of: Callable[[Task], Path | None],
    report_bug: ReportBug,
) -> Generator[tuple[Task, SongFeatures | str | None], None, None]:
    """Each task, in order, with the features of its file, or why there are none.

    A task whose path is None gets None: there is nothing to extract.

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
                yield task, reported(path, pool.claim(path, future), report_bug)


def completed(answer: Answer) -> Future[Answer]:
    """A future that has its answer already."""
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future
