"""The nearest songs by their mean embeddings: a plain scan, in blocks, so that memory stays flat.

A vector index is not needed: 100,000 songs are 20 million multiplications, some tenths of a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genre_model.core.arrays import Float16, Float32, Ints

BLOCK = 4_096  # songs at once: 3 MB in single precision


def centre_of(vectors: Float16) -> Float32:
    """The mean of vectors (n_songs, n_features), which are in half precision, (n_features,)."""
    total = np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), BLOCK):
        total += vectors[start : start + BLOCK].sum(axis=0, dtype=np.float64)
    return (total / max(1, len(vectors))).astype(np.float32)


def similarities(vectors: Float16, wanted: Sequence[int]) -> Float32:
    """How similar each song is to some of them, -1 to 1, (n_songs,).

    The cosine, after the mean of all songs is taken away, to the mean direction of the wanted.

    Args:
        vectors: (n_songs, n_features), finite.
        wanted: The rows of one or more songs.
    """
    centre = centre_of(vectors)
    direction = normal(vectors[list(wanted)].astype(np.float32) - centre).mean(axis=0)
    direction = normal(direction[None])[0]
    found = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK].astype(np.float32) - centre
        found[start : start + BLOCK] = normal(block) @ direction
    return found


def normal(vectors: Float32) -> Float32:
    """Vectors (n, n_features) of length 1; those of length 0 stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Float32 = vectors / np.maximum(lengths, np.float32(1e-12))
    return found


def best_first(scores: Float32) -> Ints:
    """The rows of scores (n,), the largest first; equal ones in their order."""
    return np.argsort(-scores, kind="stable")
