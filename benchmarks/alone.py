"""Processes that only extract features: the most that several cores could gain.

    python -m benchmarks.alone SONG ...

Each process loads the model, waits for a line on standard input, extracts the songs, and prints how
many seconds that took.  If several at once take longer than one alone, the machine is the cause:
the processes share only its caches, its memory and its clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from genre_model.model.classifier import load_classifier


def main(songs: Sequence[str]) -> None:
    classifier = load_classifier()
    paths = [Path(song) for song in songs]
    classifier.extract(paths[0], until_stable=True)
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    for path in paths:
        classifier.extract(path, until_stable=True)
    print(time.perf_counter() - start)


def gain(n_processes: int, songs: Sequence[Path]) -> float:
    """Throughput of several processes at once, as a multiple of one process alone."""
    [alone] = seconds_of(1, songs)
    return sum(alone / seconds for seconds in seconds_of(n_processes, songs))


def seconds_of(n_processes: int, songs: Sequence[Path]) -> list[float]:
    """Seconds that each of ``n_processes`` simultaneous processes takes for the songs."""
    command = [sys.executable, "-m", "benchmarks.alone", *map(str, songs)]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(n_processes)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [float(process.communicate()[0]) for process in processes]


if __name__ == "__main__":
    main(sys.argv[1:])
