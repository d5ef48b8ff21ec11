"""The nearest songs by their mean embeddings: a plain scan, in blocks to limit memory.

A vector index is not needed: 100,000 songs take 20 million multiplications, tenths of a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genre_model.core.arrays import Bools, Float16, Float32, Ints

BLOCK = 4_096  # songs per block: 3 MB in single precision


def centre_of(vectors: Float16, known: Bools) -> Float32:
    """The mean (n_features,) of the known vectors (n_songs, n_features) in half precision."""
    total = np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK][known[start : start + BLOCK]]
        total += block.sum(axis=0, dtype=np.float64)
    return (total / max(1, int(known.sum()))).astype(np.float32)


def similarities(vectors: Float16, wanted: Sequence[int], known: Bools | None = None) -> Float32:
    """The similarity of each song to the wanted songs, from -1 to 1, (n_songs,).

    It is the cosine to the mean direction of the wanted songs, after the mean of all known
    songs is subtracted.

    Args:
        vectors: (n_songs, n_features), finite.
        wanted: The rows of one or more songs.
        known: (n_songs,), which rows have a song's vector; None if all have.  The others' vectors
            and similarities mean nothing.
    """
    centre = centre_of(vectors, np.ones(len(vectors), np.bool_) if known is None else known)
    direction = normal(vectors[list(wanted)].astype(np.float32) - centre).mean(axis=0)
    direction = normal(direction[None])[0]
    found = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float32) - centre
        found[start : start + BLOCK] = normal(block) @ direction
    return found


def normal(vectors: Float32) -> Float32:
    """Vectors (n, n_features) scaled to length 1; those of length 0 stay 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Float32 = vectors / np.maximum(lengths, np.float32(1e-12))
    return found


def best_first(scores: Float32) -> Ints:
    """The row numbers of scores (n,), the largest first; ties stay in order."""
    return np.argsort(-scores, kind="stable")
