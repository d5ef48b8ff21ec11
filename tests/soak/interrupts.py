"""Ctrl-C at random moments of a ``beet cnngenre``: it ends within a second, what is done stays.

Thirty tones by thirty moments, with worker processes; every third time eight of them, with threads.
A track counts as done when its line was printed.  The next run finishes the rest.
"""

from __future__ import annotations

import random
import re
import signal
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
MAX_S = 1.0


def rows(seconds: float) -> Iterator[Row]:
    end = time.monotonic() + seconds
    rng = random.Random()
    n_cases = n_late = n_lost = 0
    late: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        beet = library(Path(folder))
        whole_s = {few: time_of(beet, few) for few in (False, True)}
        while n_cases < 2 or time.monotonic() < end:
            few = n_cases % 3 == 2
            reset(beet)
            took_s, printed = interrupted(beet, few, rng.uniform(0, whole_s[few]))
            n_cases += 1
            if took_s is not None:
                late.append(took_s)
                n_late += took_s > MAX_S
            n_lost += lost(beet, printed, few)
    late.sort()
    print(
        f"interrupts: median {late[len(late) // 2]:.2f} s, longest {late[-1]:.2f} s"
        if late
        else "interrupts: all had ended",
        file=sys.stderr,
    )
    yield Row("Ctrl-C is answered within a second", len(late), n_late)
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
    """How long a whole run takes."""
    start = time.monotonic()
    beet("genre", *query(few))
    took_s = time.monotonic() - start
    reset(beet)
    return took_s


def interrupted(beet, few: bool, after_s: float) -> tuple[float | None, str]:
    """How long a run took to end after Ctrl-C, None where it had ended; and what it printed."""
    process = beet.start("genre", *query(few), stderr=subprocess.STDOUT, start_new_session=True)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait()
        return time.monotonic() - start, process.communicate()[0]
    return None, process.communicate()[0]


def lost(beet, printed: str, few: bool) -> bool:
    """Whether something that was done is not, or the next run does not do the rest."""
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
