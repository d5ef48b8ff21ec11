"""The plugin's tests on every Python and beets that it supports, each pair in its own environment.

    make matrix                                     what is on this machine
    python scripts/matrix.py 3.10 3.13              these Pythons only
    PYTEST='-k import' make matrix                  some of the tests

Pythons are searched on the PATH and among pyenv's; beets is the oldest supported version and the
newest release.  Environments are kept in .matrix, and made again when the lock file has changed;
they have its versions of everything but beets.
The table goes to standard output; the exit status is 1 if a test failed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".matrix"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
BEETS = {"oldest": "beets==2.7.0", "newest": "beets"}
BIN = "Scripts" if os.name == "nt" else "bin"
LOCK = "requirements-dev.lock"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one environment's tests."""

    python: str
    beets: str
    summary: str
    seconds: float
    good: bool

    def __str__(self) -> str:
        return f"| {self.python} | {self.beets} | {self.summary} | {self.seconds:.0f} s |"


def main(versions: list[str]) -> int:
    results = []
    print("| Python | beets | tests | took |\n|---|---|---|---:|", flush=True)
    for version in versions or PYTHONS:
        python = interpreter(version)
        if python is None:
            print(f"| {version} | - | there is none here | - |", flush=True)
            continue
        for age, requirement in BEETS.items():
            results.append(tested(environment(python, version, age, requirement)))
            print(results[-1], flush=True)
    return int(not results or not all(result.good for result in results))


def interpreter(version: str) -> str | None:
    """A working Python of a version that can create environments, or None."""
    for candidate in candidates(version):
        question = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
        try:
            asked = subprocess.run([candidate, "-c", question], capture_output=True, text=True)
        except OSError:
            continue
        if asked.stdout.strip() == version:
            return str(candidate)
    return None


def candidates(version: str) -> Iterator[str | Path]:
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    yield sys.executable


def environment(python: str, version: str, age: str, requirement: str) -> Path:
    """The interpreter of an environment, which is created if it is missing or out of date."""
    folder = FOLDER / f"{version}-{age}"
    own = folder / BIN / "python"
    stamp = folder / "ready"
    inputs = ((ROOT / LOCK).read_bytes(), requirement.encode(), python.encode())
    wanted = hashlib.sha256(b"".join(inputs)).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return own
    print(f"making {folder}", file=sys.stderr, flush=True)
    run(python, "-m", "venv", "--clear", str(folder))
    pip = (str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "-r", LOCK)
    run(*pip, "--upgrade", requirement)
    run(*pip, "--no-deps", "-e", ".")
    stamp.write_text(wanted)
    return own


def run(*command: str) -> None:
    """Run a command; exits if it fails."""
    done = subprocess.run(command, cwd=ROOT)
    if done.returncode:
        sys.exit(f"failed: {shlex.join(command)}")


def tested(python: Path) -> Result:
    """Run the plugin's tests in an environment."""
    start = time.monotonic()
    command = [str(python), "-m", "pytest", "tests/plugin", "-n", "2", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *shlex.split(os.environ.get("PYTEST", ""))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr, flush=True)
    lines = done.stdout.strip().splitlines() or ["nothing was printed"]
    summary = re.sub(r"^=* ?| in [\d.]+s.*$", "", lines[-1])
    versions = "import platform, beets; print(platform.python_version(), beets.__version__)"
    printed = subprocess.check_output([str(python), "-c", versions], text=True, env=neutral())
    found, beets = printed.split()
    return Result(found, beets, summary, time.monotonic() - start, done.returncode == 0)


def neutral() -> dict[str, str]:
    """Environment variables with which beets finds no user's library."""
    return {**os.environ, "BEETSDIR": str(FOLDER)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
