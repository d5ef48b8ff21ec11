"""No copy of a file can be made: ``nocopy`` is the number of the error, or "locked"."""

import os
import tempfile

from beets.plugins import BeetsPlugin


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
        mkstemp = tempfile.mkstemp

        def fail(suffix=None, prefix=None, folder=None, **named):
            if prefix == ".cnngenre-":
                raise OSError(number, os.strerror(number))
            return mkstemp(suffix, prefix, folder, **named)

        tempfile.mkstemp = fail
