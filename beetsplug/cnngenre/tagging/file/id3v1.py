"""The 128 bytes of ID3v1 at a file's end: put back where mutagen would lose or change them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from genre_model.audio.stored.plain import id3v1

NO_GENRE = 255

# Where mutagen finds what another tag, which comes first, does not say.
PLACES = {"TIT2": (3, 33), "TPE1": (33, 63), "TALB": (63, 93), "TDRC": (93, 97)}
TRACK_MARK, TRACK = 125, 126  # behind a byte that is zero


@contextmanager
def without_id3v1(path: Path) -> Iterator[None]:
    """Take a tag of ID3v1 from a file's end, and put it back; mutagen would lose or cover it."""
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
    """The number of the genre in a file's tag of ID3v1; None where it has no such tag."""
    with path.open("rb") as file:
        old_tag = id3v1(file)
    return old_tag[-1] if old_tag else None


def set_number_of_genre(path: Path, number: int) -> None:
    """Exchange the number of the genre in a tag of ID3v1, if there is one."""
    if number_of_genre(path) not in (None, number):
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(bytes([number]))


def blank_fields(path: Path, keys: Collection[str]) -> None:
    """Remove fields, by their keys in ID3v2, from a tag of ID3v1, if there is one."""
    with path.open("r+b") as file:
        old_tag = id3v1(file)
        new_tag = blanked(old_tag, keys)
        if new_tag != old_tag:
            file.seek(-len(old_tag), os.SEEK_END)
            file.write(new_tag)


def fields_but(path: Path, keys: Collection[str]) -> bytes:
    """A tag of ID3v1 without the genre and some fields; nothing where there is none."""
    with path.open("rb") as file:
        return blanked(id3v1(file), keys)[:-1]


def blanked(old_tag: bytes, keys: Collection[str]) -> bytes:
    """A tag of ID3v1 without some fields."""
    tag = bytearray(old_tag)
    if not tag:
        return b""
    for key, (start, end) in PLACES.items():
        if key in keys:
            tag[start:end] = bytes(end - start)
    if "TRCK" in keys and not tag[TRACK_MARK]:
        tag[TRACK] = 0
    return bytes(tag)
