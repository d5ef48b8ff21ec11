"""Extract features on several machines: the workers of a Dask cluster (the extra ``dask``).

Only extraction is distributed.  The cache is read and written here, the model is sent to each
worker once, and a file that the workers cannot see under its path is sent to them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genre_model.core.errors import GenreModelError, reason
from genre_model.core.memory import keep_freed_memory
from genre_model.extraction.cache import Cache
from genre_model.extraction.dask_connection import answered_in_time, check_workers, connect
from genre_model.extraction.extractor import (
    Effort,
    ExtractionSpec,
    Extractor,
    extraction_spec,
    files_of,
    receive,
)
from genre_model.extraction.tasks import Failure, attempt
from genre_model.extraction.workers import PER_WORKER, Answer, completed
from genre_model.features.png_songs import is_picture, song_and_number, song_files
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures

if TYPE_CHECKING:
    from distributed import Client, Worker


# A cluster that has had no worker for this long is given up.
NO_WORKERS_S = 30.0
GONE = "the Dask scheduler is gone"
POLL_S = 1.0


# Limit on the total size of files that were sent and are not decoded yet.
MAX_SENT_BYTES = 2**28
NOT_HERE = Failure("the Dask workers do not see the file")


DIED = Failure("the Dask workers that decoded it died, one after the other")


class DiedError(GenreModelError):
    """A task killed every worker that ran it."""


class DaskExtractorPool:
    """The workers of a Dask cluster.  If some are lost, the others do their work."""

    def __init__(
        self, address: str, classifier: Classifier, cache: Cache | None, effort: Effort
    ) -> None:
        """Connect, check the versions of the workers, and send them the model.

        Args:
            address: The scheduler's address, such as ``tcp://host:8786``.
            classifier: The model; its network is not loaded here.
            cache: The features of earlier runs.
            effort: How much of each file is decoded.

        Raises:
            GenreModelError: The scheduler or its workers cannot be used, or the model cannot be
                sent.
        """
        self._extractor = Extractor(classifier, cache, effort)  # for the cache: it decodes nothing
        self._extraction = extraction_spec(classifier.bundle, None, effort)
        self._sends: bool | None = None  # whether files have to be sent; None: not known yet
        self._sent: dict[Future[Answer], int] = {}
        self._fingerprints: dict[Future[Answer], bytes | None] = {}
        self._client = connect(address)
        try:
            with answered_in_time():
                check_workers(self._client, address)
                send_model(self._client, self._extraction, files_of(classifier.bundle))
        except BaseException:
            self._client.close()
            raise
        self._executor = self._client.get_executor(pure=False)
        self.in_flight = PER_WORKER * max(1, sum(self._client.nthreads().values()))

    def check(self) -> None:
        """Let a worker load the model.

        Raises:
            GenreModelError: The model cannot be used, or no worker is left.
        """
        self._wait(self._submit(ExtractionSpec.check, self._extraction))

    def submit(self, path: Path) -> Future[Answer]:
        """Start the extraction of a file, unless the cache has enough of its features.

        Raises:
            GenreModelError: The cluster cannot be used any more, or a worker of this machine, which
                makes the fingerprints, cannot be started.
        """
        fingerprint = self._extractor.fingerprint(path)
        if isinstance(fingerprint, Failure):
            return completed(fingerprint)
        known = attempt(self._extractor.recall, fingerprint)
        if known is not None:
            return completed(known)
        future = self._begin(path)
        self._fingerprints[future] = fingerprint
        return future

    def _begin(self, path: Path) -> Future[Answer]:
        """Have a worker extract the features of a file."""
        try:
            n_bytes = path.stat().st_size
        except OSError as error:
            return completed(Failure(reason(error)))
        if self._sends is None:
            self._sends = not self._wait(self._submit(is_here, path.absolute(), n_bytes))
        return self._send(path) if self._sends else self._point_at(path, n_bytes)

    def claim(self, path: Path, future: Future[Answer]) -> Answer:
        """The features of a file, which are then cached, or why there are none.

        Raises:
            GenreModelError: The cluster cannot be used any more, or the model cannot be used.
        """
        fingerprint = self._fingerprints.pop(future, None)
        outcome = self._outcome(future)
        if outcome == NOT_HERE:
            self._sends = True
            outcome = self._outcome(self._send(path))
        if isinstance(outcome, Failure) or fingerprint is None:  # nothing to cache
            return outcome
        return self._extractor.keep(path, fingerprint, outcome)

    def close(self) -> None:
        """Leave the cluster; the tasks of its workers are abandoned."""
        from distributed.client import ClosedClientError

        with suppress(ClosedClientError):  # the scheduler is gone, and need not be told
            self._executor.shutdown(wait=False)
        self._client.close()

    def _submit(self, function: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Have a worker call a function.

        Raises:
            GenreModelError: The connection to the scheduler is closed.
        """
        from distributed.client import ClosedClientError

        try:
            future: Future[Any] = self._executor.submit(function, *arguments)
        except ClosedClientError as error:
            raise GenreModelError(GONE) from error
        return future

    def _point_at(self, path: Path, n_bytes: int) -> Future[Answer]:
        return self._submit(extract_here, self._extraction, path.absolute(), n_bytes)

    def _send(self, path: Path) -> Future[Answer]:
        """Send a file, once at most ``MAX_SENT_BYTES`` of other files are sent and not decoded yet.

        Raises:
            GenreModelError: No worker is left that could decode them.
        """
        while self._sent and sum(self._sent.values()) > MAX_SENT_BYTES:
            for done in self._first_of(self._sent):
                del self._sent[done]
        try:
            files = files_to_send(path)
        except OSError as error:
            return completed(Failure(reason(error)))
        future: Future[Answer] = self._submit(extract_sent, self._extraction, files)
        self._sent[future] = sum(map(len, files.values()))
        return future

    def _outcome(self, future: Future[Answer]) -> Answer:
        try:
            answer: Answer = self._wait(future)
        except DiedError:
            return DIED
        return answer

    def _wait(self, future: Future[Any]) -> Any:
        """The result of a future.

        Raises:
            DiedError: The workers that had the task have died.
            GenreModelError: There are no workers, or the connection is lost.
        """
        from distributed.scheduler import KilledWorker

        self._first_of([future])
        try:
            return future.result()
        except KilledWorker as error:
            raise DiedError("the Dask workers died, one after the other") from error
        except futures.CancelledError as error:
            raise GenreModelError(GONE) from error

    def _first_of(self, under_way: Collection[Future[Any]]) -> set[Future[Any]]:
        """The futures that are done, as soon as there is one.

        Raises:
            GenreModelError: No workers are left.
        """
        waited_s = 0.0
        while waited_s < NO_WORKERS_S:
            done, _ = futures.wait(under_way, POLL_S, futures.FIRST_COMPLETED)
            if done:
                return done
            waited_s = 0.0 if self._n_workers() else waited_s + POLL_S
        raise GenreModelError("no Dask workers are left")

    def _n_workers(self) -> int:
        """How many workers there are.

        Raises:
            GenreModelError: The scheduler does not answer.
        """
        with answered_in_time():
            try:
                found = self._client.sync(self._client.scheduler.identity)
            except TimeoutError:
                raise
            except (OSError, AttributeError):  # it is gone; this is its last answer
                found = self._client.scheduler_info()
        return len(found.get("workers", {}))


