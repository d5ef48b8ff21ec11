"""Terminal output, in which no tag or file name can move the cursor or forge a line."""

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
            """Count ``n`` more tracks as done."""

        def external_write_mode(self) -> AbstractContextManager[object]:
            """A context in which other lines can be printed."""


MAX_LINE = 4000  # characters; a tag may have a million


def say(line: str) -> None:
    """Print a line that may contain tags or file names; a very long line is cut off."""
    shown = line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} ..."
    ui.print_(harmless(shown))


def conclude(line: str, log: BeetsLogger) -> None:
    """Print the last line of a run; log it if the output pipe is closed.

    Raises:
        BrokenPipeError: The output pipe is closed; beets then ends quietly.
    """
    try:
        ui.print_(line)
    except BrokenPipeError:
        log.warning("{}", line)
        raise


class Harmless(logging.Filter):
    """Passes every log message of the plugin as one line; errors keep their lines (a traceback)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by its formatted text without control characters."""
        lines = record.getMessage().split("\n")
        between = "\n" if record.levelno >= logging.ERROR else " "
        record.msg, record.args = between.join(map(harmless, lines)), ()
        return True


class NoBar:
    """A progress bar that shows nothing."""

    def update(self, n: float = 1) -> None:
        """Do nothing."""

    def external_write_mode(self) -> AbstractContextManager[None]:
        """A context that does nothing."""
        return nullcontext()


class EarlyBar:
    """Moves a bar once for each track: when its file is analysed, or else when the track is done.

    All tracks of an artist may have to be analysed before the first of them gets its verdict.
    """

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self.n_ahead = 0  # tracks that are analysed but not done

    def analysed(self) -> None:
        """Count a track whose file was analysed, or could not be."""
        self.n_ahead += 1
        self._bar.update()

    def done(self) -> None:
        """Count a track that is done, unless it counted when its file was analysed."""
        if self.n_ahead:
            self.n_ahead -= 1
        else:
            self._bar.update()


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[Bar]:
    """A progress bar on standard error; one that shows nothing if that is not a terminal.

    What beets and its plugins log meanwhile is written above the bar.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield NoBar()
        return
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    tqdm.monitor_interval = 0  # no monitor thread: a process with threads is not forked
    # Without miniters=1, tqdm would adapt to the rate of tracks that need no extraction.
    bar: tqdm[Any] = tqdm(total=total, unit="track", leave=False, miniters=1)
    with bar, logging_redirect_tqdm([logging.getLogger("beets")]):
        yield bar


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C to the end of the block, such as writing one file's tags and its library row.

    Python interrupts only the main thread, so other threads need no delay.  The third Ctrl-C takes
    effect at once: the user insists, and the block may be waiting for something that never comes.
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
