"""Keep Python processes that this process starts from importing files of the current folder.

``python -c`` imports modules from the current folder first; ``beet`` and ``genre-model`` do not.
That folder may be an album from elsewhere, with a ``random.py`` of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SAFE_PATH = "PYTHONSAFEPATH"  # Python 3.10 ignores this variable

# A current folder for processes of Python 3.10.  No module here has the name of one that these
# processes import.
OWN_FOLDER = Path(__file__).parent


@contextmanager
def safe_path() -> Iterator[None]:
    """Make processes that are started inside the block safe, except with Python 3.10.

    Other threads must not use this at the same time; what they start meanwhile is made safe too.
    """
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


def full_path() -> list[str]:
    """``sys.path``, for a process that has another current folder."""
    return [str(Path(entry).absolute()) for entry in sys.path]
