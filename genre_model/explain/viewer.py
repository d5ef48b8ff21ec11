"""Show a file, or an address, with whatever the system opens such with."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from genre_model.core.errors import GenreModelError

MAX_WAIT_S = 2  # an opener that finds no program ends at once; some stay until theirs has ended


def show(target: Path | str) -> None:
    """Open a file, or the address of a page, in another program, and do not wait for its end.

    Raises:
        GenreModelError: There is no such program, as far as that shows at once.
    """
    place = target if isinstance(target, str) else str(target.resolve())
    try:
        if sys.platform == "win32":
            os.startfile(place)
        else:
            opener = "open" if sys.platform == "darwin" else "xdg-open"
            process = subprocess.Popen(
                [opener, place],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            with suppress(subprocess.TimeoutExpired):
                if process.wait(MAX_WAIT_S):
                    raise GenreModelError(f"{opener} finds no program for {target}")
    except OSError as error:
        raise GenreModelError(f"cannot open {target}: {error.strerror or error}") from error
