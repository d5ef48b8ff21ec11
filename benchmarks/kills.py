"""Kill ``beet cnntrain`` at random moments, and look at what is left.

    python benchmarks/kills.py [N]

N (20) moments are spread over the time that a training takes, half of them over one that hears all
tracks and half over one from the cache.  After each, every model in the folder must be whole (its
files have their hashes, its probe its answer), the cache must pass SQLite's check and every entry
its checksum, and the next ``beet cnntrain`` must finish.  The music, 24 tones, is generated.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import mutagen
import numpy as np
from mutagen.id3 import TCON, TIT2, TPE1
from temporary_library import TemporaryLibrary

from genre_model.bundle import read_bundle
from genre_model.cache import Cache
from genre_model.classifier import Classifier
from genre_model.errors import GenreModelError

HZ = {"Murk": 110, "Hum": 900, "Glint": 4_000}
N_TRACKS, RATE, SECONDS = 8, 16_000, 3.1


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        library.configure(None, train={"min_tracks": 4}, threads=2)
        write_tones(library.folder / "music")
        library.beet("import", "-q", str(library.folder / "music"))
        took = {heard: seconds_of_training(library, heard=heard) for heard in (False, True)}
        print(f"a training takes {took[False]:.1f} s, {took[True]:.1f} s from the cache\n")
        print("| killed after | from the cache | state | models whole | tracks in the cache "
              "| left behind | faults | the next training |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|")
        n_faults = 0
        for number in range(n):
            heard = bool(number % 2)
            if not heard:
                forget(library)
            after_s = took[heard] * (number + rng.random()) / n
            state = kill(library, after_s)
            row, faults = inspect(library)
            start = time.monotonic()
            library.beet("cnntrain", "-q")  # ends this program where it fails
            finished = f"finished in {time.monotonic() - start:.1f} s"
            faults += inspect(library)[1]
            n_faults += len(faults)
            print(
                f"| {after_s:.2f} s | {'yes' if heard else 'no'} | {state} | {row} "
                f"| {'; '.join(faults) or 'none'} | {finished} |",
                flush=True,
            )
    print(f"\n{n} kills, {n_faults} faults")
    sys.exit(bool(n_faults))


def write_tones(folder: Path) -> None:
    """Eight tones a genre, by four artists each."""
    folder.mkdir()
    time_s = np.arange(int(RATE * SECONDS)) / RATE
    for genre, hz in HZ.items():
        for number in range(N_TRACKS):
            noise = 0.01 * np.random.default_rng(number).standard_normal(len(time_s))
            samples = 0.5 * np.sin(2 * np.pi * hz * (1 + 0.02 * number) * time_s) + noise
            path = folder / f"{genre} {number}.wav"
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes((samples * 32_000).astype("<i2").tobytes())
            tags = mutagen.File(path)
            tags.add_tags()
            tags.tags.add(TCON(text=[genre]))
            tags.tags.add(TIT2(text=[path.stem]))
            tags.tags.add(TPE1(text=[f"{genre} {number // 2}"]))
            tags.save()


def seconds_of_training(library: TemporaryLibrary, *, heard: bool) -> float:
    if not heard:
        forget(library)
    start = time.monotonic()
    library.beet("cnntrain", "-q")
    return time.monotonic() - start


def forget(library: TemporaryLibrary) -> None:
    for path in library.own.glob("heard.db*"):
        path.unlink()


def kill(library: TemporaryLibrary, after_s: float) -> str:
    """Begin a training and kill it, unless it is faster."""
    process = subprocess.Popen(
        [sys.executable, "-m", "beets", "cnntrain", "-q"],
        env={**os.environ, "BEETSDIR": str(library.folder), "HOME": str(library.folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    return "killed" if process.wait() < 0 else "had ended"


def inspect(library: TemporaryLibrary) -> tuple[str, list[str]]:
    """Three cells of the table, and what is wrong."""
    faults: list[str] = []
    models = [path for path in (library.own / "models").iterdir() if path.name[0] != "."]
    for path in models:
        try:
            bundle = read_bundle(path)
            for name in bundle.manifest.files:
                bundle.read(name)
            Classifier(bundle)
        except GenreModelError as error:
            faults.append(str(error))
    n_entries = inspect_cache(library.own / "heard.db", faults)
    left = sum(path.name[0] == "." for path in (library.own / "models").iterdir())
    return f"{len(models)} | {n_entries} | {left}", faults


def inspect_cache(path: Path, faults: list[str]) -> int:
    """How many tracks are in the cache."""
    if not path.exists():
        return 0
    cache = Cache(path)
    [(verdict,)] = cache._connection.execute("PRAGMA integrity_check").fetchall()
    keys = [key for (key,) in cache._connection.execute("SELECT key FROM heard").fetchall()]
    if verdict != "ok":
        faults.append(verdict)
    faults += ["a broken entry" for key in keys if cache.get(key) is None]
    faults += ["the cache was set aside"] * path.with_name(f"{path.name}.damaged").exists()
    cache.close()
    return len(keys)


if __name__ == "__main__":
    main()
