"""Try for a while to break what docs/reliability.md promises, and print what came of it.

    make soak MINUTES=20                    every script of this folder
    python tests/soak/run.py 5 kills        five minutes of one

To add a script, put a module beside this one.  It has a function ``rows(seconds)``, which yields a
``Row`` for each promise: what is promised, how many cases were tried, and how many of them broke
it.  It ends by itself after about so many seconds, with the cases that it got to.  What broke goes
to standard error, with enough to repeat it.  ``real_beet``, ``audio_files`` and the other helpers
of the tests can be imported.  Every script has a process and a temporary folder of its own, and an
equal share of the time that is left; one that takes twice its share, or fails, counts as a loss.
The exit status is 0 where nothing was lost.  docs/reliability.md has a row for each promise.
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
# NumPy's library would take the CPU of all cores, and longer, where others want them too.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
GRACE_S = 60  # for setting up, on a busy machine


@dataclass(frozen=True, slots=True)
class Row:
    """A promise, in how many cases it was tried, and in how many it was broken."""

    promise: str
    cases: int
    losses: int

    def __str__(self) -> str:
        return f"| {self.promise} | {self.cases:,} | {self.losses:,} |"


def main(arguments: list[str]) -> int:
    # A shell lets its background jobs ignore Ctrl-C, and they would hand that on to `beet`.
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
    """The rows of one script."""
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
    """Run one script here; its rows are printed as they come."""
    sys.path[:0] = [str(folder) for folder in HELPERS]
    sys.modules["run"] = sys.modules["__main__"]  # scripts say: from run import Row
    for row in importlib.import_module(name).rows(seconds):
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], float(sys.argv[3]))
    else:
        sys.exit(main(sys.argv[1:]))
