"""Convert the genre in Vorbis comments to entries that JSON can hold, and back.

An entry keeps everything needed to restore a comment: its place among the comments, its key as it
is spelled, and its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beetsplug.cnngenre.tagging.file.raw_comments import RawComments, key_of

COMMENT_KEY = "genre"

Entries = list[Any]


def comment_entries(tags: RawComments) -> Entries:
    """(place, key, value) of each genre comment."""
    return [
        (place, *comment.split("=", 1))
        for place, comment in enumerate(tags)
        if key_of(comment) == COMMENT_KEY
    ]


def new_comments(old: Entries, genres: Sequence[str]) -> Entries:
    """Entries for genres, in the place of the first old one, or at the end (place None)."""
    place, key = old[0][:2] if old else (None, COMMENT_KEY.upper())
    return [(None if place is None else place + n, key, genre) for n, genre in enumerate(genres)]


def replace_comments(tags: RawComments, entries: Entries) -> None:
    """Replace the genre comments by entries."""
    others = [comment for comment in tags if key_of(comment) != COMMENT_KEY]
    for place, key, text in entries:
        others.insert(len(others) if place is None else place, f"{key}={text}")
    tags[:] = others
