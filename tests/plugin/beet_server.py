"""Runs ``beet`` and ``genre-model`` in forks of a process that has imported all that they need.

    python -S -E beet_server.py ADDRESS MODULE ARGUMENT...

runs ``MODULE.main`` in a fork, with the folder, environment, files and Ctrl-C of this command.  A
fork costs a tenth of a new interpreter.  The forked process has read no configuration and loaded no
plugin; ``test_boundaries.py`` checks what is imported when.  Libraries survive a fork only on
Linux.
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
    """The address of this process's server, which is started if necessary and ends with it."""
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
    """Have a server run a program with files as its stdin, stdout and stderr; returns the reply."""
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
    """A request to run a module's ``main``; ``how`` has the arguments of ``effects.Effects``."""
    return {
        "module": module,
        "arguments": [str(argument) for argument in arguments],
        "environment": environment,
        "folder": os.path.realpath("."),
        "how": how,
    }


def stand_in(module):
    """The command line of a process that stands in for a program."""
    return [sys.executable, "-S", "-E", __file__, address(), module]


def stand_for(where, module, arguments):
    """Stand in for a program that a server runs; returns its exit status."""

    def forward(pid):
        signal.signal(signal.SIGINT, lambda *_: send(signal.SIGINT, pid))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return ask(where, request(module, arguments, dict(os.environ)), [0, 1, 2], forward)["status"]


def send(what, group):
    """Send a signal to a process group, which may have ended."""
    with suppress(ProcessLookupError):
        os.killpg(group, what)


def serve(where):
    """Fork for each request, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches pytest's whole process group
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing.fileno())
    running = {}  # child's process id -> connection
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
                if connection in ready:  # the client has disconnected
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
    """Tell clients the exit status of children that ended; negative if a signal killed them."""
    for pid, connection in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            tell(connection, status=os.waitstatus_to_exitcode(status))
            running.pop(pid).close()


def tell(connection, **what):
    """Send a line of a reply to a client, which may have disconnected."""
    with suppress(OSError):
        connection.sendall(json.dumps(what).encode() + b"\n")


def fork(connection):
    """Read a request and start to run it in a child; returns the child's process id."""
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
        os.setpgid(pid, pid)  # here and in the child, whichever comes first
    for file in files:
        os.close(file)
    tell(connection, pid=pid)
    return pid


def become(request, files, connection):
    """Run the requested program in a child, in the client's folder and environment."""
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
    for name, number in (("stdout", 1), ("stderr", 2)):  # the old ones may take these for seekable
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
    """Import what the commands need; none of these imports reads a configuration."""
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
    gc.freeze()  # else garbage collection in a child copies this memory


HEAVY = ("beets.importer", "av", "soxr", "onnxruntime", "concurrent.futures.process")
HEAVY += tuple(f"mutagen.{name}" for name in "flac mp3 mp4 oggopus oggvorbis wave".split())


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(stand_for(sys.argv[1], sys.argv[2], sys.argv[3:]))
    warm_up()
    serve(sys.argv[1])
