"""Ctrl-C at random moments of a ``beet cnngenre``: it ends, and finished tracks stay tagged.

A run has thirty tracks, with worker processes; every third run has eight, with threads.  A track
is finished when its line was printed.  The next run must finish the rest.  A loss is a run that has
not ended after ``MAX_S``, or a case in which a track was lost.  A run that took more than
``LATE_S`` is late, which depends on the machine and its load; standard error says how many were.
"""

from __future__ import annotations

import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from plugin_files import file_genres
from real_beet import beet_in, write_pitch_bundle, write_tone
from run import Row

N_TRACKS, N_FEW = 30, 8
LATE_S, MAX_S = 1.0, 30.0


def rows(seconds: float) -> Iterator[Row]:
    end = time.monotonic() + seconds
    rng = random.Random()
    n_cases = n_lost = 0
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        beet = library(Path(folder))
        whole_s = {few: time_of(beet, few) for few in (False, True)}
        while n_cases < 2 or time.monotonic() < end:
            few = n_cases % 3 == 2
            reset(beet)
            took_s, printed = interrupted(beet, few, rng.uniform(0, whole_s[few]))
            n_cases += 1
            if took_s is not None:
                times.append(took_s)
            n_lost += lost(beet, printed, few)
    if times:
        n_late = sum(took_s > LATE_S for took_s in times)
        print(
            f"interrupts: {n_late} of {len(times)} later than {LATE_S:.0f} s, "
            f"median {statistics.median(times):.2f} s, longest {max(times):.2f} s",
            file=sys.stderr,
        )
    yield Row("Ctrl-C ends the run", len(times), sum(took_s >= MAX_S for took_s in times))
    yield Row("what was done before Ctrl-C stays, the next run does the rest", n_cases, n_lost)


def library(folder: Path):
    beet = beet_in(folder / "home", write_pitch_bundle(folder / "pitch"))
    beet.config["plugins"] = ["cnngenre"]
    beet.config["cnngenre"] |= {"auto": False, "cache": False}
    for number in range(N_TRACKS):
        write_tone(folder / "music", "Rock", f"Track {number:02d}", seconds=60)
    beet("import", "-A", folder / "music")
    return beet


def query(few: bool) -> list[str]:
    return [f"title::Track 0[0-{N_FEW - 1}]"] if few else []


def reset(beet) -> None:
    beet("modify", "-y", "genres=", "cnngenre_model!")


def time_of(beet, few: bool) -> float:
    """Seconds that a whole run takes."""
    start = time.monotonic()
    beet("genre", *query(few))
    took_s = time.monotonic() - start
    reset(beet)
    return took_s


def interrupted(beet, few: bool, after_s: float) -> tuple[float | None, str]:
    """Seconds from Ctrl-C to the end of a run, None if it had ended before; and its output."""
    process = beet.start("genre", *query(few), stderr=subprocess.STDOUT, start_new_session=True)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()
        return time.monotonic() - start, process.communicate()[0]
    return None, process.communicate()[0]


def lost(beet, printed: str, few: bool) -> bool:
    """Whether a finished or half-finished track was lost, or the next run left some out."""
    done = set(re.findall(r"- (Track \d\d): no genre -> Rock", printed))
    genres, paths = beet.genres(), beet.paths()
    missing = [t for t in done if genres[t] != "Rock" or file_genres(paths[t]) != ["Rock"]]
    half = [
        title for title, genre in genres.items() if "; ".join(file_genres(paths[title])) != genre
    ]
    beet("genre", *query(few))
    after = beet.genres()
    left = [t for t in after if after[t] != "Rock" and not (few and t >= f"Track {N_FEW:02d}")]
    for word, titles in {"undone": missing, "half done": half, "left": left}.items():
        if titles:
            print(f"interrupts: {word}: {titles}\n{printed}", file=sys.stderr)
    return bool(missing or half or left)
