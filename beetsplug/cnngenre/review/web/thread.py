"""A thread that runs one call after the other, in a context in which beets finds its files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")


Result = TypeVar("Result")


class ClosedError(Exception):
    """The page is about to end; the call was not made."""


class BusyError(Exception):
    """The call did not start in time, and will not be made."""


class OneThread:
    """Makes the calls of many threads, such as those of requests, in one thread.

    beets keeps a database connection for each thread that ever used its library, and expands paths
    through a context variable.
    """

    def __init__(self, name: str, max_wait_s: float | None = None) -> None:
        """Copy the context of the caller.

        Args:
            name: The name of the thread.
            max_wait_s: How long a call may wait for its turn; None for no limit.
        """
        self._executor = ThreadPoolExecutor(1, name)
        self._context = copy_context()
        self._max_wait_s = max_wait_s

    def do(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Call ``work`` in the thread and return its result; its exceptions are raised here.

        The call is either made completely or not at all: once it has started, it is waited for; if
        it does not start in time, it is removed from the queue.

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
        """Accept and start no more calls; with ``wait``, wait for the running one."""
        self._executor.shutdown(wait=wait, cancel_futures=True)
