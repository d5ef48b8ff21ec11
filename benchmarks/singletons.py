"""An import of single tracks: with the next ones started early, and one after the other.

    python -m benchmarks.singletons MUSIC [--tracks 40] [--rounds 3]

Runs a real ``beet import -s -A`` of clips without genres, and without a cache.  With
``threaded: no`` beets finds a track only when the one before is done, so that none can be started
early. The time of an import without the plugin is subtracted.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import yaml

from benchmarks.measuring import Cost, difference, in_turn, median, parser_of, publish, ratio
from benchmarks.temporary_library import Clip, TemporaryLibrary, clips_of

WAYS = {"without the plugin": (False, True), "one by one": (True, False), "ahead": (True, True)}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("music", type=Path)
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = clips_of(options.music)
    clips = found[:: max(1, len(found) // options.tracks)][: options.tracks]
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            name: partial(imported, Path(folder), clips, auto=auto, threaded=threaded)
            for name, (auto, threaded) in WAYS.items()
        }
        costs = in_turn(ways, options.rounds)
    none = costs["without the plugin"]
    rows = [
        [
            name,
            f"{median(costs[name], 'wall_s'):.2f}",
            f"{difference(costs[name], none, 'wall_s'):.2f}",
            f"{difference(costs[name], none):.2f}",
            f"{ratio(costs['one by one'], costs[name], 'wall_s'):.2f}",
        ]
        for name in WAYS
    ]
    columns = [f"{len(clips)} single tracks", "s", "s of the plugin", "its CPU, s", "times as fast"]
    publish(options, columns, rows)


def imported(folder: Path, clips: list[Clip], *, auto: bool, threaded: bool) -> Cost:
    """The cost of an import into a new library."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        library = TemporaryLibrary(Path(place))
        library.configure(auto=False, cache=False)
        library.add(clips, "clips", labelled=False)
        (library.folder / "library.db").unlink()
        file = library.folder / "config.yaml"
        config = yaml.safe_load(file.read_text())
        config["threaded"] = threaded
        config["cnngenre"]["auto"] = auto
        file.write_text(yaml.safe_dump(config))
        return library.beet("import", "-q", "-A", "-s", str(library.folder / "music"))


if __name__ == "__main__":
    main()
