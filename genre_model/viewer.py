"""Show a file with whatever the system opens such files with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from genre_model.errors import GenreModelError


def show(file: Path) -> None:
    """Open a file in another program, and do not wait for that.

    Raises:
        GenreModelError: There is no such program.
    """
    try:
        if sys.platform == "win32":
            os.startfile(file)
        else:
            opener = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen(
                [opener, str(file.resolve())],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except OSError as error:
        raise GenreModelError(f"cannot show {file}: {error.strerror or error}") from error
