"""What the head's training costs once all features are extracted: CPU seconds and memory.

    pip install scikit-learn
    python -m benchmarks.training_cost [MUSIC] [--cache features.db]

Measures folds, fits, calibration, comparison with the shipped model, resampling, report and bundle;
each size runs in its own process with one BLAS thread.  The features of MUSIC's labelled clips come
from the cache; those of the larger sizes are synthetic, with tracks that scatter widely around
their genre's centre.  The ratio is to one fit of scikit-learn's logistic regression on the same
tracks' mean features, in the same process.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measuring import MB, parser_of, publish
from genre_model.data.tracks import LabelledTrack
from genre_model.extraction.cache import Cache
from genre_model.extraction.pools import extract_tracks
from genre_model.model.bundle.store import SHIPPED, Bundle, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures
from genre_model.training.head.bundle import train_head_bundle
from genre_model.training.job import TrainingJob
from genre_model.training.training_set import HeadOptions

Extracted = Sequence[tuple[LabelledTrack, SongFeatures]]

# (tracks, genres) of the synthetic sizes -> upper limits for CPU seconds and for MB.
MADE_UP = {(900, 450): (20, None), (10_000, 50): (180, 2048)}
MUSIC_GOAL_S = 4

N_SLICES, TRACKS_PER_ARTIST = 24, 3
SPREAD, SPREAD_OF_SLICES = 3.0, 2.0


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("music", type=Path, nargs="?")
    parser.add_argument("--cache", type=Path, default=Path("features.db"))
    parser.add_argument("--alone", help=argparse.SUPPRESS)  # the size that this process measures
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measured(options)))
        return
    sizes: dict[str, tuple[int, int | None]] = {}
    if options.music:
        sizes["clips"] = (MUSIC_GOAL_S, None)
    sizes |= {f"{n}x{n_genres}": goals for (n, n_genres), goals in MADE_UP.items()}
    rows = []
    for size, (goal_s, goal_mb) in sizes.items():
        found = in_own_process(size, options)
        rows.append(
            [
                "labelled clips" if size == "clips" else "made up",
                found["tracks"],
                found["genres"],
                f"{found['right']:.3f}",
                f"{found['cpu_s']:.1f}",
                goal_s,
                f"{found['cpu_s'] / found['reference_s']:.1f}",
                f"{found['mb']:.0f}",
                goal_mb or "",
            ]
        )
    publish(options, COLUMNS, rows)


COLUMNS = [
    *("features", "tracks", "genres", "right", "CPU seconds", "at most"),
    *("times one plain fit", "peak MB", "at most"),
]


def in_own_process(size: str, options: argparse.Namespace) -> dict[str, float]:
    """Measure one size in its own process."""
    folders = [str(options.music)] if options.music else []
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.training_cost", *folders),
            *("--alone", size, "--cache", str(options.cache)),
        ],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(options: argparse.Namespace) -> dict[str, float]:
    """Train in this process; the reference is fitted afterwards, so that peak memory is ours."""
    shipped = load_bundle(SHIPPED)
    if options.alone == "clips":
        extracted = features_of_clips(options.music, options.cache, shipped)
    else:
        n_tracks, n_genres = map(int, options.alone.split("x"))
        extracted = [*made_up(n_tracks, n_genres, shipped)]
    job = TrainingJob([track for track, _ in extracted], {}, HeadOptions())
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        _, report = train_head_bundle(job, extracted, shipped, Path(folder))
        cpu_s = time.process_time() - began
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB
    return {
        "tracks": report.n_tracks,
        "genres": len({track.label for track, _ in extracted}),
        "right": report.song_accuracy.value,
        "cpu_s": cpu_s,
        "mb": mb,
        "reference_s": cost_of(lambda: plain_fit(extracted)),
    }


def cost_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process for ``work``."""
    began = time.process_time()
    work()
    return time.process_time() - began


def plain_fit(extracted: Extracted) -> None:
    """Fit a balanced logistic regression on the standardised mean features."""
    from sklearn.linear_model import LogisticRegression

    means = np.array([features.features.mean(axis=0) for _, features in extracted])
    x = (means - means.mean(axis=0)) / means.std(axis=0)
    labels = [track.label for track, _ in extracted]
    LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000).fit(x, labels)


def features_of_clips(music: Path, cache: Path, shipped: Bundle) -> Extracted:
    """The clips' features; those that the cache lacks are extracted."""
    with (music / "manifest.csv").open(encoding="utf-8") as file:
        tracks = [
            LabelledTrack(music / row["path"], (row["genre"],), row["artist"], row["album"])
            for row in csv.DictReader(file)
        ]
    classifier = Classifier(shipped, lazily=True)
    return extract_tracks(tracks, classifier, lambda *_: None, cache=Cache(cache))


def made_up(
    n_tracks: int, n_genres: int, shipped: Bundle
) -> Iterator[tuple[LabelledTrack, SongFeatures]]:
    """Synthetic tracks, whose features lie around a centre for each genre."""
    n_features = shipped.arrays("head.npz")["weights"].shape[0]
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n_genres, n_features)) / 2
    nothing = np.zeros((N_SLICES, 0), np.float32)
    for number in range(n_tracks):
        genre = number % n_genres
        centre = centres[genre] + SPREAD * rng.standard_normal(n_features)
        slices = centre + SPREAD_OF_SLICES * rng.standard_normal((N_SLICES, n_features))
        track = LabelledTrack(
            Path(f"{number}.mp3"),
            (f"Genre {genre}",),
            artist=f"Artist {number // TRACKS_PER_ARTIST}",
        )
        yield (
            track,
            SongFeatures(
                slices.astype(np.float32),
                np.arange(float(N_SLICES)),
                nothing,
                fingerprint=number.to_bytes(16, "big"),
            ),
        )


if __name__ == "__main__":
    main()
