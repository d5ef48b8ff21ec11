"""Measure the peak memory of a command, independent of the process that starts it."""

import subprocess
import sys
import tempfile
from pathlib import Path

# On Linux a process starts with the peak of its parent, so a small process starts the command.
LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
PER_MB = 2**20 if sys.platform == "darwin" else 2**10  # units of ``ru_maxrss``


def run_measured(command, **options):
    """Like ``subprocess.run``; returns its result, and the peak of the largest process in MB."""
    with tempfile.TemporaryDirectory() as folder:
        peak = Path(folder) / "peak"
        launched = [sys.executable, "-S", "-c", LAUNCHER, str(peak), *map(str, command)]
        done = subprocess.run(launched, **options)
        return done, int(peak.read_text()) // PER_MB
