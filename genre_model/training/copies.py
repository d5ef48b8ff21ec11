"""Leave out copies: the same music on both sides of a split makes figures too good."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TypeVar

from genre_model.core.files import digest
from genre_model.core.text import count
from genre_model.features.png_songs import song_files
from genre_model.training.events import OnFailure

Item = TypeVar("Item")


def content_of(path: Path, fingerprint: bytes | None) -> str | None:
    """What identifies the music of a file, wherever it is: notes and pictures by all their bytes.

    Args:
        path: The file.
        fingerprint: That of its audio, or None if it is no audio.

    Returns:
        None if the file cannot be read.
    """
    if fingerprint is not None:
        return fingerprint.hex()
    try:
        return digest(*(file.read_bytes() for file in song_files(path)))
    except OSError:
        return None


def without_copies(
    items: Sequence[Item], contents: Sequence[Hashable], on_failure: OnFailure
) -> list[Item]:
    """The first item of each content, in order; items whose content is None stay.

    ``on_failure`` is told how many tracks are left out.
    """
    first: dict[object, Item] = {}
    for number, (item, content) in enumerate(zip(items, contents, strict=True)):
        first.setdefault(number if content is None else content, item)
    n_left_out = len(items) - len(first)
    if n_left_out:
        on_failure(f"{count(n_left_out, 'track')} with the same audio as another")
    return list(first.values())
