"""Ctrl-C waits for the end of what must not be done by half."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C takes effect after the block: one file's tags and its row in the library.

    Only the main thread is ever interrupted, so elsewhere there is nothing to hold back.  The third
    Ctrl-C is not held: somebody means it, and what is waited for may never come.
    """
    former = signal.getsignal(signal.SIGINT)
    if former is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        held.append(number)
        if len(held) == 3:
            signal.signal(signal.SIGINT, former)
            signal.raise_signal(number)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if 0 < len(held) < 3:
            signal.raise_signal(signal.SIGINT)
