"""Show a file, or an address, with whatever the system opens such with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from genre_model.core.errors import GenreModelError


def show(target: Path | str) -> None:
    """Open a file, or the address of a page, in another program, and do not wait for that.

    Raises:
        GenreModelError: There is no such program.
    """
    place = target if isinstance(target, str) else str(target.resolve())
    try:
        if sys.platform == "win32":
            os.startfile(place)
        else:
            opener = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen(
                [opener, place],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except OSError as error:
        raise GenreModelError(f"cannot show {target}: {error.strerror or error}") from error
