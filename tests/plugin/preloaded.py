"""``beet`` and ``genre-model`` in forks of a process that has imported everything.

    python preloaded.py serve SOCKET              forks for each program that is asked for
    python preloaded.py run SOCKET MODULE ARG...  asks for one, with its own terminal and folder

For pages with many commands, each of which takes a second to start by itself.  POSIX only.
"""

import json
import os
import socket
import sys

SIZE = 1 << 20  # of a request, which has the environment


def run(address, module, arguments):
    """Have a program run; its exit status."""
    request = {
        "module": module,
        "arguments": arguments,
        "folder": os.path.realpath("."),
        "environment": dict(os.environ),
    }
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        return int(server.recv(16) or b"1")


def serve(address):
    """Until the standard input ends."""
    import select

    import forked_beet

    forked_beet.warm_up()
    import genre_model.cli.main  # noqa: F401

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            client, _ = listener.accept()
            with client:
                message, files, _, _ = socket.recv_fds(client, SIZE, 3)
                pid = os.fork()
                if pid == 0:
                    listener.close()
                    client.close()
                    become(json.loads(message), files)
                for file in files:
                    os.close(file)
                _, status = os.waitpid(pid, 0)
                client.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(request, files):
    """In a child: the program, in the place of whoever asked for it."""
    import atexit
    import importlib
    import traceback

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    status = 1
    try:
        module = importlib.import_module(request["module"])
        status = module.main(request["arguments"]) or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter would
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    if sys.argv[1] == "run":
        sys.exit(run(sys.argv[2], sys.argv[3], sys.argv[4:]))
    serve(sys.argv[2])
