"""Text of strangers (tags, file names, what a model calls itself) made fit for a terminal."""

from __future__ import annotations


def harmless(text: str) -> str:
    """Text on one line: control characters, also bidirectional, and undecodable bytes escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
