"""Processes that extract and do nothing else: what several cores could do at best.

    python -m benchmarks.alone SONG ...

A process that has loaded the model waits for a line, extracts the songs, and prints how many
seconds that took.  What several at once take more than one alone is the machine's: they share
nothing but its caches, its memory and its clock.
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
    """How many times as much as one process alone several do at once."""
    [alone] = seconds_of(1, songs)
    return sum(alone / seconds for seconds in seconds_of(n_processes, songs))


def seconds_of(n_processes: int, songs: Sequence[Path]) -> list[float]:
    """The seconds that each of some processes takes for the songs, all at once."""
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
