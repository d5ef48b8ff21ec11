"""How many full-length tracks a second, by one worker and by two.

    python -m benchmarks.throughput TRACKS [--songs 40] [--workers 1 2] [--rounds 3]

A library of full-length tracks, without a cache.  In each round ``beet cnngenre -f`` tags all of
them, and the first few alone, with each number of workers (``threads``); the difference is what the
others take when everything has started.  Beside it is what as many processes gain when they
extract and do nothing else (benchmarks.alone).  About two minutes.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.alone import gain as gain_alone
from benchmarks.measuring import Cost, difference, full_length, in_turn, parser_of, publish, seconds
from benchmarks.temporary_library import TemporaryLibrary

FEW = 12  # as many as it takes for worker processes to be started
N_ALONE = 8  # songs for each of the processes that only extract


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    songs = full_length(options.tracks, options.songs)
    n_few = min(FEW, len(songs) // 2)
    n_more = len(songs) - n_few
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder) / "beets")
        library.configure(cache=False)
        library.add_files(songs)
        ways = {
            f"{what}, {workers}": lambda workers=workers, query=query: library.beet(
                "cnngenre", "-f", "-q", "-t", str(workers), *query
            )
            for workers in options.workers
            for what, query in {"all": [], "few": [f"id:..{n_few}"]}.items()
        }
        ways["all, 1"]()
        costs = in_turn(ways, options.rounds)
        own = {
            n: statistics.median(
                gain_alone(n, songs[:: max(1, len(songs) // N_ALONE)])
                for _ in range(options.rounds)
            )
            for n in options.workers
        }
    walls = {n: costs[f"all, {n}"] for n in options.workers}
    first = options.workers[0]
    rows = []
    for n in options.workers:
        more = steady(costs, n)
        gain = statistics.median(a / b for a, b in zip(steady(costs, first), more, strict=True))
        cpu_s = difference(walls[n], costs[f"few, {n}"]) / n_more
        whole_run = statistics.median(len(songs) / cost.wall_s for cost in walls[n])
        per_second = n_more / statistics.median(more)
        rows.append(
            [n, *(f"{x:.2f}" for x in (per_second, gain, own[n], whole_run)), f"{cpu_s:.3f}"]
        )
    publish(
        options,
        [
            "workers",
            "songs a second, started",
            f"times {first} worker",
            "times 1 process, extraction alone",
            "with the start of `beet`",
            "CPU seconds a song",
        ],
        rows,
        songs=len(songs),
        mean_s=statistics.mean(map(seconds, songs)),
    )


def steady(costs: dict[str, list[Cost]], workers: int) -> list[float]:
    """The seconds of all but the few tracks, round by round."""
    pairs = zip(costs[f"all, {workers}"], costs[f"few, {workers}"], strict=True)
    return [everything.wall_s - few.wall_s for everything, few in pairs]


if __name__ == "__main__":
    main()
