"""What a large library costs: each command over tracks that mostly need no extraction.

    python -m benchmarks.load [--rows 10000 100000] [--tracks TRACKS] [--songs 40] [--code FOLDER]

The rows are put into the database by SQL.  Nine tenths have genres; the others have stored
probabilities, which are judged again: half of them get a genre (in the database only), half are
unsure.  Each run is its own process; time and peak memory are those of the whole ``beet`` command
with its start.  ``beet version`` shows the start alone, and ``beet ls`` of the same tracks shows
what beets itself takes.  "Over the start" is the CPU time in excess of ``beet version``.

With TRACKS, a folder of full-length music, ``--songs`` real tracks are added to the rows: the
shipped model classifies them in worker processes, whose memory is not counted here (``memory.py``
does).  The last row is the time until a progress bar appears on a pseudo-terminal, less that of
``beet version``.  ``--code`` measures another checkout's plugin (needs Python 3.11).  Runs for
three minutes with 100,000 rows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.measuring import Row, full_length, parser_of, publish

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugin"))

from large_library import fill

from genre_model.model.bundle.store import SHIPPED, load_bundle

COMMANDS = {
    "beet version": ["version"],
    "beet ls": ["ls"],
    "cnngenre, pretended": ["cnngenre", "-p", "-q"],
    "cnngenre": ["cnngenre", "-W", "-q"],
    "cnngenre, again": ["cnngenre", "-W", "-q"],
    "cnnstats": ["cnnstats"],
    "cnncompare": ["cnncompare", "-q"],
    "cnnspelling": ["cnnspelling", "-W", "-q"],
    "cnnmoods --undo": ["cnnmoods", "--undo", "-W", "-q"],
    "cnnreview -p": ["cnnreview", "-p", "-q"],
    "cnnundo": ["cnnundo", "-W", "-q"],
    "cnnundo, again": ["cnnundo", "-W", "-q"],
    "cnnerrors": ["cnnerrors", "-q"],
}


COLUMNS = ("rows", "command", "CPU seconds", "over the start", "peak MB", "it said")


@dataclass(frozen=True, slots=True)
class Cost:
    seconds: float
    cpu_s: float
    peak_mb: float
    last_line: str


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--tracks", type=Path)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--code", type=Path, help="another checkout, whose plugin is measured")
    options = parser.parse_args()
    env = code_of(options.code)
    real = full_length(options.tracks, options.songs) if options.tracks else []
    rows: list[Row] = []
    for n_rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            make_library(home, n_rows)
            if real:
                beet(home, env, "import", "-q", "-A", "-C", "-W", "-s", *map(str, real))
                beet(home, env, "modify", "-y", "-W", "singleton:true", "genres=")
            start_s, wall_s = 0.0, 0.0
            for name, arguments in COMMANDS.items():
                cost = beet(home, env, *arguments)
                if name == "beet version":
                    start_s, wall_s = cost.cpu_s, cost.seconds
                figures = [
                    f"{cost.cpu_s:.1f}",
                    f"{cost.cpu_s - start_s:.1f}",
                    f"{cost.peak_mb:.0f}",
                ]
                rows.append([f"{n_rows:,}", name, *figures, cost.last_line])
            bar_s = first_bar_s(home, env, "cnngenre", "-p") - wall_s
            said = f"{max(bar_s, 0):.1f} s after the start"
            rows.append([f"{n_rows:,}", "first bar", "", "", "", said])
    publish(options, COLUMNS, rows)


def code_of(folder: Path | None) -> dict[str, str]:
    """Environment variables that make Python load another checkout's plugin."""
    return {} if folder is None else {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def make_library(home: Path, n_rows: int) -> None:
    """Create a library of ``n_rows`` tracks without files."""
    config = {
        "directory": str(home / "music"),
        "library": str(home / "library.db"),
        "plugins": ["cnngenre"],
        "import": {"duplicate_action": "keep"},
        "cnngenre": {"auto": False, "model": "shipped"},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    fill(home / "library.db", n_rows, load_bundle(SHIPPED).manifest.bundle_id)


def start(
    home: Path,
    env: Mapping[str, str],
    arguments: Sequence[str],
    stdout: int = subprocess.DEVNULL,
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``beet`` on a library."""
    return subprocess.Popen(
        [sys.executable, "-m", "beets", *arguments],
        env={**os.environ, **env, "BEETSDIR": str(home), "HOME": str(home)},
        stdout=stdout,
        stderr=stderr,
    )


def beet(home: Path, env: Mapping[str, str], *arguments: str) -> Cost:
    """Run ``beet``; the peak memory does not include its child processes."""
    begun_s = time.perf_counter()
    process = start(home, env, arguments, stdout=subprocess.PIPE)
    printed = process.stdout.read().decode() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"beet {' '.join(arguments)}: {printed}")
    last = (printed.strip().splitlines() or [""])[-1]
    per_mb = 2**20 if sys.platform == "darwin" else 2**10
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - begun_s, cpu_s, usage.ru_maxrss / per_mb, last)


def first_bar_s(home: Path, env: Mapping[str, str], *arguments: str) -> float:
    """Seconds until ``beet`` shows a progress bar on a terminal; the process is then killed."""
    import fcntl
    import struct
    import termios

    master, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    begun_s, shown = time.perf_counter(), b""
    with start(home, env, arguments, stderr=terminal) as process:
        os.close(terminal)
        while b"track" not in shown:
            shown += os.read(master, 1024)
        seconds = time.perf_counter() - begun_s
        process.kill()
    os.close(master)
    return seconds


if __name__ == "__main__":
    main()
