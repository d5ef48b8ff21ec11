"""A thread that does one thing after the other, in a context in which beets finds its files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")


Result = TypeVar("Result")


class ClosedError(Exception):
    """The page is about to end."""


class OneThread:
    """Does what comes from many threads, such as those of requests.

    beets keeps a connection for each thread that ever asked its library something, and expands
    paths through a context variable.
    """

    def __init__(self, name: str) -> None:
        """Begin with the context of the caller."""
        self._executor = ThreadPoolExecutor(1, name)
        self._context = copy_context()

    def do(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Wait for the thread to do something; what it raises is raised here.

        Raises:
            ClosedError: It does nothing any more.
        """
        try:
            future = self._executor.submit(self._context.run, partial(work, *args, **kwargs))
        except RuntimeError as error:
            raise ClosedError from error
        try:
            return future.result()
        except CancelledError as error:
            raise ClosedError from error

    def close(self, *, wait: bool) -> None:
        """Take on nothing more; with ``wait``, finish what was taken on."""
        self._executor.shutdown(wait=wait, cancel_futures=not wait)
