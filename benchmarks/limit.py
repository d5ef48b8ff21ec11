"""A lower bound on a whole song's cost: a straight decode, and the network at the core's peak."""

from __future__ import annotations

import time
from pathlib import Path

import av
import numpy as np

from genre_model.audio.guards import open_options
from genre_model.training.networks.finetune import FINETUNE

# Side of square matrices that fit into the processor's cache, and repeats of their product.
SIZE, REPEATS = 384, 10
FLOP_PER_PRODUCT = 2


def straight_decode(song: Path) -> None:
    """Decode all frames and discard them."""
    with av.open(str(song), **open_options()) as container:
        for _ in container.decode(audio=0):
            pass


def peak_flops() -> float:
    """Single-precision operations a second of one core: the fastest of several matrix products."""
    one = np.ones((SIZE, SIZE), np.float32)
    product = np.empty_like(one)
    costs = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(REPEATS):
            np.dot(one, one, out=product)
        costs.append((time.process_time() - start) / REPEATS)
    return FLOP_PER_PRODUCT * SIZE**3 / min(costs)


def network_s(n_slices: int) -> float:
    """Seconds that the shipped network needs for ``n_slices`` slices at the core's peak."""
    assert FINETUNE.cost is not None
    return n_slices * FLOP_PER_PRODUCT * FINETUNE.cost.multiply_adds / peak_flops()
