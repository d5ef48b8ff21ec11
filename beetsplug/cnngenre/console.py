"""What gets to the terminal: no tag and no file name can move the cursor, or forge a line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from beets import ui

from genre_model.plain_text import harmless

if TYPE_CHECKING:
    from tqdm import tqdm


def say(line: str) -> None:
    """Print a line in which there may be tags or file names."""
    ui.print_(harmless(line))


class Harmless(logging.Filter):
    """Lets every message of the plugin pass, on one line; the account of a bug has several."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by what it says, without control characters."""
        lines = record.getMessage().split("\n")
        between = "\n" if record.levelno >= logging.ERROR else " "
        record.msg, record.args = between.join(map(harmless, lines)), ()
        return True


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[tqdm[Any]]:
    """A progress bar on a terminal's standard error, nothing elsewhere."""
    from tqdm import tqdm

    hidden = True if quiet else None  # None: hidden unless a terminal
    # miniters: else the rate of tracks that need no hearing decides when the next one is shown.
    bar: tqdm[Any] = tqdm(total=total, unit="track", disable=hidden, leave=False, miniters=1)
    with bar:
        yield bar