def send_model(client: Client, extraction: ExtractionSpec, files: dict[str, bytes]) -> None:
    """Send a model to all workers, also those that join later; models of other runs are kept.

    Raises:
        GenreModelError: A worker cannot store the model, or is gone.
    """
    from distributed import WorkerPlugin

    class Model(WorkerPlugin):  # type: ignore[misc]
        """A plugin that is set up on each worker when it joins."""

        def setup(self, worker: Worker) -> None:
            # Dask deletes this folder; that of a killed worker when the next worker starts.
            keep_freed_memory()
            receive(extraction, files, Path(worker.local_directory))

    try:
        client.register_plugin(Model(), name=f"beets-cnngenre-{extraction.digest}")
    except TimeoutError:
        raise
    except OSError as error:
        raise GenreModelError(
            f"the model cannot be sent to the Dask workers: {reason(error)}"
        ) from error


def is_here(path: Path, n_bytes: int) -> bool:
    """Whether a worker sees a file; another file of the same name is recognised by its size."""
    try:
        return path.is_file() and path.stat().st_size == n_bytes
    except OSError:
        return False


def extract_here(extraction: ExtractionSpec, path: Path, n_bytes: int) -> SongFeatures | Failure:
    """The features of a file that a worker should see; ``NOT_HERE`` if it does not."""
    return extraction(path) if is_here(path, n_bytes) else NOT_HERE


def files_to_send(path: Path) -> dict[str, bytes]:
    """The files of a song, by the names that a worker gives them.

    A worker finds the pictures of a song by the first one, and their order by their numbers.

    Raises:
        OSError: A file cannot be read.
    """
    if not is_picture(path):
        return {f"sent{path.suffix}": path.read_bytes()}
    files = song_files(path) or [path]
    return {f"{song_and_number(file)[1]}{file.suffix}": file.read_bytes() for file in files}


def extract_sent(extraction: ExtractionSpec, files: dict[str, bytes]) -> SongFeatures | Failure:
    """The features of a song whose files were sent."""
    try:
        with tempfile.TemporaryDirectory(prefix="cnngenre-") as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            return extraction(Path(folder) / next(iter(files)))
    except OSError as error:
        return Failure(f"a Dask worker cannot keep it: {reason(error)}")
