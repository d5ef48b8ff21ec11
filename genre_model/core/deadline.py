"""Limit the time that one track may take, and detect work that is far beyond its limit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from genre_model.core.errors import AudioError

# A song is decoded up to this length at most: a megabyte can hold days of silence.
MAX_SONG_S = 24 * 3600.0

# Time limit for a track; it gets more time as long as it is decoded at ``MIN_SPEED``.
TIME_LIMIT_S = 60.0

MIN_SPEED = 10.0  # seconds of music decoded in a second

# A worker is ended this long after its deadline: what it is running never checks the time.
GRACE_S = 30.0


@dataclass(slots=True, eq=False)
class Deadline:
    """How long a track may take from now on: ``limit_s``, and longer while decoding makes progress.

    A slow disk, a slow machine or a long song gets more time; a decoder that is stuck does not.
    """

    limit_s: float
    began_s: float = field(default_factory=time.monotonic)
    decoded_s: float = 0.0

    def check(self, decoded_s: float = 0.0) -> None:
        """Record ``decoded_s`` more seconds of decoded music, and check the time.

        Raises:
            AudioError: Time is up.
        """
        self.decoded_s += decoded_s
        now = time.monotonic()  # called for each packet: most are within the plain limit
        if now > self.began_s + self.limit_s and now > self.ends_s:
            raise self.exhausted()

    @property
    def ends_s(self) -> float:
        """When time is up, by the monotonic clock."""
        return self.began_s + self.limit_s + min(self.decoded_s, MAX_SONG_S) / MIN_SPEED

    def exhausted(self) -> AudioError:
        """The error to raise when time is up."""
        return AudioError(f"took longer than {self.limit_s:g} s")


# Deadline of the track that this thread is working on.
DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline", default=None)

# Deadlines of all threads of this process.
RUNNING: set[Deadline] = set()


def is_overdue() -> bool:
    """Whether this process is working on a track that should have ended ``GRACE_S`` ago."""
    now = time.monotonic()
    return any(now > deadline.ends_s + GRACE_S for deadline in tuple(RUNNING))


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Limit the total time for opening and decoding files inside the block, in this thread.

    The time is checked whenever a packet has been read or decoded, and FFmpeg checks it whenever it
    reads more of a file.  FFmpeg does not check it while it compares tags, of which there may be
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
