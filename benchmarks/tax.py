"""What the plugin costs every other ``beet`` command: ``beet ls`` with and without it, in turn.

    python -m benchmarks.tax [--rounds 30]

The library is empty.  Runs for half a minute.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.measuring import Cost, difference, in_turn, median, parser_of, publish, run

TIMES = ("wall_s", "cpu_s")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: make_home(Path(folder) / name, name) for name in ("without", "with")}
        ways = {name: partial(ls, home) for name, home in homes.items()}
        for way in ways.values():
            way()  # the first run makes the library
        costs = in_turn(ways, options.rounds)
    rows = [
        [f"{name} the plugin", *(f"{1000 * median(costs[name], of):.0f}" for of in TIMES), ""]
        for name in homes
    ]
    added = [difference(costs["with"], costs["without"], of) for of in TIMES]
    rows.append(["added", *(f"{1000 * figure:.1f}" for figure in added), "15 ms"])
    publish(options, ["`beet ls`", "ms", "ms of CPU", "goal"], rows)


def make_home(home: Path, name: str) -> Path:
    home.mkdir()
    plugins = "cnngenre" if name == "with" else ""
    (home / "config.yaml").write_text(
        f"directory: {home}/music\nlibrary: {home}/library.db\nplugins: [{plugins}]\n"
    )
    return home


def ls(home: Path) -> Cost:
    return run([sys.executable, "-m", "beets", "ls"], {"BEETSDIR": str(home)})


if __name__ == "__main__":
    main()
