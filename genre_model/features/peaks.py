"""The constellation of a slice: where its spectrogram has prominent peaks, and how loud they are.

A. Wang, *An industrial-strength audio search algorithm*, ISMIR 2003, keeps of a spectrogram what
survives noise and equalisers: the points that are louder than all around them, spread evenly and of
a bounded density.  The neighbourhood of 9 frames by 9 bins, the levels and the density are ours.
"""

from __future__ import annotations

import numpy as np

from genre_model.core.arrays import Float32, Ints

# Pixel values of SoX' pictures: 4 + level, of 120 dB in 249 levels below full scale.
DARKEST, BRIGHTEST = 4.0, 254.0

LEVELS_PER_DB = 249 / 120

FRAMES_PER_SECOND = 50

REACH = 4  # frames or bins from a peak within which nothing may be louder

FLOOR = DARKEST + 30 * LEVELS_PER_DB  # -90 dB of full scale: below it is dither

PROMINENCE = 10 * LEVELS_PER_DB  # above the slice's median

PEAKS_PER_SECOND = 30


def constellation(picture: Float32) -> Float32:
    """The prominent peaks of a slice and nothing else.

    Of equal values the earliest is the peak, and of equally early ones the lowest.

    Args:
        picture: (n_frames, n_bins), pixel values from 4 to 254, frames of 20 ms.

    Returns:
        (n_frames, n_bins), 0 where there is no peak, and its amplitude in (0, 1] where there is:
        at most ``PEAKS_PER_SECOND``, the loudest.
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
    """Each value's place among all, from 0 for the softest; the first of equal ones is higher."""
    falling = np.argsort(-picture, axis=None, kind="stable")
    order = np.empty(picture.size, np.intp)
    order[falling] = np.arange(picture.size)[::-1]
    return order.reshape(picture.shape)


def running_maximum(values: Ints, reach: int) -> Ints:
    """The largest of the square of values within ``reach`` cells of each one, along both axes."""
    for _ in range(values.ndim):
        padded = np.pad(values, [(reach, reach), (0, 0)], constant_values=-1)
        largest = values
        for shift in range(2 * reach + 1):
            largest = np.maximum(largest, padded[shift : shift + len(values)])
        values = largest.T
    return values
