"""What gets to the terminal: no tag and no file name can move the cursor, or forge a line."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Any

from beets import ui

from genre_model.core.text import harmless

if TYPE_CHECKING:
    from typing import Protocol

    from beets.logging import BeetsLogger

    class Bar(Protocol):
        """A progress bar."""

        def update(self, n: float = 1) -> object:
            """So many tracks more are done."""

        def external_write_mode(self) -> AbstractContextManager[object]:
            """Something else is written meanwhile."""


MAX_LINE = 4000  # characters; a tag may have a million


def say(line: str) -> None:
    """Print a line in which there may be tags or file names; a very long one is cut off."""
    shown = line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} ..."
    ui.print_(harmless(shown))


def conclude(line: str, log: BeetsLogger) -> None:
    """Print the last line of a run; where nobody reads the output any more, log it.

    Raises:
        BrokenPipeError: Nobody reads the output; beets ends quietly then.
    """
    try:
        ui.print_(line)
    except BrokenPipeError:
        log.warning("{}", line)
        raise


class Harmless(logging.Filter):
    """Lets every message of the plugin pass, on one line; the account of a bug has several."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by what it says, without control characters."""
        lines = record.getMessage().split("\n")
        between = "\n" if record.levelno >= logging.ERROR else " "
        record.msg, record.args = between.join(map(harmless, lines)), ()
        return True


class NoBar:
    """What counts nowhere."""

    def update(self, n: float = 1) -> None:
        """Nothing."""

    def external_write_mode(self) -> AbstractContextManager[None]:
        """Nothing."""
        return nullcontext()


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Bar]:
    """A progress bar on a terminal's standard error, nothing elsewhere."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield NoBar()
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # it would start a thread, and a process with threads is not forked
    # miniters: else the rate of tracks that need no extraction decides when the next one is shown.
    bar: tqdm[Any] = tqdm(total=total, unit="track", leave=False, miniters=1)
    with bar:
        yield bar


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
