"""The nearest songs: a scan in blocks is compared with the plain formula."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genre_model.model import nearest


@given(st.integers(2, 30), st.integers(1, 4), st.integers(0, 99), st.sampled_from([3, 4_096]))
def test_it_is_the_cosine_after_the_mean_is_taken_away(n, dimensions, seed, block):
    vectors = np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float16)
    wanted = [0, n - 1]
    nearest_block, nearest.BLOCK = nearest.BLOCK, block
    try:
        found = nearest.similarities(vectors, wanted)
    finally:
        nearest.BLOCK = nearest_block
    centred = vectors.astype(np.float64) - vectors.astype(np.float64).mean(axis=0)
    lengths = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    unit = centred / lengths
    direction = unit[wanted].mean(axis=0)
    if np.linalg.norm(direction) > 0.01 and lengths.min() > 0.01:
        direction /= np.linalg.norm(direction)
        np.testing.assert_allclose(found, unit @ direction, atol=2e-3)
    everything = np.zeros((2 * n, dimensions), np.float16)
    known = np.tile([False, True], n)
    everything[known] = vectors
    among = nearest.similarities(everything, [1, 2 * n - 1], known)
    np.testing.assert_allclose(among[known], found, atol=1e-4)
    assert (np.diff(found[nearest.best_first(found)]) <= 0).all()
    assert np.abs(found).max() <= 1.001
