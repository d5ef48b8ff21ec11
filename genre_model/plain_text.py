"""Text of strangers (tags, file names, what a model calls itself) made fit for a terminal."""

from __future__ import annotations

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def harmless(text: str) -> str:
    """Text on one line without control characters, bidirectional ones included."""
    return "".join(c if c.isprintable() else UNPRINTABLE for c in text)
