"""Preserve the 128 bytes of ID3v1 at a file's end, which mutagen would lose or change."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from genre_model.audio.stored.plain import id3v1

NO_GENRE = 255

# Where mutagen finds the fields that the ID3v2 tag, which has precedence, lacks.
PLACES = {"TIT2": (3, 33), "TPE1": (33, 63), "TALB": (63, 93), "TDRC": (93, 97)}
TRACK_MARK, TRACK = 125, 126  # there is a track number only if the byte before it is zero


@contextmanager
def without_id3v1(path: Path) -> Iterator[None]:
    """Remove the ID3v1 tag during the block, since mutagen would lose it or write after it."""
    with path.open("rb") as file:
        old_tag = id3v1(file)
    if not old_tag:
        yield
        return
    os.truncate(path, path.stat().st_size - len(old_tag))
    try:
        yield
    finally:
        with path.open("ab") as file:
            file.write(old_tag)


def number_of_genre(path: Path) -> int | None:
    """The genre number in a file's ID3v1 tag; None if it has no such tag."""
    with path.open("rb") as file:
        old_tag = id3v1(file)
    return old_tag[-1] if old_tag else None


def set_number_of_genre(path: Path, number: int) -> None:
    """Set the genre number in a file's ID3v1 tag, if there is one."""
    if number_of_genre(path) not in (None, number):
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(bytes([number]))


def blank_fields(path: Path, keys: Collection[str]) -> None:
    """Clear fields, given by their ID3v2 keys, in a file's ID3v1 tag, if there is one."""
    with path.open("r+b") as file:
        old_tag = id3v1(file)
        new_tag = blanked(old_tag, keys)
        if new_tag != old_tag:
            file.seek(-len(old_tag), os.SEEK_END)
            file.write(new_tag)


def fields_but(path: Path, keys: Collection[str]) -> bytes:
    """A file's ID3v1 tag without the genre and with fields cleared; empty if there is none."""
    with path.open("rb") as file:
        return blanked(id3v1(file), keys)[:-1]


def blanked(old_tag: bytes, keys: Collection[str]) -> bytes:
    """An ID3v1 tag with fields cleared, which are given by their ID3v2 keys."""
    tag = bytearray(old_tag)
    if not tag:
        return b""
    for key, (start, end) in PLACES.items():
        if key in keys:
            tag[start:end] = bytes(end - start)
    if "TRCK" in keys and not tag[TRACK_MARK]:
        tag[TRACK] = 0
    return bytes(tag)
