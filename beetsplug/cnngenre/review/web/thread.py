"""A thread that does one thing after the other, in a context in which beets finds its files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")


Result = TypeVar("Result")


class ClosedError(Exception):
    """The page is about to end; what was to be done was not done."""


class BusyError(Exception):
    """It was not begun in time, and never will be."""


class OneThread:
    """Does what comes from many threads, such as those of requests.

    beets keeps a connection for each thread that ever asked its library something, and expands
    paths through a context variable.
    """

    def __init__(self, name: str, max_wait_s: float | None = None) -> None:
        """Begin with the context of the caller.

        Args:
            name: Of the thread.
            max_wait_s: How long something may wait for its turn; None: as long as it takes.
        """
        self._executor = ThreadPoolExecutor(1, name)
        self._context = copy_context()
        self._max_wait_s = max_wait_s

    def do(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Wait for the thread to do something; what it raises is raised here.

        Either it is done and its result is returned, or it is not done at all: what has begun is
        waited for, and what has not begun in time is taken from the queue.

        Raises:
            ClosedError: The thread has been closed.
            BusyError: The thread does not begin the work in time.
        """
        try:
            future = self._executor.submit(self._context.run, partial(work, *args, **kwargs))
        except RuntimeError as error:
            raise ClosedError from error
        if not wait([future], self._max_wait_s).done and future.cancel():
            raise BusyError
        try:
            return future.result()
        except CancelledError as error:
            raise ClosedError from error

    def close(self, *, wait: bool) -> None:
        """Take on nothing more, and begin nothing more; with ``wait``, finish what was begun."""
        self._executor.shutdown(wait=wait, cancel_futures=True)
