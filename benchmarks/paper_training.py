"""Training speed of the paper's network: our loop from slices on disk, and Keras' from memory.

    python -m benchmarks.paper_training [--slices 256] [--epochs 5] [--rounds 5]

Needs TensorFlow (``pip install '.[train]'``).  Trains ``pelchat2019`` on synthetic slices of seven
genres, in batches of 128.  Keras' ``model.fit`` has the slices as one float32 array in memory and
computes the gradient of a whole batch at once.  Our loop reads them as bytes from one memory-mapped
file and sums a batch's gradients over its parts, which needs less memory; with ``--fast`` it uses
bfloat16 if the processor supports that.

TensorFlow enables oneDNN by default only on some processors, and our loop enables it on all; so
Keras is measured with and without it.  An epoch may take twice as long as the next one if two
threads get one core; so each process times several.  Runs for thirteen minutes.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measuring import MB, Cost, in_turn, median, parser_of, publish, ratio, run
from genre_model.data.tracks import LabelledTrack
from genre_model.training.keras_export import require_tensorflow
from genre_model.training.networks.base import Network
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.scratch.slice_store import StoredTrack

# Slices, the index of each one's genre, a folder for files -> a function that trains one epoch.
Loop = Callable[[np.ndarray, np.ndarray, Path], Callable[[], object]]

NAME, N_GENRES, SLICES_PER_TRACK = "pelchat2019", 7, 32
# Slices that the paper's training processes: 0.7 of 132,000 in each of 20 epochs.
PAPERS_SLICES = 0.7 * 132_000 * 20

KINDS = {
    "ours": "ours, from disk",
    "fast": "ours, `--fast`",
    "keras": "`model.fit`, from memory",
    "onednn": "`model.fit` with `TF_ENABLE_ONEDNN_OPTS=1`",
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--slices", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only is not None:
        learn(options.only, options.slices, options.epochs)
        return
    ways = {kind: lambda kind=kind: in_its_own_process(kind, options) for kind in KINDS}
    costs = in_turn(ways, options.rounds)
    rows = [
        [
            name,
            f"{options.slices / median(costs[kind], 'wall_s'):.1f}",
            f"{options.slices / median(costs[kind]):.1f}",
            f"{ratio(costs['keras'], costs[kind]):.2f}",
            f"{PAPERS_SLICES / 3600 * median(costs[kind]) / options.slices:.0f}",
            f"{median(costs[kind], 'peak_mb'):.0f}",
        ]
        for kind, name in KINDS.items()
    ]
    columns = ["training", "slices a second", "slices a CPU second", "times Keras"]
    columns += ["the paper's training, core hours", "peak MB"]
    publish(options, columns, rows, slices=options.slices)


def in_its_own_process(kind: str, options: argparse.Namespace) -> Cost:
    """The cost of an epoch after the first one, which compiles, and the process' peak memory."""
    sizes = ["--slices", str(options.slices), "--epochs", str(options.epochs)]
    command = [sys.executable, "-m", "benchmarks.paper_training", "--only", kind, *sizes]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    if kind == "onednn":
        environment["TF_ENABLE_ONEDNN_OPTS"] = "1"
    output = run(command, environment).output
    wall_s, cpu_s, peak_mb = map(float, output.splitlines()[-1].split())
    return Cost(wall_s, cpu_s, peak_mb)


def learn(kind: str, n_slices: int, n_epochs: int) -> None:
    """Print the median seconds and CPU seconds of an epoch, and the peak memory in MB."""
    if kind in {"ours", "fast"}:  # Keras is measured as a user would import it
        require_tensorflow(NAME)
    slices = np.random.default_rng(0).integers(0, 256, (n_slices, 128, 128)).astype(np.uint8)
    truth = np.arange(n_slices) // SLICES_PER_TRACK % N_GENRES
    with tempfile.TemporaryDirectory() as folder:
        epoch = LOOPS[kind](slices, truth, Path(folder))
        epoch()
        times = [timed(epoch) for _ in range(n_epochs)]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB
    print(*(statistics.median(seconds) for seconds in zip(*times, strict=True)), peak_mb)


def timed(epoch: Callable[[], object]) -> tuple[float, float]:
    """Seconds and CPU seconds of an epoch."""
    start, before = time.perf_counter(), time.process_time()
    epoch()
    return time.perf_counter() - start, time.process_time() - before


def network() -> Network:
    """The paper's network."""
    learner = ARCHITECTURES[NAME].learner
    assert isinstance(learner, Network)
    return learner


def ours(
    slices: np.ndarray, truth: np.ndarray, folder: Path, *, exact: bool = True
) -> Callable[[], object]:
    """Our training loop, over tracks whose slices are files."""
    from genre_model.training.scratch.loop import Trainer

    tracks = []
    for first in range(0, len(slices), SLICES_PER_TRACK):
        file = folder / f"{first}.npy"
        np.save(file, slices[first : first + SLICES_PER_TRACK])
        label = int(truth[first])
        track = LabelledTrack(file, (str(label),))
        indices = np.arange(len(slices[first : first + SLICES_PER_TRACK]))
        tracks.append(StoredTrack(track, file, indices, np.arange(N_GENRES) == label))
    learner = network()
    learner = replace(learner, training=replace(learner.training, exact=exact))
    trainer = Trainer(learner, slices.shape[1:], N_GENRES, 0, folder / "pack")
    return lambda: trainer.train(tracks, 1)


def keras_fit(slices: np.ndarray, truth: np.ndarray, _: Path) -> Callable[[], object]:
    """Plain Keras training, as a user would write it."""
    import keras

    learner = network()
    spec = learner.training
    model = learner.build(slices.shape[1:], N_GENRES)
    model.compile(
        keras.optimizers.RMSprop(
            spec.learning_rate, **dict(spec.optimizer_settings), global_clipnorm=spec.clip_norm
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    in_memory = slices.astype(np.float32)
    return lambda: model.fit(in_memory, truth, batch_size=spec.batch_size, epochs=1, verbose=0)


LOOPS: dict[str, Loop] = {
    "ours": ours,
    "fast": partial(ours, exact=False),
    "keras": keras_fit,
    "onednn": keras_fit,
}


if __name__ == "__main__":
    main()
