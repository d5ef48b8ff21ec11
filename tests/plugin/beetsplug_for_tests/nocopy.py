"""Keeps copies from replacing a file: ``nocopy`` is the number of the error, or "locked".

``refused`` is the call that fails: ``mkstemp``, which makes the copy, by default; or ``chmod``,
``utime`` or ``replace`` of the copy.
"""

import os
import tempfile
from pathlib import Path

from beets import config
from beets.plugins import BeetsPlugin

CALLS = {
    "mkstemp": (tempfile, "mkstemp"),
    "chmod": (os, "chmod"),
    "utime": (os, "utime"),
    "replace": (Path, "replace"),
}


class NoCopyPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        number = self.config.get()
        if number == "locked":
            import fcntl

            def refuse(*_):
                raise BlockingIOError

            fcntl.flock = refuse
            return
        place, name = CALLS[config["refused"].get(str) if config["refused"].exists() else "mkstemp"]
        call = getattr(place, name)

        def fail(*arguments, **named):
            if any(".cnngenre-" in str(argument) for argument in arguments):
                raise OSError(number, os.strerror(number))
            return call(*arguments, **named)

        setattr(place, name, fail)
