"""The length that an MP3 states in its first frame, which holds no audio.

Format: http://gabriel.mp3-tech.org/mp3infotag.html, and Fraunhofer's VBRI.
"""

from __future__ import annotations

import re
from pathlib import Path

from genre_model.audio.stored.plain import after_id3v2

FRAME_BYTES = 64  # enough to include the number of frames
MPEG_1 = 0x08
HAS_FRAMES = 0x01
# Frame header, side information (its size depends on version and channels), flags, frame count.
XING = re.compile(
    rb"\xff[\xe0-\xff]..(?:.{9}|.{17}|.{32})(?:Xing|Info)...(?P<flags>.)(?P<frames>.{4})", re.DOTALL
)
VBRI = re.compile(rb"\xff[\xe0-\xff]..(?:.{32})VBRI.{10}(?P<frames>.{4})", re.DOTALL)


def stated_samples(path: Path) -> int | None:
    """How many samples an MP3 states that it has; None if it does not state it.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        before, start = 0, after_id3v2(file, 0)
        while start is not None and start != before:  # one tag may follow another
            before = start
            start = after_id3v2(file, before)
        if start is None:
            return None
        file.seek(start)
        frame = file.read(FRAME_BYTES)
    xing = XING.match(frame)
    found = xing or VBRI.match(frame)
    if found is None or (xing is not None and not xing["flags"][0] & HAS_FRAMES):
        return None
    n_samples = 1152 if frame[1] & MPEG_1 else 576
    return int.from_bytes(found["frames"], "big") * n_samples
