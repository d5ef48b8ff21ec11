"""What the plugin costs every other ``beet`` command: ``beet ls`` with it and without, in turn.

python benchmarks/tax.py [ROUNDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        homes = {name: make_home(Path(folder) / name, name) for name in ("without", "with")}
        for home in homes.values():
            seconds(home)  # the first run makes the library
        pairs = [{name: seconds(home) for name, home in homes.items()} for _ in range(rounds)]
    for name in homes:
        print(f"{name:<8} {1000 * statistics.median(pair[name] for pair in pairs):6.1f} ms")
    added = statistics.median(pair["with"] - pair["without"] for pair in pairs)
    print(f"added    {1000 * added:6.1f} ms (median of {rounds} paired rounds)")


def make_home(home: Path, name: str) -> Path:
    home.mkdir()
    plugins = "cnngenre" if name == "with" else ""
    (home / "config.yaml").write_text(
        f"directory: {home}/music\nlibrary: {home}/library.db\nplugins: [{plugins}]\n"
    )
    return home


def seconds(home: Path) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-m", "beets", "ls"]
    subprocess.run(
        command, env={**os.environ, "BEETSDIR": str(home)}, check=True, capture_output=True
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
