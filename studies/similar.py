"""How often the nearest tracks share genre and artist, and what a search in a large library costs.

    python -m studies.similar MUSIC [CLIPS.npz] [--tracks 100000]

MUSIC is the labelled development music; CLIPS keeps its analysis, as in ``studies.tag_cuts``.  The
first table shows the cost of a search by the real command, and of ``beet ls``, in a library of
``--tracks`` rows with random vectors: medians of five runs, in seconds, CPU seconds, and MB of peak
memory.  In the second table each set is a library by itself.  *Genre*: the share of the ten nearest
clips of other artists that have the clip's genre, beside that of all clips of other artists.
*Artist*: for artists with more than one clip, how often one of the ten nearest of all clips is of
the same artist, beside chance.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from beetsplug.cnngenre.beyond_genres.similar_index import (
    N_FEATURES,
    Index,
    sums_of,
    tracks_in,
    write_index,
)
from benchmarks.measuring import median, run
from genre_model.core.arrays import Float16
from genre_model.extraction.recall import KEY_BYTES, key_finder
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.nearest import similarities
from studies.tag_cuts import Analysed, analyse

N_NEAREST = 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("clips", type=Path, nargs="?")
    parser.add_argument("--tracks", type=int, default=100_000)
    options = parser.parse_args()
    print("| tracks | command | s | s of CPU | MB |\n|---|---|---|---|---|")
    for line in cost_of(options.tracks):
        print(line, flush=True)
    clips = analyse(options.music, options.clips)
    vectors = np.array([part.mean(axis=0) for part in clips.features]).astype(np.float16)
    print("\n| music | genre | of all | artist | by chance |\n|---|---|---|---|---|")
    for name in ("emotify", "allmusic"):
        print(row_of(clips, vectors, name))


def row_of(clips: Analysed, vectors: Float16, name: str) -> str:
    """A row for one set."""
    chosen = np.array([row["set"] == name for row in clips.rows])
    artists = np.array([row["artist"] for row in clips.rows])[chosen]
    genres = np.array([row["genre"] for row in clips.rows])[chosen]
    own = vectors[chosen]
    shared, of_all, found, chance = [], [], [], []
    for index in range(len(own)):
        scores = similarities(own, [index])
        scores[index] = -np.inf
        others = artists != artists[index]
        nearest = np.argsort(-np.where(others, scores, -np.inf))[:N_NEAREST]
        shared.append((genres[nearest] == genres[index]).mean())
        of_all.append((genres[others] == genres[index]).mean())
        mates = (~others).sum() - 1
        if mates:
            nearest = np.argsort(-scores)[:N_NEAREST]
            found.append((artists[nearest] == artists[index]).any())
            chance.append(1 - (1 - mates / (len(own) - 1)) ** N_NEAREST)
    figures = (np.mean(part) for part in (shared, of_all, found, chance))
    return f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |"


def cost_of(n_tracks: int) -> list[str]:
    """Rows with the cost of a search in a library of ``n_tracks`` tracks."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        # In a separate process, because this one's peak memory counts for its children, too.
        program = f"from studies.similar import *; make_library(Path({folder!r}), {n_tracks})"
        subprocess.run([sys.executable, "-c", program], check=True)
        for words in (["ls", "id:7"], ["cnnsimilar", "id:7"]):
            costs = [run([sys.executable, "-m", "beets", *words], env(home)) for _ in range(5)]
            figures = (median(costs, of) for of in ("wall_s", "cpu_s", "peak_mb"))
            shown = " | ".join(f"{figure:.1f}" for figure in figures)
            lines.append(f"| {n_tracks:,} | `beet {' '.join(words)}` | {shown} |")
    return lines


def make_library(home: Path, n_tracks: int) -> None:
    """Make a library of rows, and an index of it with random vectors."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "plugin"))
    from beets.library import Library
    from large_library import fill

    (home / "config.yaml").write_text(
        f"directory: {home}/music\nlibrary: {home}/library.db\nplugins: [cnngenre]\n"
    )
    fill(home / "library.db", n_tracks, "none")
    lib = Library(str(home / "library.db"))
    tracks, sums = tracks_in(lib), sums_of(lib)
    lib._close()
    tracks["key"], tracks["found"] = np.void(b"\1" * KEY_BYTES), True
    vectors = np.random.default_rng(0).normal(size=(n_tracks, N_FEATURES)).astype(np.float16)
    finder = key_finder(load_bundle(SHIPPED).manifest, None)
    write_index(home / "cnngenre" / "similar.index", finder.front_end, Index(tracks, vectors, sums))


def env(home: Path) -> dict[str, str]:
    return {"BEETSDIR": str(home), "HOME": str(home)}


if __name__ == "__main__":
    main()
