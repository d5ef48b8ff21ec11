"""``beet`` in forks of a process that has imported everything: a command takes tenths of a second.

It can be killed after a time, or at an *effect*: a call into C that changes a file or a database,
or the moment right after it.  Or such a call can be made to fail.  POSIX only.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

FILES = (io.BufferedRandom, io.BufferedWriter, io.FileIO)
DATABASES = (sqlite3.Connection, sqlite3.Cursor)
WRITES = {"write", "writelines", "truncate", "flush", "seek"}
EFFECTS = {
    *("open", "mkdir", "replace", "rename", "unlink", "remove", "rmdir", "chmod", "chown", "utime"),
    *("setxattr", "fsync", "copy_file_range", "sendfile", "execute", "executemany", "commit"),
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit status, below 0 where it was killed, and what it printed.

    ``effects`` is how many there were, None where it was killed.
    """

    status: int
    output: str
    seconds: float
    effects: int | None

    @property
    def killed(self):
        return self.status == -signal.SIGKILL


class Forks:
    """Runs commands of a ``Beet``; a context."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def __call__(self, beet, *arguments, **how):
        """Run a command.

        ``after_s``: kill it then.  ``effect``: kill it there, before and after count as two.
        ``fault``: have this call fail.  ``where``: only effects of files whose names hold one of
        these, and of what they call.
        """
        beet.command()
        request = {"arguments": [str(a) for a in arguments], "env": beet.environment(), **how}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        return Done(**json.loads(self.process.stdout.readline()))


class Effects:
    """A profile function that counts effects, and does something at one of them."""

    def __init__(self, effect=None, fault=None, where=("",)):
        self.effect, self.fault, self.where, self.count = effect, fault, where, 0

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


def serve():
    """Fork for each line of the input, and say in a line how that ended."""
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        reading, writing = os.pipe()
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            run(request, writing)
        os.close(writing)
        killer = None
        if request.get("after_s") is not None:
            killer = threading.Timer(request["after_s"], os.kill, (pid, signal.SIGKILL))
            killer.start()
        with os.fdopen(reading, "rb") as pipe:
            printed = pipe.read().decode(errors="replace")
        _, status = os.waitpid(pid, 0)
        if killer:
            killer.cancel()
        output, _, rest = printed.rpartition("\x00")
        effects = re.match(r"\d+", rest)  # what ends after it may print
        reply = {
            "status": os.waitstatus_to_exitcode(status),
            "output": output if effects else printed,
            "seconds": time.monotonic() - start,
            "effects": int(effects[0]) if effects else None,
        }
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def run(request, writing):
    """In a child: the command."""
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(request["env"])
    effects = Effects(request.get("effect"), request.get("fault"), request.get("where", [""]))
    threading.setprofile(effects)
    sys.setprofile(effects)
    status = 1
    try:
        from beets.ui import main

        main(request["arguments"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter would
        traceback.print_exc()
    finally:
        sys.setprofile(None)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(1, f"\x00{effects.count}".encode())
        os._exit(status)


def warm_up():
    """Import what commands need; nothing of it reads a configuration."""
    import av  # noqa: F401
    import beets.autotag
    import beets.importer
    import beets.ui.commands  # noqa: F401
    import mutagen.flac
    import mutagen.mp3
    import mutagen.mp4
    import mutagen.oggopus
    import mutagen.oggvorbis
    import mutagen.wave  # noqa: F401
    import onnxruntime  # noqa: F401
    import soxr  # noqa: F401


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    serve()
