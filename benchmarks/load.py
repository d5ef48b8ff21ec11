"""What a large library costs: ``beet cnngenre`` over tracks that mostly need no extraction.

    python -m benchmarks.load [--rows 10000 100000] [--tracks TRACKS] [--songs 40]

The rows are put into the database by SQL; nine tenths have genres, the others have probabilities,
which are judged again: half of these get a genre (in the database only), half
are unsure.  Each run is a process of its own: its time and its peak memory are those of the whole
``beet`` command, its start included, which ``beet version`` shows alone; ``beet ls`` of the same
tracks is what beets itself takes.
With TRACKS, a folder of full-length music, so many real ones are among the rows: the shipped model
classifies them, in worker processes, whose memory is not counted here (``memory.py`` does).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.measuring import full_length

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugin"))

from large_library import fill

from genre_model.model.bundle.store import SHIPPED, load_bundle

COMMANDS = {
    "beet version": ["version"],
    "beet ls": ["ls"],
    "cnngenre, pretended": ["cnngenre", "-p", "-q"],
    "cnngenre": ["cnngenre", "-W", "-q"],
    "cnngenre, again": ["cnngenre", "-W", "-q"],
    "cnnundo": ["cnnundo", "-W", "-q"],
    "cnnstats": ["cnnstats"],
}


@dataclass(frozen=True, slots=True)
class Cost:
    seconds: float
    cpu_s: float
    peak_mb: float
    last_line: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--tracks", type=Path)
    parser.add_argument("--songs", type=int, default=40)
    options = parser.parse_args()
    real = full_length(options.tracks, options.songs) if options.tracks else []
    print(
        "| rows | command | seconds | of these CPU | CPU microseconds a track | peak MB | it said |"
    )
    print("|---:|---|---:|---:|---:|---:|---|")
    for n_rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            make_library(home, n_rows)
            if real:
                beet(home, "import", "-q", "-A", "-C", "-W", "-s", *map(str, real))
                beet(home, "modify", "-y", "-W", "singleton:true", "genres=")
            for name, arguments in COMMANDS.items():
                cost = beet(home, *arguments)
                print(
                    f"| {n_rows:,} | {name} | {cost.seconds:.1f} | {cost.cpu_s:.1f} "
                    f"| {1e6 * cost.cpu_s / n_rows:.0f} | {cost.peak_mb:.0f} "
                    f"| {cost.last_line} |",
                    flush=True,
                )


def make_library(home: Path, n_rows: int) -> None:
    """A library of so many tracks without files."""
    config = {
        "directory": str(home / "music"),
        "library": str(home / "library.db"),
        "plugins": ["cnngenre"],
        "import": {"duplicate_action": "keep"},
        "cnngenre": {"auto": False, "model": "shipped"},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    fill(home / "library.db", n_rows, load_bundle(SHIPPED).manifest.bundle_id)


def beet(home: Path, *arguments: str) -> Cost:
    """Run the real command; its peak memory is its own, not its children's."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "beets", *arguments],
        env={**os.environ, "BEETSDIR": str(home), "HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    printed = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"beet {' '.join(arguments)}: {printed}")
    last = (printed.strip().splitlines() or [""])[-1]
    per_mb = 2**20 if sys.platform == "darwin" else 2**10
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - start, cpu_s, usage.ru_maxrss / per_mb, last)


if __name__ == "__main__":
    main()
