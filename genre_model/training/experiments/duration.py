"""Estimate how long a training takes on this machine, from its arithmetic."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from genre_model.audio.decode import open_audio
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError
from genre_model.core.processes import call_in_worker
from genre_model.core.processor import processor_has_bfloat16
from genre_model.training.experiments.condition import Condition
from genre_model.training.networks.base import Network

# Speed of a training relative to a matrix product on the same machine.  A training takes three
# times the arithmetic of inference.
EFFICIENCY = 0.6

# Guess for a training whose cost is not known.
UNKNOWN_S = 60.0

# Speed of bfloat16 relative to float32, if the processor multiplies in it; measured by
# benchmarks.paper_training.
FAST_GAIN = 1.9

# Guess for the epochs of a training that stops when it no longer improves.
LIKELY_EPOCHS = 12

# Guesses for the length of a slice, which differs little between systems, and for the length of a
# song if it cannot be read, such as that of MIDI files.
SLICE_S, CLIP_S = 2.5, 30.0

N_MEASURED = 10  # songs that the mean length is estimated from, about


def mean_length_s(paths: Sequence[Path]) -> float:
    """The mean length of songs in seconds, estimated from a few of them."""
    some = paths[:: max(1, len(paths) // N_MEASURED)]
    return float(np.mean([length_of(path) for path in some]))


def length_of(path: Path) -> float:
    """The length of a song in seconds, as its file states it; ``CLIP_S`` if it cannot be read."""
    try:
        return call_in_worker(stated_length_s, path)
    except AudioError:  # the training reports it
        return CLIP_S


def stated_length_s(path: Path) -> float:
    """The length that a file states; ``CLIP_S`` if it states none.

    Raises:
        AudioError: The file cannot be read as audio.
    """
    with time_limit(TIME_LIMIT_S), open_audio(path, 16_000) as audio:
        return audio.duration_s or CLIP_S


def expected_s(condition: Condition, n_tracks: int, length_s: float = CLIP_S) -> float:
    """A rough estimate of the seconds that a training takes, from its arithmetic."""
    architecture = condition.architecture
    learner = architecture.learner
    if architecture.cost is None or not isinstance(learner, Network):
        return UNKNOWN_S
    spec = learner.training
    epochs = spec.epochs if spec.keep == "last" else min(spec.epochs, LIKELY_EPOCHS)
    n_slices = 0.7 * n_tracks * min(architecture.slices.most, length_s / SLICE_S)
    operations = 2 * 3 * architecture.cost.multiply_adds * n_slices * condition.share * epochs
    repeats = 3 if condition.select is not None else 1
    gain = 1.0 if spec.exact or not processor_has_bfloat16() else FAST_GAIN
    return repeats * (operations / (EFFICIENCY * gain * operations_per_s()) + 10)


@cache
def operations_per_s() -> float:
    """Floating-point operations per second of a matrix product on this machine."""
    size = 1024
    matrix = np.ones((size, size), np.float32)
    matrix @ matrix
    start = time.perf_counter()
    for _ in range(5):
        matrix @ matrix
    return 5 * 2 * size**3 / (time.perf_counter() - start)
