"""Files that are broken in every way that we can think of, and real files damaged at random.

First, ``beet cnngenre`` runs over libraries of about a thousand tracks, of which twenty are good,
with a new seed each time.  Each track must be in the summary, each failed track must be reported in
one line and stay unchanged, the good tracks must be tagged, and memory must stay within a bound.
Then, until the time is up, real files are cut, spliced and changed at random places and decoded:
only an ``AudioError`` may be raised, and the process must survive.  This is done in a separate
process, 200 files at a time.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from broken_library import losses
from real_beet import write_pitch_bundle
from run import Row

SHARE = 0.6  # share of the time that libraries get
FUZZ = Path(__file__).parents[1] / "model" / "damaged_audio.py"
BATCH = 200


def rows(seconds):
    end = time.monotonic() + seconds
    yield from libraries(time.monotonic() + SHARE * seconds)
    yield from decoding(end)


def libraries(end):
    n_tracks, found, seed, longest_s, peak_mb = 0, [], int.from_bytes(os.urandom(4), "big"), 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        model = write_pitch_bundle(Path(folder) / "pitch")
        while not n_tracks or time.monotonic() + longest_s < end:
            seed += 1
            with tempfile.TemporaryDirectory() as place:
                begin = time.monotonic()
                n, complaints, outcome = losses(Path(place) / "library", model, seed, large=True)
                longest_s = max(longest_s, time.monotonic() - begin)
            n_tracks, peak_mb = n_tracks + n, max(peak_mb, outcome.peak_mb)
            found += [f"seed {seed}: {complaint}" for complaint in complaints]
    print(*found, f"peak of memory: {peak_mb} MB", sep="\n", file=sys.stderr)
    yield Row(
        "a file that cannot be decoded is one line and stays as it was; others are tagged",
        n_tracks,
        len(found),
    )
    yield Row("no file takes more than 1.5 GB of memory", n_tracks, int(peak_mb > 1500))


def decoding(end):
    n_files = n_lost = 0
    while not n_files or time.monotonic() < end:
        seed = int.from_bytes(os.urandom(4), "big")
        n_lost += int(not fuzz(str(seed), str(BATCH)))
        n_files += BATCH
    yield Row("a damaged file is decoded or is an `AudioError`", n_files, n_lost)


def fuzz(*arguments):
    """Whether a run of ``damaged_audio.py`` ended without an error."""
    done = subprocess.run(
        [sys.executable, str(FUZZ), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FUZZ.parents[1])},
    )
    if done.returncode:
        print(FUZZ.name, *arguments, done.returncode, done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0
