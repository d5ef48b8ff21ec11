"""The memory of a running process and all its descendants (Linux)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

EVERY_S = 0.1


class Watch(threading.Thread):
    """Peak memory of a process and its descendants, together and of the largest one, in MB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self.pid = pid
        self.sum_mb = self.largest_mb = 0.0
        self.processes = 0

    def run(self) -> None:
        while Path(f"/proc/{self.pid}/smaps_rollup").exists():
            pids = list(family(self.pid))
            sizes = [size for pid in pids if (size := size_mb(pid, "smaps_rollup", "Pss:"))]
            if not sizes:
                return
            self.sum_mb = max(self.sum_mb, sum(sizes))
            peaks = [size_mb(pid, "status", "VmHWM:") for pid in pids]
            self.largest_mb = max(self.largest_mb, *peaks)
            self.processes = max(self.processes, len(sizes))
            if self._over.wait(EVERY_S):
                return

    def stop(self) -> None:
        """Stop watching, even if the processes still run."""
        self._over.set()
        self.join()


def family(pid: int) -> Iterator[int]:
    """The ids of a process and all its descendants."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def size_mb(pid: int, file: str, name: str) -> float:
    """A memory size of a process from ``/proc``, in MB; 0 if the process has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
