"""What training costs when everything was heard before, and when ten tracks are new.

    python benchmarks/training_again.py MUSIC [--cache heard.db]

A library of all labelled clips but ten, by a real ``beet import``; ``beet cnntrain`` hears them
once; then again; then the ten are added, and it is run once more.  What is newly in the cache
afterwards is what was heard.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from temporary_library import Clip, TemporaryLibrary, clips_of

from genre_model.audio import audio_fingerprint
from genre_model.bundle import SHIPPED, read_bundle
from genre_model.cache import front_end_hash

N_NEW = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--cache", type=Path, help="what was heard before; it is copied")
    options = parser.parse_args()
    clips = clips_of(options.music)
    step = len(clips) // N_NEW
    new = clips[step // 2 :: step][:N_NEW]
    old = [clip for clip in clips if clip not in new]
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        library.configure(without(options.cache, new, Path(folder)))
        library.add(old, "old")
        print("| training | tracks | newly heard | seconds | CPU seconds |\n|---|---|---|---|---|")
        report(library, "the first time")
        report(library, "a second time")
        library.add(new, "new")
        report(library, f"with {len(new)} more")
        report(library, "and again")


def without(cache: Path | None, new: list[Clip], folder: Path) -> Path | None:
    """A copy of the cache in which the new clips have not been heard."""
    if cache is None:
        return None
    copy = folder / "heard_but_the_new.db"
    shutil.copyfile(cache, copy)
    front_end = front_end_hash(read_bundle(SHIPPED).manifest, thorough=False)
    with sqlite3.connect(copy) as connection:
        for clip in new:
            key = front_end + audio_fingerprint(clip.source)
            connection.execute("DELETE FROM heard WHERE key = ?", (key,))
    connection.close()
    return copy


def report(library: TemporaryLibrary, what: str) -> None:
    """Train, and print what that cost."""
    before, start = n_heard(library), time.monotonic()
    done = library.beet("cnntrain", "-q")
    seconds = time.monotonic() - start
    [tracks] = [row.split()[0] for row in done.output.splitlines() if " artists, " in row]
    print(
        f"| {what} | {tracks} | {n_heard(library) - before} | {seconds:.1f} | {done.cpu_s:.1f} |",
        flush=True,
    )


def n_heard(library: TemporaryLibrary) -> int:
    """How many tracks are in the cache."""
    path = library.own / "heard.db"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as connection:
        [(n,)] = connection.execute("SELECT count(*) FROM heard").fetchall()
    connection.close()
    return n


if __name__ == "__main__":
    main()
