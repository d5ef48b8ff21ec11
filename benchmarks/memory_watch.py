"""The memory of a process and of all that it has begun, while they run (Linux)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

EVERY_S = 0.1


class Watch(threading.Thread):
    """The most that a process and its descendants ever had together, and any one, in MB."""

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
        """Look no more, though the processes may go on."""
        self._over.set()
        self.join()


def family(pid: int) -> Iterator[int]:
    """A process and all that it began, by their ids."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def size_mb(pid: int, file: str, name: str) -> float:
    """One of the sizes that Linux tells of a process; 0 where it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
