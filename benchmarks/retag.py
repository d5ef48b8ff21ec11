"""Another model over a library whose features are cached: seconds over ``beet ls``.

    python -m benchmarks.retag MUSIC [--cache features.db] [--rounds 5]

A real ``beet import`` imports all labelled clips; ``beet cnntrain`` makes a second model, and the
shipped model extracts each clip once.  Each round runs ``beet ls``, and ``beet cnngenre -f`` with
each of the two models, so that every track gets the other model's answer from cached features, both
with and without writing the files' tags.  Runs for two minutes, and one more if the cache does not
have the clips.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.measuring import Cost, difference, in_turn, median, parser_of, publish
from benchmarks.temporary_library import TemporaryLibrary, clips_of

WAYS = {
    "the database alone": "-W",
    "the files' tags too": "-w",
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("music", type=Path)
    parser.add_argument("--cache", type=Path, help="cached features; the file is copied")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, help="so many instead of all")
    options = parser.parse_args()
    clips = clips_of(options.music)[: options.clips]
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        library.configure(options.cache)
        library.add(clips, "clips")
        library.beet("cnntrain", "-q", "--min-tracks", "5")
        [trained] = [path.parent.name for path in library.own.glob("models/*/manifest.json")]
        ways: dict[str, Callable[[], Cost]] = {"ls": partial(library.beet, "ls")}
        for what, write in WAYS.items():
            for model in ("shipped", trained):
                ways[f"{what}, {model}"] = partial(
                    library.beet, "cnngenre", "-f", "-q", write, "--model", model
                )
        for way in ways.values():
            way()
        costs = in_turn(ways, options.rounds)
    rows = [["`beet ls`", f"{median(costs['ls'], 'wall_s'):.2f}", f"{median(costs['ls']):.2f}", ""]]
    for what in WAYS:
        for name, model in {"shipped": "shipped", trained: "trained"}.items():
            more = [difference(costs[f"{what}, {name}"], costs["ls"], of) for of in TIMES]
            rows.append([f"{what}, {model} model", *(f"{figure:.2f}" for figure in more), "3"])
    columns = [f"{len(clips)} clips again", "seconds over `beet ls`", "CPU seconds over it", "goal"]
    publish(options, columns, rows)


TIMES = ("wall_s", "cpu_s")

if __name__ == "__main__":
    main()
