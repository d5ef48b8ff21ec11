"""What training costs when all features are cached, and when ten tracks are new.

    python -m benchmarks.training_again MUSIC [--cache features.db] [--clips 200]

A real ``beet import`` imports all labelled clips but ten.  ``beet cnntrain`` runs twice and
extracts the clips the first time; the ten are added, and it runs twice again.  Then
``beet cnnerrors`` looks for label errors with the trained model and with the shipped one.  The rows
that a command adds to the cache are what it extracted.  Runs for three minutes on two cores, half a
minute with a cache that has the clips.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from benchmarks.measuring import parser_of, publish
from benchmarks.temporary_library import Clip, TemporaryLibrary, clips_of
from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.extraction.cache import front_end_hash
from genre_model.model.bundle.store import SHIPPED, load_bundle

N_NEW = 10


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("music", type=Path)
    parser.add_argument("--cache", type=Path, help="cached features; the file is copied")
    parser.add_argument("--clips", type=int, help="so many instead of all")
    options = parser.parse_args()
    clips = clips_of(options.music)
    clips = clips[:: -(-len(clips) // (options.clips or len(clips)))]
    step = len(clips) // N_NEW
    new = clips[step // 2 :: step][:N_NEW]
    old = [clip for clip in clips if clip not in new]
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        library.configure(without(options.cache, new, Path(folder)))
        library.add(old, "old")
        rows = [train(library, "the first time"), train(library, "a second time")]
        library.add(new, "new")
        rows += [train(library, f"with {len(new)} more"), train(library, "and again")]
        rows += [errors(library, model) for model in ("trained", "shipped")]
    publish(options, ["training", "tracks", "newly extracted", "seconds", "CPU seconds"], rows)


def without(cache: Path | None, new: list[Clip], folder: Path) -> Path | None:
    """A copy of the cache in which the new clips are missing."""
    if cache is None:
        return None
    copy = folder / "without_the_new.db"
    shutil.copyfile(cache, copy)
    front_end = front_end_hash(load_bundle(SHIPPED).manifest, thorough=False)
    with sqlite3.connect(copy) as connection:
        for clip in new:
            key = front_end + audio_fingerprint(clip.source)
            connection.execute("DELETE FROM features WHERE key = ?", (key,))
    connection.close()
    return copy


def train(library: TemporaryLibrary, what: str) -> list[object]:
    """Train; returns a row of the table."""
    before = n_extracted(library)
    cost = library.beet("cnntrain", "-q")
    [tracks] = [row.split()[0] for row in cost.output.splitlines() if " artists, " in row]
    newly = n_extracted(library) - before
    return [what, tracks, newly, f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}"]


def errors(library: TemporaryLibrary, model: str) -> list[object]:
    """Search for label errors; returns a row of the table."""
    before = n_extracted(library)
    options = ["--model", model] if model == "shipped" else []
    cost = library.beet("cnnerrors", "-q", *options)
    [tracks] = [
        row.split(" in ")[1].split()[0]
        for row in cost.output.splitlines()
        if " in " in row and " tracks" in row
    ][-1:]
    newly = n_extracted(library) - before
    what = f"`cnnerrors`, by the {model} model"
    return [what, tracks, newly, f"{cost.wall_s:.1f}", f"{cost.cpu_s:.1f}"]


def n_extracted(library: TemporaryLibrary) -> int:
    """How many tracks are in the cache."""
    path = library.own / "features.db"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as connection:
        [(n,)] = connection.execute("SELECT count(*) FROM features").fetchall()
    connection.close()
    return n


if __name__ == "__main__":
    main()
