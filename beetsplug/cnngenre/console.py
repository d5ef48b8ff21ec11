"""What gets to the terminal: no tag and no file name can move the cursor, or forge a line."""

from __future__ import annotations

import logging

from beets import ui

from genre_model.plain_text import harmless


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
