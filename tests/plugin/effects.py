"""Counts the *effects* of a program: calls into C that change a file or a database.

The program can be killed at one of them, or the call can be made to fail.
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
    """A context that counts effects, and a profile function that kills or fails at one of them.

    Args:
        effect: Kill this process at the effect of this number; each call counts twice, before and
            after.
        fault: Make the call of this number fail.
        where: Count only effects in files whose names contain one of these, and in what they call;
            if empty, nothing is counted.
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
            return  # SQLite's commit does not fail if nothing was written
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
    """Whether a function or one of its callers is in a file whose name contains a given part."""
    while frame is not None:
        if any(part in frame.f_code.co_filename for part in parts):
            return True
        frame = frame.f_back
    return False
