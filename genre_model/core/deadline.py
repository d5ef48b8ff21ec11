"""How long one track may take, and how work that nobody waits for is given up."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from genre_model.core.errors import AudioError

# No more of a song is decoded from its start: a megabyte can hold days of silence.
MAX_SONG_S = 24 * 3600.0

# How long a track may take; it has more time as long as it is decoded at ``MIN_SPEED``.
TIME_LIMIT_S = 60.0

MIN_SPEED = 10.0  # seconds of music decoded in a second

# So long after its deadline a worker is ended: what it is at never looks at the time.
GRACE_S = 30.0


@dataclass(slots=True, eq=False)
class Deadline:
    """How long a track may take from now on: ``limit_s``, and longer while decoding gets on.

    A slow disk, a slow machine or a long song gets more time, a decoder that stands still does not.
    """

    limit_s: float
    began_s: float = field(default_factory=time.monotonic)
    decoded_s: float = 0.0

    def check(self, decoded_s: float = 0.0) -> None:
        """Take note of so many more seconds of music.

        Raises:
            AudioError: Time is up.
        """
        self.decoded_s += decoded_s
        now = time.monotonic()  # asked for each packet: most are within the plain limit
        if now > self.began_s + self.limit_s and now > self.ends_s:
            raise self.exhausted()

    @property
    def ends_s(self) -> float:
        """When time is up, by the monotonic clock."""
        return self.began_s + self.limit_s + min(self.decoded_s, MAX_SONG_S) / MIN_SPEED

    def exhausted(self) -> AudioError:
        """What to raise when time is up."""
        return AudioError(f"took longer than {self.limit_s:g} s")


# Of the track that this thread is at.
DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)

# Of all threads of this process.
RUNNING: set[Deadline] = set()


def is_overdue() -> bool:
    """Whether this process is at something that should have ended ``GRACE_S`` ago."""
    now = time.monotonic()
    return any(now > deadline.ends_s + GRACE_S for deadline in tuple(RUNNING))


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Whatever is opened and decoded inside, in this thread, has so long altogether.

    The time is looked at whenever a packet has been read or decoded, and FFmpeg looks at it
    whenever it wants more of a file.  It does not while it compares tags, of which there may be
    tens of thousands: a worker process is then ended.
    """
    deadline = Deadline(math.inf if seconds is None else seconds)
    token = DEADLINE.set(None if seconds is None else deadline)
    RUNNING.add(deadline)
    try:
        yield
    finally:
        RUNNING.remove(deadline)
        DEADLINE.reset(token)
