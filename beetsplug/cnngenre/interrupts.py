"""Ctrl-C waits for the end of what must not be done by half."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C takes effect after the block: one file's tags and its row in the library.

    Only the main thread is ever interrupted, so elsewhere there is nothing to hold back.
    """
    former = signal.getsignal(signal.SIGINT)
    if former is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if held:
            signal.raise_signal(signal.SIGINT)
