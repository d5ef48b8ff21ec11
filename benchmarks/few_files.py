"""From how many files on worker processes pay: seconds for a few files, the start of all included.

    python -m benchmarks.few_files TRACKS [--songs 4 8 12 16 24] [--workers 2] [--rounds 5]

Full-length tracks, heard without a cache by threads of one process and by processes of their own,
in turn in each round; the package is imported before the clock starts, the model loaded after.
``MANY_FILES`` in ``extraction.workers`` is where the gain is beyond doubt.  Three minutes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import full_length, parser_of, publish, turned
from benchmarks.scaling import ears_of, extract
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier

KINDS = ("threads", "processes")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--songs", type=int, nargs="+", default=[4, 8, 12, 16, 24])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    songs = full_length(options.tracks, max(options.songs))
    rows = []
    for n in options.songs:
        some = [songs[index * len(songs) // n] for index in range(n)]
        seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for number in range(options.rounds):
            for kind in turned(KINDS, number):
                seconds[kind].append(in_a_process(kind, options.workers, some))
        gain = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
        rows.append(
            [n, *(f"{statistics.median(seconds[kind]):.2f}" for kind in KINDS), f"{gain:.2f}"]
        )
    columns = ["songs", *(f"by {options.workers} {kind}, s" for kind in KINDS), "times as fast"]
    publish(options, columns, rows)


def in_a_process(kind: str, n_workers: int, songs: Sequence[Path]) -> float:
    """Seconds, measured by a fresh process."""
    command = [sys.executable, "-m", "benchmarks.few_files", "once", kind, str(n_workers)]
    names = json.dumps([str(song) for song in songs])
    done = subprocess.run(command, input=names, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def once(kind: str, n_workers: int, songs: Sequence[Path]) -> float:
    start = time.perf_counter()
    with ears_of(kind, n_workers, Classifier(load_bundle(SHIPPED), lazily=True)) as pool:
        extract(pool, songs)
        return time.perf_counter() - start


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"]:
        print(once(sys.argv[2], int(sys.argv[3]), [Path(name) for name in json.load(sys.stdin)]))
    else:
        main()
