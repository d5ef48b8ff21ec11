"""Control what the C library does with freed memory."""

from __future__ import annotations

import sys
from contextlib import suppress

# Parameters of `mallopt` (glibc's malloc.h), and their values in bytes.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES, LARGE_BYTES = 2**26, 2**24


def keep_freed_memory() -> None:
    """Make glibc keep freed memory, so that the next slice reuses it.

    By default it returns a few megabytes to the system after each slice, and getting them back,
    page by page, takes as long as computing the spectrogram.  On other systems this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
