"""Process many files at once, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import closing
from typing import Any, TypeVar

from genre_model.core.errors import AudioError
from genre_model.core.processes import WorkerPool

Task = TypeVar("Task")
Argument = TypeVar("Argument")
Result = TypeVar("Result")
Handle = TypeVar("Handle", bound="Future[Any] | None")

PER_WORKER = 4  # short calls in progress or waiting for each worker


def in_order(
    submit: Callable[[Task], Handle], tasks: Iterable[Task], in_flight: int
) -> Generator[tuple[Task, Handle], None, None]:
    """Tasks with their futures, in order, with at most ``in_flight`` submitted and unclaimed.

    None in place of a future means that there is nothing to do for the task.  When the caller stops
    early, tasks that have not begun are cancelled.
    """
    waiting: deque[tuple[Task, Handle]] = deque()
    try:
        for task in tasks:
            waiting.append((task, submit(task)))
            if len(waiting) >= in_flight:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, future in waiting:
            if future is not None:
                future.cancel()


def results_in_order(
    n_workers: int,
    function: Callable[[Argument], Result],
    tasks: Iterable[Task],
    argument_of: Callable[[Task], Argument],
) -> Generator[tuple[Task, Result | AudioError], None, None]:
    """Each task, in order, with what worker processes return for its argument.

    If a file cannot be read, or ends its worker, its task comes with the error.

    Raises:
        GenreModelError: No worker can be started.
    """
    with (
        closing(WorkerPool(n_workers)) as pool,
        closing(
            in_order(
                lambda task: pool.submit(function, argument_of(task)),
                tasks,
                PER_WORKER * n_workers,
            )
        ) as pairs,
    ):
        for task, future in pairs:
            try:
                found: Result | AudioError = pool.result(future, function, argument_of(task))
            except AudioError as error:
                found = error
            yield task, found
