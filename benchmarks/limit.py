"""What a whole song costs at least: a straight decode, and the network at the core's peak."""

from __future__ import annotations

import time
from pathlib import Path

import av
import numpy as np

from genre_model.audio.guards import open_options
from genre_model.training.networks.finetune import FINETUNE

# Of two square matrices that stay in the processor's cache.
SIZE, REPEATS = 384, 10
FLOP_PER_PRODUCT = 2


def straight_decode(song: Path) -> None:
    """Decode all frames, and do nothing with them."""
    with av.open(str(song), **open_options()) as container:
        for _ in container.decode(audio=0):
            pass


def peak_flops() -> float:
    """Single-precision operations a second of one core: the best of some products by BLAS."""
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
    """Seconds that the shipped network takes for so many slices at the core's peak."""
    assert FINETUNE.cost is not None
    return n_slices * FLOP_PER_PRODUCT * FINETUNE.cost.multiply_adds / peak_flops()
