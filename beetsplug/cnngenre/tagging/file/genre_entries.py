"""The genre in Vorbis comments: as entries that JSON can hold, and back.

An entry has all that the format keeps of a value: its place among the comments, and its key as it
is spelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COMMENT_KEY = "GENRE"

Entries = list[Any]


def comment_entries(tags: Any) -> Entries:
    """(place, key, value) of each Vorbis comment."""
    return [(n, key, text) for n, (key, text) in enumerate(tags) if key.upper() == COMMENT_KEY]


def new_comments(old: Entries, genres: Sequence[str]) -> Entries:
    """Comments where the first one was, or at the end."""
    place, key = old[0][:2] if old else (None, COMMENT_KEY)
    return [(None if place is None else place + n, key, genre) for n, genre in enumerate(genres)]


def replace_comments(tags: Any, entries: Entries) -> None:
    """Exchange the comments."""
    others = [pair for pair in tags if pair[0].upper() != COMMENT_KEY]
    for place, *pair in entries:
        others.insert(len(others) if place is None else place, tuple(pair))
    tags[:] = others
