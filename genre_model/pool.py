"""Many songs at once over any ``concurrent.futures.Executor``, in order and in bounded memory."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

from genre_model.errors import AudioError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Called with a file in the ``except`` block of an error that nobody foresaw.
ReportBug = Callable[[Path], None]

log = logging.getLogger(__name__)


def map_bounded(
    executor: Executor,
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    in_flight: int,
) -> Iterator[tuple[Task, Result]]:
    """Like ``executor.map``, but with at most ``in_flight`` tasks submitted and unclaimed.

    When the caller stops early, tasks that have not begun are cancelled.

    Raises:
        Exception: Whatever the function raises, where its result is claimed.
    """
    waiting: deque[tuple[Task, Future[Result]]] = deque()
    try:
        for task in tasks:
            waiting.append((task, executor.submit(function, task)))
            if len(waiting) >= in_flight:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def log_bug(path: Path) -> None:
    """Log the exception that is being handled."""
    log.exception("%s: internal error", path)


def guarded(
    hear: Callable[[Path], Result], report_bug: ReportBug
) -> Callable[[Path], Result | str]:
    """``hear``, but where a file cannot be heard the answer is why not."""

    def attempt(path: Path) -> Result | str:
        try:
            return hear(path)
        except AudioError as error:
            return str(error)
        except Exception:  # noqa: BLE001  # the one guard: a bug at one track is not the run's end
            report_bug(path)
            return "internal error, see the log"

    return attempt
