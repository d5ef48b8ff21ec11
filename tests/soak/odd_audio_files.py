"""Good audio in odd files, streams and tags: tagged and restored, with new random numbers.

The files come from ``tests/odd_audio.py``, ``tests/odd_streams.py`` and ``tests/odd_tagged.py``.
Each file must decode to the same samples before and after.  A tagged file must have the genre and
all its other tags, and ``cnnundo`` must restore exactly its old tags.  A file that failed must not
have changed.
"""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from odd_library import losses, losses_in_streams, losses_in_tags
from real_beet import write_pitch_bundle
from run import Row

KINDS = {
    "an odd file is tagged and restored exactly, or left as it is": losses,
    "an odd stream is tagged and restored exactly, or left as it is": partial(
        losses_in_streams, every=4
    ),
    "odd tags are restored exactly": partial(losses_in_tags, every=3),
}


def rows(seconds):
    with tempfile.TemporaryDirectory() as folder:
        model = write_pitch_bundle(Path(folder) / "pitch")
        for promise, look in KINDS.items():
            yield row(promise, look, model, seconds / len(KINDS))


def row(promise, look, model, seconds):
    """Test one kind of file until the time is up; returns the result."""
    end, longest_s = time.monotonic() + seconds, 0.0
    n_files, n_tagged, found = 0, 0, []
    while not n_files or time.monotonic() + longest_s < end:
        begin, seed = time.monotonic(), int.from_bytes(os.urandom(4), "big")
        with tempfile.TemporaryDirectory() as place:
            n, tagged, complaints = look(Path(place) / "odd", model, seed, seed % 2 == 1)
        n_files, n_tagged = n_files + n, n_tagged + tagged
        found += [f"seed {seed}: {complaint}" for complaint in complaints]
        longest_s = max(longest_s, time.monotonic() - begin)
    print(*found, f"{n_tagged} of {n_files} could be tagged", sep="\n", file=sys.stderr)
    return Row(promise, n_files, len(found))
