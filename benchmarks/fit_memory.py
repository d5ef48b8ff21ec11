"""Peak memory of systems that are fitted on all songs at once, by the number of songs.

    python -m benchmarks.fit_memory [--songs 1000 10000] [--systems costa2011 costa2017]

Needs TensorFlow for ``costa2017`` (``pip install '.[train]'``).  The slices are synthetic, and a
hundred files stand for all songs: each file is memory-mapped, and only the sampled parts are read.
Networks train for one epoch, which takes as much memory as forty.  Runs for three minutes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measuring import MB, parser_of, publish, run
from genre_model.data.tracks import LabelledTrack
from genre_model.features.frontend import slice_shape
from genre_model.training.networks import costa2017
from genre_model.training.networks.base import Estimator
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.scratch.learn import fit_at_once
from genre_model.training.scratch.slice_store import StoredTrack

N_FILES, N_GENRES, GOAL_MB = 100, 7, 2048


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--songs", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--systems", nargs="+", default=["costa2011", "costa2017"])
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        fit(options.systems[0], options.songs[0])
        return
    rows = [measure(system, n) for system in options.systems for n in options.songs]
    columns = ["system", "songs", "slices, MB", "peak MB", "CPU seconds", "at most, MB"]
    publish(options, columns, rows)


def measure(system: str, n_songs: int) -> list[object]:
    """Fit one system in its own process; returns a row of the table."""
    command = [sys.executable, "-m", "benchmarks.fit_memory", "--only"]
    cost = run([*command, "--songs", str(n_songs), "--systems", system])
    slices_mb, peak_mb = map(float, cost.output.splitlines()[-1].split())
    row = [system, f"{n_songs:,}", f"{slices_mb:.0f}", f"{peak_mb:.0f}", f"{cost.cpu_s:.0f}"]
    return [*row, GOAL_MB]


def fit(system: str, n_songs: int) -> None:
    """Print the size of all slices and the process' peak memory, in MB."""
    costa2017.TRAINING = replace(costa2017.TRAINING, epochs=1)
    architecture = ARCHITECTURES[system]
    learner = architecture.learner
    assert isinstance(learner, Estimator)
    shape = slice_shape(architecture.spectrogram, architecture.slices)
    with tempfile.TemporaryDirectory() as folder:
        tracks = made_up(Path(folder), n_songs, (architecture.slices.max_slices, *shape))
        fit_at_once(learner, tracks, seed=0)
        slices_mb = n_songs * tracks[0].slices().nbytes / 2**20
    print(slices_mb, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB)


def made_up(folder: Path, n_songs: int, shape: tuple[int, ...]) -> list[StoredTrack]:
    """Synthetic songs of ``shape`` (n_slices, *values) whose values depend on the genre."""
    rng = np.random.default_rng(0)
    for number in range(N_FILES):
        noise = rng.gamma(2.0, 1.0, shape).astype(np.float32)
        np.save(folder / f"{number}.npy", noise + number % N_GENRES)
    tracks = []
    for number in range(n_songs):
        file = folder / f"{number % N_FILES}.npy"
        genre = number % N_FILES % N_GENRES
        track = LabelledTrack(file, (str(genre),))
        tracks.append(StoredTrack(track, file, np.arange(shape[0]), np.arange(N_GENRES) == genre))
    return tracks


if __name__ == "__main__":
    main()
