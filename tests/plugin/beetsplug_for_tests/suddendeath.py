"""Kills the process at the moment that the variable DIE names: a step, and which call of it."""

import os
import signal
from pathlib import Path

from beets.plugins import BeetsPlugin

from genre_model.extraction.cache import Cache
from genre_model.model.bundle import store as bundle


class SuddenDeathPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        moment, _, number = os.environ["DIE"].partition(" ")
        self.left = int(number or 1)
        self.pid = os.getpid()  # to kill, even if a worker reaches the moment
        put, write_file, rename = Cache.put, bundle.write_file, Path.rename

        def dying_put(cache, key, content):
            put(cache, key, content)
            self.die()

        def dying_write(path, content):
            write_file(path, content[: len(content) // 2])
            self.die()
            write_file(path, content)

        def dying_before(path, target):
            self.die()
            return rename(path, target)

        def dying_after(path, target):
            rename(path, target)
            self.die()

        if moment == "extraction":
            Cache.put = dying_put
        elif moment == "writing":
            bundle.write_file = dying_write
        else:
            Path.rename = dying_before if moment == "before" else dying_after

    def die(self):
        self.left -= 1
        if self.left == 0:
            os.kill(self.pid, signal.SIGKILL)
