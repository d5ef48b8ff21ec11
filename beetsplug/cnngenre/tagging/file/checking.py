"""Check that writing a file has changed nothing but its genre.

In every format, and in malformed files too, all other tags must be as before, and the audio must be
the same.  The audio's bytes are compared if the file has a plain layout; otherwise its packets,
which a separate process reads, since FFmpeg may crash.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genre_model.audio.packets import PacketReader

MAX_SECONDS = 120.0  # time limit to read a file's packets; a day of music takes a few seconds


# Keys that appear with a file's first tag: frames copied from ID3v1, and a vendor.
OF_A_FIRST_TAG = frozenset({"frames", "vendor"})


class ChangedTooMuchError(Exception):
    """A written file is not as it should be; the message says what is wrong."""


def check_others(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Make sure that no tags but the genre have changed.

    Raises:
        ChangedTooMuchError: Other tags have changed.
    """
    others = {k: v for k, v in after.items() if k not in OF_A_FIRST_TAG or k in before}
    changed = sorted(
        key for key in {**before, **others} if before.get(key, others) != others.get(key, before)
    )
    if changed:
        raise ChangedTooMuchError(f"tagging it would change other tags: {', '.join(changed)}")


def check_audio(original: Path, written: Path) -> None:
    """Make sure that two files have the same audio.

    Raises:
        ChangedTooMuchError: The two files have different audio.
        AudioError, OSError: The audio cannot be compared.
    """
    from genre_model.audio.stored.compare import certainly_same_audio

    if certainly_same_audio(original, written):
        return
    if reader().digest(original, MAX_SECONDS) != reader().digest(written, MAX_SECONDS):
        raise ChangedTooMuchError("tagging it would change its audio")


@cache  # one reader for all files of a run
def reader() -> PacketReader:
    """The packet reader."""
    from genre_model.audio.packets import PacketReader

    found = PacketReader()
    atexit.register(found.close)
    return found
