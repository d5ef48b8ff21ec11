"""One song of three minutes: the whole ``beet`` process, and a process that already runs.

    python -m benchmarks.single_song TRACKS [--rounds 11]

TRACKS is a folder of full-length music; the beginning of one of its tracks becomes an MP3 file of
180 s.  Each round runs ``beet ls``; ``beet cnngenre -f`` on this track, which is not in a cache;
extraction alone, in this process, which has the model loaded; and a straight decode.  The limit is
that decode plus the network's operations at the core's peak (benchmarks.limit).  Runs for half a
minute.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.limit import network_s, straight_decode
from benchmarks.measuring import (
    difference,
    full_length,
    here,
    in_turn,
    median,
    parser_of,
    publish,
    three_minutes,
)
from benchmarks.temporary_library import TemporaryLibrary
from genre_model.model.classifier import load_classifier


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        song = three_minutes(full_length(options.tracks)[0], Path(folder) / "song.mp3")
        library = TemporaryLibrary(Path(folder) / "beets")
        library.configure(cache=False)
        library.add_files([song])
        classifier = load_classifier()
        ways = {
            "beet ls": lambda: library.beet("ls"),
            "beet cnngenre -f": lambda: library.beet("cnngenre", "-f", "-q"),
            "default": lambda: here(lambda: classifier.extract(song, until_stable=True)),
            "thorough": lambda: here(lambda: classifier.extract(song, thorough=True)),
            "decode": lambda: here(lambda: straight_decode(song)),
        }
        for way in ways.values():
            way()
        costs = in_turn(ways, options.rounds)
        extracted = classifier.extract(song, until_stable=True)
        n_available = len(classifier.extract(song, thorough=True).starts_s)
    ls, cold = costs["beet ls"], costs["beet cnngenre -f"]
    n_slices = extracted.sample.n_extracted if extracted.sample else len(extracted.features)
    limit_s = median(costs["decode"]) + network_s(n_available)
    rows = [
        ["`beet ls`", *both(median(ls, "wall_s"), median(ls)), ""],
        ["`beet cnngenre -f`, cold", *both(median(cold, "wall_s"), median(cold)), ""],
        [
            "cold, over `beet ls`",
            *both(difference(cold, ls, "wall_s"), difference(cold, ls)),
            "",
        ],
        [
            "the same, times `beet ls`",
            *(f"{difference(cold, ls, of) / median(ls, of):.2f}" for of in ("wall_s", "cpu_s")),
            "1.5 of CPU",
        ],
        [
            f"in a process with the model loaded, {n_slices} slices",
            *both(median(costs["default"], "wall_s"), median(costs["default"])),
            "",
        ],
        [
            "the same, whole song",
            *both(median(costs["thorough"], "wall_s"), median(costs["thorough"])),
            f"{2 * limit_s:.3f}, twice the limit",
        ],
        [
            "the limit of that: a straight decode, the network at the core's peak",
            "",
            f"{limit_s:.3f}",
            "",
        ],
    ]
    publish(options, ["one song of 180 s, MP3", "seconds", "CPU seconds", "goal"], rows)


def both(wall_s: float, cpu_s: float) -> list[str]:
    return [f"{wall_s:.3f}", f"{cpu_s:.3f}"]


if __name__ == "__main__":
    main()
