"""The slices of a training in one file, which is memory-mapped during the training.

A batch is one gather of rows from anywhere in the file; the operating system caches as much of it
as fits in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, UInt8
from genre_model.core.files import digest, whole_file, writing
from genre_model.training.scratch.slice_store import StoredTrack

Slices = NDArray[np.floating] | UInt8


@dataclass(frozen=True, slots=True, eq=False)
class SlicePack:
    """All slices of some tracks, (n, *shape), and the genres that their labels leave open."""

    slices: Slices
    candidates: Bools


def pack_slices(tracks: Sequence[StoredTrack], folder: Path) -> SlicePack:
    """Copy the used slices into one file in the folder, unless it exists, and memory-map it.

    Raises:
        GenreModelError: The folder cannot be written.
    """
    parts = [(track.file.name, track.indices.tolist()) for track in tracks]
    file = folder / f"{digest(msgspec.json.encode(parts))}.npy"
    sizes = [len(track.indices) for track in tracks]
    if not file.exists():
        first = tracks[0].slices()
        header = {
            "descr": np.lib.format.dtype_to_descr(first.dtype),
            "fortran_order": False,
            "shape": (sum(sizes), *first.shape[1:]),
        }
        with writing(folder), whole_file(file) as target:
            np.lib.format.write_array_header_2_0(target, header)
            for track in tracks:
                target.write(np.ascontiguousarray(track.slices()).data)
    candidates = np.repeat([track.candidates for track in tracks], sizes, axis=0)
    return SlicePack(np.load(file, mmap_mode="r"), candidates)


def slice_microbatches(
    pack: SlicePack, seed: int, epoch: int, batch_size: int, part: int
) -> Iterator[tuple[Slices, Bools, bool]]:
    """All slices in this epoch's order, read from disk as they are needed.

    Yields:
        (n, *shape) slices, their (n, n_genres) candidates, and whether they are the last of a
        batch; n is at most ``part``.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(pack.slices))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        for first in range(0, len(batch), part):
            chosen = batch[first : first + part]
            yield pack.slices[chosen], pack.candidates[chosen], first + part >= len(batch)
