"""Counts the *effects* of a program: calls into C that change a file or a database.

At one of them it can be killed, or the call made to fail.
"""

import errno
import io
import os
import signal
import sqlite3
import sys
import threading
from types import ModuleType

FILES = (io.BufferedRandom, io.BufferedWriter, io.FileIO)
DATABASES = (sqlite3.Connection, sqlite3.Cursor)
WRITES = {"write", "writelines", "truncate", "flush", "seek"}
EFFECTS = {
    *("open", "mkdir", "replace", "rename", "unlink", "remove", "rmdir", "chmod", "chown", "utime"),
    *("setxattr", "fsync", "copy_file_range", "sendfile", "execute", "executemany", "commit"),
}


class Effects:
    """A context that counts effects, and a profile function that does something at one of them.

    Args:
        effect: Kill this process there; before and after a call count as two.
        fault: Have this call fail.
        where: Only effects of files whose names hold one of these, and of what they call; none of
            them: nothing is counted.
    """

    def __init__(self, effect=None, fault=None, where=()):
        self.effect, self.fault, self.where, self.count = effect, fault, where, 0

    def __enter__(self):
        if self.where:
            threading.setprofile(self)
            sys.setprofile(self)

    def __exit__(self, *_):
        if self.where:
            sys.setprofile(None)

    def __call__(self, frame, event, function):
        if event not in ("c_call", "c_return") or (self.fault and event == "c_return"):
            return
        if not is_effect(function) or not is_within(frame, self.where):
            return
        if (
            self.fault
            and isinstance(function.__self__, DATABASES)
            and function.__name__ == "commit"
        ):
            return  # SQLite would not fail to commit what was read only
        self.count += 1
        if self.count == self.effect:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self.fault:
            if isinstance(function.__self__, DATABASES):
                raise sqlite3.OperationalError("database or disk is full")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_effect(function):
    """Whether a function written in C changes a file or a database."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, FILES):
        return function.__name__ in WRITES
    return isinstance(owner, (ModuleType, *DATABASES)) and function.__name__ in EFFECTS


def is_within(frame, parts):
    """Whether a function is in a file whose name holds one of some parts, or was called by one."""
    while frame is not None:
        if any(part in frame.f_code.co_filename for part in parts):
            return True
        frame = frame.f_back
    return False
