"""Full-length tracks a second, by one worker and by two.

    python -m benchmarks.throughput TRACKS [--songs 40] [--workers 1 2] [--rounds 3]
        [--against CHECKOUT]

The library has full-length tracks, and no cache.  In each round ``beet cnngenre -f`` tags all of
them, and the first few alone, with each number of workers (``threads``); the difference is the time
for the others once everything has started.  The table also shows the gain of as many processes that
only extract (benchmarks.alone).  Runs for about two minutes.  ``--against`` names another checkout
of the project, whose plugin takes turns with this one's in every round.
"""

from __future__ import annotations

import functools
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.alone import gain as gain_alone
from benchmarks.measuring import (
    Cost,
    Row,
    difference,
    full_length,
    in_turn,
    parser_of,
    publish,
    seconds,
)
from benchmarks.temporary_library import TemporaryLibrary

FEW = 12  # enough tracks that all worker processes have started
N_ALONE = 8  # songs for each of the processes that only extract


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="another checkout, to compare with")
    options = parser.parse_args()
    songs = full_length(options.tracks, options.songs)
    n_few = min(FEW, len(songs) // 2)
    checkouts = [None] if options.against is None else [None, options.against.resolve()]
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], Cost]] = {}
        for code in checkouts:
            library = library_of(songs, Path(folder) / f"beets{len(ways)}", code)
            for workers, (what, query) in itertools.product(
                options.workers, {"all": [], "few": [f"id:..{n_few}"]}.items()
            ):
                command = ("cnngenre", "-f", "-q", "-t", str(workers), *query)
                ways[name_of(what, workers, code)] = functools.partial(library.beet, *command)
        ways[name_of("all", options.workers[0], None)]()
        costs = in_turn(ways, options.rounds)
        own = {
            n: statistics.median(
                gain_alone(n, songs[:: max(1, len(songs) // N_ALONE)])
                for _ in range(options.rounds)
            )
            for n in options.workers
        }
    rows = [
        row
        for code in checkouts
        for row in rows_of(options.workers, costs, code, len(songs), n_few, own)
    ]
    publish(
        options,
        [
            "workers",
            "songs a second, started",
            f"times {options.workers[0]} worker",
            "times 1 process, extraction alone",
            "with the start of `beet`",
            "CPU seconds a song",
        ],
        rows,
        songs=len(songs),
        mean_s=statistics.mean(map(seconds, songs)),
    )


def library_of(songs: Sequence[Path], folder: Path, code: Path | None) -> TemporaryLibrary:
    """A library of the songs, without a cache, for this plugin or for another checkout's."""
    library = TemporaryLibrary(folder, code)
    library.configure(cache=False)
    library.add_files(songs)
    return library


def rows_of(
    workers: Sequence[int],
    costs: Mapping[str, Sequence[Cost]],
    code: Path | None,
    n_songs: int,
    n_few: int,
    alone: Mapping[int, float],
) -> Iterator[Row]:
    """A row for each number of workers; only this checkout's have the processes' gain alone."""
    everything = [costs[name_of("all", n, code)] for n in workers]
    few = [costs[name_of("few", n, code)] for n in workers]
    more = [steady(*pair) for pair in zip(everything, few, strict=True)]
    n_more = n_songs - n_few
    for place, n in enumerate(workers):
        per_second = n_more / statistics.median(more[place])
        gain = median_ratio(more[0], more[place])
        whole_run = statistics.median(n_songs / cost.wall_s for cost in everything[place])
        cpu_s = difference(everything[place], few[place]) / n_more
        name = n if code is None else f"{n}, the other checkout"
        own = f"{alone[n]:.2f}" if code is None else ""
        figures = (f"{per_second:.2f}", f"{gain:.2f}", own, f"{whole_run:.2f}")
        yield [name, *figures, f"{cpu_s:.3f}"]


def name_of(what: str, workers: int, code: Path | None) -> str:
    """The name of a variant."""
    return f"{what}, {workers}" if code is None else f"{what}, {workers}, {code}"


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def steady(everything: Sequence[Cost], few: Sequence[Cost]) -> list[float]:
    """Each round's seconds for all but the first few tracks."""
    return [a.wall_s - b.wall_s for a, b in zip(everything, few, strict=True)]


if __name__ == "__main__":
    main()
