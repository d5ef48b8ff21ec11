"""Songs a second by 1, 2 and 4 local workers, and the memory of all processes together.

    python -m benchmarks.scaling TRACKS [--songs 40] [--workers 1 2 4] [--rounds 3] [--dask]

Full-length tracks are extracted without a cache by worker processes, and with ``--dask`` also by a
Dask scheduler and as many workers with one thread each.  Each round runs all variants in turn; all
workers have started before the clock does.  Memory is the peak of the sum over all processes, with
shared pages counted once (Linux).  Runs for three minutes, five with Dask.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.measuring import Row, full_length, parser_of, publish
from benchmarks.memory_watch import Watch
from genre_model.extraction.dask_workers import DaskExtractorPool
from genre_model.extraction.extractor import Effort
from genre_model.extraction.tasks import log_bug
from genre_model.extraction.workers import (
    ExtractorPool,
    extract_many,
    local_pool,
)
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier

EFFORT = Effort(until_stable=True)
DASK = re.compile(r"(?:Scheduler at|Registered to):\s+(tcp://\S+)")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dask", action="store_true")
    options = parser.parse_args()
    songs = full_length(options.tracks, options.songs)
    kinds = ["processes", *(["Dask"] if options.dask else [])]
    ways = [(kind, n) for n in options.workers for kind in kinds]
    rates: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    peaks: dict[tuple[str, int], float] = {}
    for number in range(options.rounds):
        for kind, n_workers in ways if number % 2 else ways[::-1]:
            rate, peak = in_a_process(kind, n_workers, songs)
            rates[kind, n_workers].append(rate)
            peaks[kind, n_workers] = max(peak, peaks.get((kind, n_workers), 0.0))
    one = rates["processes", options.workers[0]]
    rows: list[Row] = []
    for way in ways:
        gain = statistics.median(rate / base for rate, base in zip(rates[way], one, strict=True))
        figures = [f"{statistics.median(rates[way]):.2f}", f"{gain:.2f}", f"{peaks[way]:.0f}"]
        rows.append([*way, *figures])
    columns = ["workers", "how many", "songs a second", "times one worker", "MB of all together"]
    publish(options, columns, rows, songs=len(songs))


def in_a_process(kind: str, n_workers: int, songs: Sequence[Path]) -> tuple[float, float]:
    """Songs a second and peak memory in MB, measured in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.scaling", "once", kind, str(n_workers)]
    names = json.dumps([str(song) for song in songs])
    done = subprocess.run(command, input=names, check=True, stdout=subprocess.PIPE, text=True)
    rate, peak = done.stdout.split()
    return float(rate), float(peak)


def once(kind: str, n_workers: int, songs: Sequence[Path]) -> tuple[float, float]:
    classifier = Classifier(load_bundle(SHIPPED), lazily=True)
    with pool_of(kind, n_workers, classifier) as pool:
        warm = songs[: 2 * n_workers]
        extract(pool, warm)
        watch = Watch(os.getpid())
        watch.start()
        start = time.perf_counter()
        extract(pool, songs)
        seconds = time.perf_counter() - start
        watch.stop()
    return len(songs) / seconds, watch.sum_mb


@contextmanager
def pool_of(kind: str, n_workers: int, classifier: Classifier) -> Iterator[ExtractorPool]:
    if kind == "processes":
        with closing(
            local_pool(classifier, None, EFFORT, n_workers=n_workers, n_files=n_workers)
        ) as pool:
            yield pool
    else:
        with (
            dask_cluster(n_workers) as address,
            closing(DaskExtractorPool(address, classifier, None, EFFORT)) as pool,
        ):
            yield pool


def extract(pool: ExtractorPool, songs: Sequence[Path]) -> None:
    pool.check()
    for song, extracted in extract_many(pool, songs, lambda song: song, log_bug):
        if isinstance(extracted, str):
            sys.exit(f"{song}: {extracted}")


@contextmanager
def dask_cluster(n_workers: int) -> Iterator[str]:
    """Start a scheduler and workers of one thread each; yields the scheduler's address."""
    processes: list[subprocess.Popen[str]] = []

    def begin(what: str, *arguments: str) -> str:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        command += ["--no-dashboard"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
        processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            found = DASK.search(line)
            if found:
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return found.group(1)
        sys.exit(f"no Dask {what}")

    with tempfile.TemporaryDirectory() as folder:
        try:
            address = begin("scheduler", "--host", "127.0.0.1", "--port", "0")
            for _ in range(n_workers):
                begin("worker", address, "--nthreads", "1", "--no-nanny")
            yield address
        finally:
            for process in processes:
                process.kill()
                process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"]:
        print(*once(sys.argv[2], int(sys.argv[3]), [Path(name) for name in json.load(sys.stdin)]))
    else:
        main()
