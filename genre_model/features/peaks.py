"""The constellation of a slice: where its spectrogram has prominent peaks, and how loud they are.

A. Wang, *An industrial-strength audio search algorithm*, ISMIR 2003, keeps the points of a
spectrogram that survive noise and equalisers: those louder than all points around them, spread
evenly and with a bounded density.  The neighbourhood of 9 frames by 9 bins, the levels and the
density are our choice.
"""

from __future__ import annotations

import numpy as np

from genre_model.core.arrays import Float32, Ints

# Pixel values of SoX's pictures: 4 + level; 249 levels cover the 120 dB below full scale.
DARKEST, BRIGHTEST = 4.0, 254.0

LEVELS_PER_DB = 249 / 120

FRAMES_PER_SECOND = 50

REACH = 4  # no value within this many frames or bins of a peak is louder

FLOOR = DARKEST + 30 * LEVELS_PER_DB  # -90 dB of full scale: anything below is dither

PROMINENCE = 10 * LEVELS_PER_DB  # above the slice's median

PEAKS_PER_SECOND = 30


def constellation(picture: Float32) -> Float32:
    """The prominent peaks of a slice and nothing else.

    Among equal values the earliest is the peak, and among equally early ones the lowest bin.

    Args:
        picture: (n_frames, n_bins), pixel values from 4 to 254, frames of 20 ms.

    Returns:
        (n_frames, n_bins): the amplitude of each peak in (0, 1], and 0 elsewhere.  Only the loudest
        peaks are kept, at most ``PEAKS_PER_SECOND`` on average over the slice.
    """
    order = loudness_order(picture)
    prominent = picture >= max(FLOOR, float(np.median(picture)) + PROMINENCE)
    peaks = prominent & (order == running_maximum(order, REACH))
    loudest_first = np.flatnonzero(peaks)[np.argsort(-order[peaks])]
    kept = loudest_first[: PEAKS_PER_SECOND * len(picture) // FRAMES_PER_SECOND]
    amplitudes = np.zeros(picture.size, np.float32)
    amplitudes[kept] = (picture.flat[kept] - DARKEST) / (BRIGHTEST - DARKEST)
    return amplitudes.reshape(picture.shape)


def loudness_order(picture: Float32) -> Ints:
    """Each value's rank, from 0 for the softest; among equal values the first ranks highest."""
    falling = np.argsort(-picture, axis=None, kind="stable")
    order = np.empty(picture.size, np.intp)
    order[falling] = np.arange(picture.size)[::-1]
    return order.reshape(picture.shape)


def running_maximum(values: Ints, reach: int) -> Ints:
    """For each value, the largest in the square within ``reach`` cells of it along both axes."""
    for _ in range(values.ndim):
        padded = np.pad(values, [(reach, reach), (0, 0)], constant_values=-1)
        largest = values
        for shift in range(2 * reach + 1):
            largest = np.maximum(largest, padded[shift : shift + len(values)])
        values = largest.T
    return values
