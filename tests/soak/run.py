"""Try for a while to break what docs/reliability.md promises, and print the results.

    make soak MINUTES=20                    every script of this folder
    python tests/soak/run.py 5 kills        five minutes of one script

To add a script, put a module into this folder.  Its function ``rows(seconds)`` yields a ``Row`` for
each promise: what is promised, how many cases were tried, and how many of them broke it.  It must
end by itself after about ``seconds``, with the cases tried so far, and print each loss to standard
error with enough to repeat it.  It can import ``real_beet``, ``audio_files`` and the other helpers
of the tests.  Every script has its own process and temporary folder, and an equal share of the time
that is left; a script that takes more than twice its share and ``GRACE_S``, or fails, counts as a
loss.  The exit status is 0 if there was no loss.  docs/reliability.md has a row for each promise.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
HELPERS = (HERE, HERE.parent, HERE.parent / "plugin", HERE.parent / "model")
# With more threads, OpenBLAS takes all cores, and takes longer if other processes use them too.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
GRACE_S = 60  # additional time for the set-up on a busy machine


@dataclass(frozen=True, slots=True)
class Row:
    """A promise, the number of cases tried, and the number of cases that broke it."""

    promise: str
    cases: int
    losses: int

    def __str__(self) -> str:
        return f"| {self.promise} | {self.cases:,} | {self.losses:,} |"


def main(arguments: list[str]) -> int:
    # A shell makes background jobs ignore Ctrl-C, and `beet` would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    minutes = float(arguments[0]) if arguments else 20.0
    names = arguments[1:] or sorted(path.stem for path in HERE.glob("*.py") if path.stem != "run")
    end = time.monotonic() + minutes * 60
    found: list[Row] = []
    for number, name in enumerate(names):
        seconds = max(1.0, (end - time.monotonic()) / (len(names) - number))
        print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
        found += in_own_process(name, seconds)
    print("| promise | cases | losses |", "|---|---:|---:|", *found, sep="\n")
    return int(any(row.losses for row in found))


def in_own_process(name: str, seconds: float) -> list[Row]:
    """Run one script in a separate process; returns its rows."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, __file__, "--one", name, str(seconds)],
            env={**os.environ, **ONE_THREAD, "BEETSDIR": folder, "HOME": folder, "TMPDIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            printed, _ = process.communicate(timeout=2 * seconds + GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    found = [Row(**json.loads(line)) for line in printed.splitlines() if line.startswith("{")]
    if process.returncode or not found:
        found.append(Row(f"`{name}` comes to its end", 1, 1))
    return found


def one(name: str, seconds: float) -> None:
    """Run one script in this process, and print each row as it comes."""
    sys.path[:0] = [str(folder) for folder in HELPERS]
    sys.modules["run"] = sys.modules["__main__"]  # scripts use: from run import Row
    for row in importlib.import_module(name).rows(seconds):
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], float(sys.argv[3]))
    else:
        sys.exit(main(sys.argv[1:]))
