"""The picture that ``sox -n spectrogram -Y 200 -X 50 -m -r`` makes of a mono file, in NumPy.

What SoX 14.4.2 does (``spectrogram.c``), with the numbers for 44.1 kHz: a 256-point Fourier
transform every 126 samples, under a periodic Hann window whose sum is 2, so that a sine of full
scale has power 1; the mean power of 7 transforms is one column of pixels, 20 ms; 120 dB become 249
levels.  Zeros surround the song so that transforms are centred on their steps.  A transform that
reaches into those zeros has a shorter window over its real samples alone, and is weaker by the
square of their share.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from genre_model.core.arrays import Float32, Float64, UInt8
from genre_model.core.specs import SoxSpec

RANGE_DB = 120

N_LEVELS = 249  # from the bottom of the range to full scale

# The palette begins with the colours of axes and labels.
FIRST_LEVEL = 4

MAX_COLUMNS = 200_000

# Columns computed at a time: so few that they stay in the processor's cache.
CHUNK_COLUMNS = 32


def sox_picture(samples: Float32, rate_hz: int) -> UInt8:
    """The whole picture of a song, equal to SoX's in every pixel.

    Args:
        samples: (n_samples,) mono; SoX clips them to [-1, 1].
        rate_hz: Their rate; from 16 kHz to 48 kHz a pixel is 20 ms within half a percent.

    Returns:
        (129, n_columns) palette indices: 4 is silence, 254 full scale, row 0 the highest frequency.
        Fewer samples than about half a step give no column.
    """
    spec = SoxSpec(sample_rate_hz=rate_hz)
    before, after = spec.pad, zeros_after(len(samples), spec)
    padded = np.pad(samples, (before, after))
    n_transforms = max(0, 1 + (len(padded) - spec.n_fft) // spec.step)
    n_columns = min(-(-n_transforms // spec.n_blocks), max_columns(len(samples), spec))
    picture: UInt8 = pixel_columns(padded, spec, n_columns, before, after).T[::-1]
    return picture


def sox_columns(samples: Float32, spec: SoxSpec, at_start: bool) -> Float32:
    """Whole columns of the picture, as pixel values with frequency ascending.

    Args:
        samples: (n_samples,) mono, from the first sample that a column depends on.
        spec: The settings.
        at_start: Whether the samples begin with ``spec.pad`` zeros before the song's first sample.

    Returns:
        (n_columns, 128) values from 4 to 254; SoX's highest row, the Nyquist frequency, is left
        out.  ``n_columns = 1 + (n_samples - frame_length) // hop``.

    Raises:
        ValueError: Fewer samples than one column depends on.
    """
    if len(samples) < spec.frame_length:
        raise ValueError(f"{len(samples)} samples do not fill a column of {spec.frame_length}")
    n_columns = 1 + (len(samples) - spec.frame_length) // spec.hop
    before = spec.pad if at_start else 0
    pixels = pixel_columns(samples, spec, n_columns, before, 0)
    return pixels[:, : spec.n_bins].astype(np.float32)


def pixel_columns(
    samples: Float32, spec: SoxSpec, n_columns: int, n_before: int, n_after: int
) -> UInt8:
    """The first columns of the samples' picture, (n_columns, 129), lowest frequency first.

    ``n_before`` of the samples are zeros before the song, ``n_after`` are zeros after it.
    """
    pixels = np.zeros((n_columns, spec.n_fft // 2 + 1), np.uint8)
    for first in range(0, n_columns, CHUNK_COLUMNS):
        last = min(first + CHUNK_COLUMNS, n_columns)
        start = first * spec.hop
        piece = samples[start : (last - 1) * spec.hop + spec.frame_length].clip(-1, 1)
        behind = start + len(piece) - (len(samples) - n_after)
        pixels[first:last] = levels(column_power(piece, spec, n_before - start, behind))
    return pixels


def column_power(samples: Float32, spec: SoxSpec, n_before: int, n_after: int) -> Float64:
    """Mean power of the transforms of each column, (n_columns, 129); the last may have fewer.

    ``n_before`` of the samples lie before the song and ``n_after`` after it; none if negative.
    """
    n_fft, step = spec.n_fft, spec.step
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::step]
    windowed = frames * hann_window(n_fft, n_fft)
    end = len(samples) - max(0, n_after)
    n_left = min(-(-max(0, n_before) // step), len(frames))
    first_right = max(0, (end - n_fft) // step + 1)
    for index in {*range(n_left), *range(first_right, len(frames))}:
        missing = index * step + n_fft - end  # SoX ignores the start if a frame lacks both ends
        if missing > 0:
            window = hann_window(n_fft - missing, n_fft)
        else:
            missing = n_before - index * step
            window = np.roll(hann_window(n_fft - missing, n_fft), missing)
        windowed[index] = frames[index] * window
    spectrum = np.fft.rfft(windowed)
    power = spectrum.real**2 + spectrum.imag**2
    firsts = np.arange(0, len(power), spec.n_blocks)
    counts = np.diff(firsts, append=len(power))
    mean: Float64 = np.add.reduceat(power, firsts) / counts[:, None]
    return mean


@cache
def hann_window(n_real: int, n_fft: int) -> Float64:
    """SoX's window over the first ``n_real`` of ``n_fft`` samples, (n_fft,)."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_real) / n_real)
    scaled: Float64 = window * (2 / window.sum() * (n_real / n_fft) ** 2)
    return np.pad(scaled, (0, n_fft - n_real))


def levels(power: Float64) -> UInt8:
    """Power to pixels: 4 below -120 dB of full scale, 254 from full scale on."""
    with np.errstate(divide="ignore"):
        decibels = (10 * np.log10(power)).astype(np.float32).astype(np.float64)  # as SoX keeps them
    inside = 1 + (1 + decibels.clip(-RANGE_DB, 0) / RANGE_DB) * N_LEVELS
    pixels: UInt8 = FIRST_LEVEL + np.where(decibels < -RANGE_DB, 0, inside).astype(np.uint8)
    return pixels


def zeros_after(n_samples: int, spec: SoxSpec) -> int:
    """Zeros that SoX puts after a song: half a frame, and more to complete a half-filled step."""
    half = (spec.n_fft - spec.step) // 2
    left_over = n_samples % spec.step
    return half + (spec.step - left_over if left_over >= spec.step // 2 else 0)


def max_columns(n_samples: int, spec: SoxSpec) -> int:
    """SoX's bound on the width of the picture, from the stated length of the song."""
    rounded = int(spec.pixels_per_s * (n_samples / spec.sample_rate_hz) + 0.5)
    return min(rounded or 800, MAX_COLUMNS)
