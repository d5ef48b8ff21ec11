"""Runs ``beet`` commands in processes of their own that need not import the libraries first.

Each is forked from a process that has imported beets, NumPy, PyAV and ONNX Runtime, but nothing of
this project, no configuration and no plugin: that halves what most tests cost.  Commands by
``Beet.start`` begin with an interpreter, and ``test_boundaries.py`` sees what is imported when.
Only Linux's libraries bear to be forked; elsewhere each command begins with an interpreter.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

LIMIT_S = 300


def of_interpreter(environment):
    """What an interpreter reads of an environment when it starts."""
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


AT_START = of_interpreter(os.environ)


@cache
def server():
    """The socket of this process' own server, which ends with it."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, __file__, str(theirs.fileno())]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
    theirs.close()
    atexit.register(end, ours, process)
    return ours


def end(connection, process):
    """Close the server's socket, and wait for it."""
    connection.close()
    process.wait()


def run_beet(arguments, environment, stdin, folder):
    """``subprocess.run`` of ``beet``, which is given files in a folder meanwhile."""
    paths = [folder / name for name in ("stdin", "stdout", "stderr")]
    paths[0].write_text(stdin)
    files = [path.open(mode) for path, mode in zip(paths, ("rb", "wb", "wb"), strict=True)]
    command = [sys.executable, "-m", "beets", *arguments]
    try:
        if sys.platform == "linux" and of_interpreter(environment) == AT_START:
            status = ask_server(command, environment, files)
        else:
            named = dict(zip(("stdin", "stdout", "stderr"), files, strict=True))
            status = subprocess.run(command, env=environment, timeout=LIMIT_S, **named).returncode
        printed = [path.read_text("utf-8", "replace") for path in paths[1:]]
    finally:
        for file, path in zip(files, paths, strict=True):
            file.close()
            path.unlink()
    return subprocess.CompletedProcess(command, status, *printed)


def ask_server(command, environment, files):
    """Have the server run a command; its exit status."""
    request = json.dumps([str(Path.cwd()), command, environment]).encode()
    connection, length = server(), len(request).to_bytes(4, "little")
    socket.send_fds(connection, [length], [file.fileno() for file in files])
    connection.sendall(request)
    connection.settimeout(LIMIT_S)
    return int.from_bytes(connection.recv(4), "little", signed=True)


def serve(connection):
    """Fork for each command; returns it in the child, and None at the end."""
    while True:
        length, files, _, _ = socket.recv_fds(connection, 4, 3)
        if not length:
            return None
        request = b""
        while len(request) < int.from_bytes(length, "little"):
            request += connection.recv(65536)
        folder, command, environment = json.loads(request)
        child = os.fork()
        if not child:
            connection.close()
            for target, file in enumerate(files):
                os.dup2(file, target)
                os.close(file)
            os.chdir(folder)
            sys.path[0] = folder  # as `python -m beets` has it
            os.environ.clear()
            os.environ.update(environment)
            return command
        for file in files:
            os.close(file)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(status.to_bytes(4, "little", signed=True))


if __name__ == "__main__":
    from beets import ui
    from forked_beet import warm_up

    warm_up()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # pytest's own, for its whole group
    command = serve(socket.socket(fileno=int(sys.argv[1])))
    if command is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["beet", *command[3:]]
        ui.main()
