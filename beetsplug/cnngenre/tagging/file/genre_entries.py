"""The genre in Vorbis comments: as entries that JSON can hold, and back.

An entry has all that the format keeps of a value: its place among the comments, and its key as it
is spelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beetsplug.cnngenre.tagging.file.raw_comments import RawComments, key_of

COMMENT_KEY = "genre"

Entries = list[Any]


def comment_entries(tags: RawComments) -> Entries:
    """(place, key, value) of each Vorbis comment."""
    return [
        (place, *comment.split("=", 1))
        for place, comment in enumerate(tags)
        if key_of(comment) == COMMENT_KEY
    ]


def new_comments(old: Entries, genres: Sequence[str]) -> Entries:
    """Comments where the first one was, or at the end."""
    place, key = old[0][:2] if old else (None, COMMENT_KEY.upper())
    return [(None if place is None else place + n, key, genre) for n, genre in enumerate(genres)]


def replace_comments(tags: RawComments, entries: Entries) -> None:
    """Exchange the comments."""
    others = [comment for comment in tags if key_of(comment) != COMMENT_KEY]
    for place, key, text in entries:
        others.insert(len(others) if place is None else place, f"{key}={text}")
    tags[:] = others
