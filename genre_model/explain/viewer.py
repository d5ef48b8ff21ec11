"""Open a file or a web address with the system's default program."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from genre_model.core.errors import GenreModelError

MAX_WAIT_S = 2  # an opener without a program ends at once; some run until their program ends


def show(target: Path | str) -> None:
    """Open a file, or the address of a page, in another program, without waiting for its end.

    Raises:
        GenreModelError: There is no program for it, if the opener reports that at once.
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
