"""What a person sees of a program at a terminal of 110 columns; POSIX only."""

import os
import struct
import subprocess

import pytest

fcntl = pytest.importorskip("fcntl", reason="a pseudo-terminal is POSIX")
pty = pytest.importorskip("pty", reason="a pseudo-terminal is POSIX")
termios = pytest.importorskip("termios", reason="a pseudo-terminal is POSIX")

SIZE = struct.pack("HHHH", 40, 110, 0, 0)


def lines_at_terminal(command, environment):
    """Run a program; returns the lines that stay, without what a progress bar has overwritten."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, SIZE)
    process = subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # Linux: the program has ended
            break
        if not piece:
            break
        written += piece
    os.close(master)
    assert process.wait() == 0, written
    return [line.rpartition("\r")[2] for line in written.decode().split("\r\n")]
