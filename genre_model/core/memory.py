"""What the C library does with memory that is freed."""

from __future__ import annotations

import sys
from contextlib import suppress

# Of `mallopt` (glibc's malloc.h), and how many bytes each gets.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES, LARGE_BYTES = 2**26, 2**24


def keep_freed_memory() -> None:
    """Make glibc keep freed memory, so that the next slice uses it again.

    By itself it returns a few megabytes to the system after each slice, and to get them back, page
    by page, takes as long as making its spectrogram.  On other systems this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
