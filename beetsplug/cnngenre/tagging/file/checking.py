"""Whether a file that was written is what it was, but for its genre.

Whatever format it is, and however odd: the genre is there, all other tags are as before, and the
audio's packets are the same.  Those are read in a process of its own, since FFmpeg may crash.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beetsplug.cnngenre.tagging.file.genre_tag import other_tags

if TYPE_CHECKING:
    from genre_model.audio.packets import PacketReader

MAX_SECONDS = 120.0  # to read a file's packets; a day of music takes a few


class ChangedTooMuchError(Exception):
    """A written file is not what it should be; the message says in what."""


@dataclass(frozen=True, slots=True)
class Content:
    """What of a file must stay."""

    others: Mapping[str, Any]
    audio: str


def check_same(before: Content, after: Content) -> None:
    """See to it that nothing but the genre has changed.

    Raises:
        ChangedTooMuchError: Something has.
    """
    if before.audio != after.audio:
        raise ChangedTooMuchError("tagging it would change its audio")
    # Frames are compared where there were some: a first tag of ID3v2 takes over what ID3v1 says.
    others = {k: v for k, v in after.others.items() if k != "frames" or k in before.others}
    changed = sorted(
        key
        for key in {**before.others, **others}
        if before.others.get(key, others) != others.get(key, before)
    )
    if changed:
        raise ChangedTooMuchError(f"tagging it would change other tags: {', '.join(changed)}")


def content_of(path: Path) -> Content:
    """What of a file must stay.

    Raises:
        mutagen.MutagenError, UnknownTagsError, AudioError: It cannot be read.
    """
    return Content(other_tags(path), audio_of(path))


def audio_of(path: Path) -> str:
    """The digest of a file's audio.

    Raises:
        AudioError: It cannot be read.
    """
    return reader().digest(path, MAX_SECONDS)


@cache  # it stays for all files of a run
def reader() -> PacketReader:
    """What reads packets."""
    from genre_model.audio.packets import PacketReader

    found = PacketReader()
    atexit.register(found.close)
    return found
