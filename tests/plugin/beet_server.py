"""Runs ``beet`` and ``genre-model`` in forks of a process that has imported all that they need.

    python -S -E beet_server.py ADDRESS MODULE ARGUMENT...

asks for ``MODULE.main`` and gives it its own folder, environment, files and Ctrl-C.  A command
takes a tenth of what an interpreter of its own costs.  The process has read no configuration and
loaded no plugin; ``test_boundaries.py`` sees what is imported when.  Only Linux's libraries bear to
be forked.
"""

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path


def address():
    """Where this process' own server is, which is started if need be and ends with it."""
    if not RUNNING:
        import atexit
        import subprocess
        import tempfile

        folder = tempfile.TemporaryDirectory(prefix="beet-server-")
        path = str(Path(folder.name) / "socket")
        server = subprocess.Popen(
            [sys.executable, __file__, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        assert server.stdout.readline() == b"ready\n"
        RUNNING.append(path)

        def end():
            RUNNING.clear()
            server.communicate()
            folder.cleanup()

        atexit.register(end)
    return RUNNING[0]


RUNNING = []  # the address


def ask(where, request, files, on_start=lambda pid: None):
    """Have a server run a program with three files as its first ones; its status and more."""
    message = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(where)
        socket.send_fds(connection, [len(message).to_bytes(4, "little")], files)
        connection.sendall(message)
        with connection.makefile() as lines:
            reply = {}
            while "status" not in reply:
                line = json.loads(lines.readline())
                reply |= line
                if "pid" in line:
                    on_start(line["pid"])
    return reply


def request(module, arguments, environment, **how):
    """What to ask for; ``how`` has the arguments of ``effects.Effects``."""
    return {
        "module": module,
        "arguments": [str(argument) for argument in arguments],
        "environment": environment,
        "folder": os.path.realpath("."),
        "how": how,
    }


def stand_in(module):
    """The command of a process that stands for a program."""
    return [sys.executable, "-S", "-E", __file__, address(), module]


def stand_for(where, module, arguments):
    """Be a program that a server runs: its exit status."""

    def forward(pid):
        signal.signal(signal.SIGINT, lambda *_: send(signal.SIGINT, pid))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return ask(where, request(module, arguments, dict(os.environ)), [0, 1, 2], forward)["status"]


def send(what, group):
    """A signal to a group of processes, which may have ended."""
    with suppress(ProcessLookupError):
        os.killpg(group, what)


def serve(where):
    """Fork for each request, until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # pytest's own, for its whole group
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing.fileno())
    running = {}  # connections, by the child's number
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where)
        listener.listen()
        print("ready", flush=True)
        while True:
            asking = list(running.values())
            ready, _, _ = select.select([listener, reading, sys.stdin, *asking], [], [])
            if sys.stdin in ready:
                return
            for pid, connection in list(running.items()):
                if connection in ready:  # whoever asked is gone
                    send(signal.SIGKILL, pid)
                    os.waitpid(pid, 0)
                    running.pop(pid).close()
            if reading in ready:
                reading.recv(4096)
                say_what_ended(running)
            if listener in ready:
                connection, _ = listener.accept()
                pid = fork(connection)
                running[pid] = connection


def say_what_ended(running):
    """Tell whoever asked the exit status, which is below 0 where it was killed."""
    for pid, connection in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            tell(connection, status=os.waitstatus_to_exitcode(status))
            running.pop(pid).close()


def tell(connection, **what):
    """A line of a reply, to somebody who may have gone."""
    with suppress(OSError):
        connection.sendall(json.dumps(what).encode() + b"\n")


def fork(connection):
    """Read a request and begin with it in a child, whose number is returned."""
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    message = b""
    while len(message) < int.from_bytes(length, "little"):
        message += connection.recv(65536)
    pid = os.fork()
    if not pid:
        os.setpgrp()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        become(json.loads(message), files, connection)
    with suppress(OSError):
        os.setpgid(pid, pid)  # whichever of the two is first
    for file in files:
        os.close(file)
    tell(connection, pid=pid)
    return pid


def become(request, files, connection):
    """In a child: the program, in the place of whoever asked for it."""
    import atexit
    import importlib
    import threading
    import traceback

    from effects import Effects

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]  # as `python -m` has it
    sys.argv = [request["module"], *request["arguments"]]
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    for name, number in (("stdout", 1), ("stderr", 2)):  # the old ones may think they can seek
        old = getattr(sys, name)
        new = open(number, "w", encoding=old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
    sys.stdout.reconfigure(line_buffering=os.isatty(1), write_through=unbuffered)
    sys.stderr.reconfigure(line_buffering=True)
    effects = Effects(**request["how"])
    status = 1
    try:
        main = importlib.import_module(request["module"]).main
        with effects:
            status = main(request["arguments"]) or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter would
        traceback.print_exc()
    finally:
        try:
            threading._shutdown()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            tell(connection, effects=effects.count)
            os._exit(status)


def warm_up():
    """Import what commands need; nothing of it reads a configuration."""
    import gc
    import importlib
    import pkgutil

    import beetsplug.cnngenre
    import genre_model

    for package in (genre_model, beetsplug.cnngenre):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in HEAVY:
        importlib.import_module(name)
    gc.freeze()  # or a collection in a child would copy all of it


HEAVY = ("beets.importer", "av", "soxr", "onnxruntime", "concurrent.futures.process")
HEAVY += tuple(f"mutagen.{name}" for name in "flac mp3 mp4 oggopus oggvorbis wave".split())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(stand_for(sys.argv[1], sys.argv[2], sys.argv[3:]))
    warm_up()
    serve(sys.argv[1])
