"""Peak memory of ``beet cnngenre`` on 100 tracks and on 1,000: it should be the same.

    python -m benchmarks.memory TRACKS [--songs 100 1000] [--workers 2] [--distinct 100]

Full-length tracks are repeated (as hard links, without a cache) until there are enough.  On systems
with ``/proc``, the proportional set sizes of ``beet`` and its worker processes are summed ten times
a second, so that a page shared by several processes counts once.  Elsewhere only the largest
process is measured.  The longer run takes about four minutes on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import ENVIRONMENT, MB, full_length, parser_of, publish
from benchmarks.memory_watch import Watch
from benchmarks.temporary_library import FAILED, TemporaryLibrary


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--songs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--distinct", type=int, default=100, help="different tracks")
    options = parser.parse_args()
    distinct = full_length(options.tracks, options.distinct)
    rows = [measure(distinct, n, options.workers) for n in options.songs]
    columns = ["tracks", "all processes, MB", "largest process, MB", "processes", "seconds", "goal"]
    publish(options, columns, rows, workers=options.workers, distinct=len(distinct))


def measure(distinct: list[Path], n_songs: int, workers: int) -> list[object]:
    """Classify one library once; returns a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder) / "beets")
        library.configure(cache=False, threads=workers)
        library.add_files([distinct[index % len(distinct)] for index in range(n_songs)])
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "beets", "cnngenre", "-f", "-q", "-W"],
            env={**ENVIRONMENT, **library.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watch = Watch(process.pid)
        watch.start()
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.join()
        wall_s = time.perf_counter() - start
    if process.returncode or FAILED.search(output):
        sys.exit(output)
    everything = f"{watch.sum_mb:.0f}" if watch.sum_mb else ""
    largest = f"{max(watch.largest_mb, used.ru_maxrss / MB):.0f}"
    return [f"{n_songs:,}", everything, largest, watch.processes or "", f"{wall_s:.0f}", "200 MB"]


if __name__ == "__main__":
    main()
