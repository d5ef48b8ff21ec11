"""Many songs at once over any ``concurrent.futures.Executor``, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


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
