"""A song's spectrogram for display, logarithmic in frequency and level."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_model.audio.decode import open_audio
from genre_model.core.arrays import Float32, Float64
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError

LOWEST_HZ = 40.0

HOP_S, MAX_HOP_S = 0.016, 0.25

FRAMES = 3_000  # a picture of a long song needs about this many

# Long windows separate low tones; short ones place high sounds precisely in time.
WINDOWS_S = (0.256, 0.128, 0.064)

CROSSINGS_HZ = (250.0, 1_000.0)

TILT_DB_PER_OCTAVE = 3.0  # average fall of music, compensated so that the upper half is not dark

RANGE_DB = 55.0

MAX_COLUMNS = 4_096  # twice as many are averaged in pairs, so that memory is bounded


@dataclass(frozen=True, slots=True, eq=False)
class LogSpectrum:
    """``levels`` (n_rows, n_columns) from 0 to 1, the highest frequency first.

    Rows are evenly spaced in log frequency from ``LOWEST_HZ`` to ``top_hz``, columns in time.
    """

    levels: Float32
    top_hz: float
    seconds: float

    def row_of(self, hz: float) -> float:
        """The place of a frequency, from 0 at the top to 1 at the bottom."""
        return float(1 - np.log(hz / LOWEST_HZ) / np.log(self.top_hz / LOWEST_HZ))


class Columns:
    """Collects frames of power, (n, n_rows), as a bounded number of columns."""

    def __init__(self, n_rows: int) -> None:
        self.factor = 1  # frames in a column
        self._columns = np.zeros((0, n_rows), np.float32)
        self._waiting = np.zeros((0, n_rows), np.float32)

    def add(self, frames: Float32) -> None:
        """Add frames; those that do not fill a column wait for more."""
        waiting = np.concatenate([self._waiting, frames])
        n = len(waiting) // self.factor
        whole, self._waiting = waiting[: n * self.factor], waiting[n * self.factor :]
        self._columns = np.concatenate([self._columns, in_groups(whole, self.factor)])
        while len(self._columns) >= 2 * MAX_COLUMNS:
            n = len(self._columns) // 2
            rest = np.repeat(self._columns[2 * n :], self.factor, axis=0)
            self._waiting = np.concatenate([rest, self._waiting])
            self._columns = in_groups(self._columns[: 2 * n], 2)
            self.factor *= 2

    def all(self) -> Float32:
        """All columns, (n_columns, n_rows); the last may be the mean of fewer frames."""
        last = self._waiting.mean(axis=0, keepdims=True) if len(self._waiting) else self._waiting
        return np.concatenate([self._columns, last])


def in_groups(frames: Float32, size: int) -> Float32:
    """Means (n / size, n_rows) of each ``size`` successive frames of (n, n_rows)."""
    means: Float32 = frames.reshape(-1, size, frames.shape[1]).mean(axis=1)
    return means


def log_spectrum(path: Path, rate_hz: int, n_rows: int) -> LogSpectrum:
    """The spectrogram of a whole song, resampled to ``rate_hz``.

    Raises:
        AudioError: The file cannot be read as audio.
    """
    frequencies = np.geomspace(LOWEST_HZ, rate_hz / 2 * 0.98, n_rows)
    longest = window_length(WINDOWS_S[0], rate_hz)
    columns = Columns(n_rows)
    buffer = np.zeros(longest // 2, np.float32)
    n_samples = 0
    with time_limit(TIME_LIMIT_S), open_audio(path, rate_hz) as audio:
        hop_s = min(max(HOP_S, (audio.duration_s or 0) / FRAMES), MAX_HOP_S)
        hop = int(hop_s * rate_hz)
        for block in audio.blocks():
            n_samples += len(block)
            buffer = taken(np.concatenate([buffer, block]), columns, frequencies, rate_hz, hop)
    if not n_samples:
        raise AudioError("no audio could be decoded")
    taken(np.pad(buffer, (0, longest // 2 + hop)), columns, frequencies, rate_hz, hop)
    octaves = np.log2(frequencies / LOWEST_HZ)
    levels = shown(columns.all() * 10 ** (TILT_DB_PER_OCTAVE / 10 * octaves))
    return LogSpectrum(levels.T[::-1], float(frequencies[-1]), n_samples / rate_hz)


def taken(
    buffer: Float32, columns: Columns, frequencies: Float64, rate_hz: int, hop: int
) -> Float32:
    """Add a buffer's complete frames to the columns, and return the rest of the buffer."""
    longest = window_length(WINDOWS_S[0], rate_hz)
    if len(buffer) < max(longest, hop):
        return buffer
    frames = np.lib.stride_tricks.sliding_window_view(buffer, longest)[::hop]
    frames = frames[: len(buffer) // hop]  # the hop may be longer than the window
    bounds = np.searchsorted(frequencies, CROSSINGS_HZ).tolist()
    parts = []
    for seconds, rows in zip(WINDOWS_S, np.split(frequencies, bounds), strict=True):
        n_fft = window_length(seconds, rate_hz)
        start = (longest - n_fft) // 2
        window = np.hanning(n_fft).astype(np.float32)
        spectrum = np.fft.rfft(frames[:, start : start + n_fft] * window) / window.sum()
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        parts.append(power @ filters(rows, n_fft, rate_hz).T)
    columns.add(np.concatenate(parts, axis=1).astype(np.float32))
    return buffer[len(frames) * hop :]


def window_length(seconds: float, rate_hz: int) -> int:
    """The power of two that is nearest to a length in seconds, in samples."""
    return int(2 ** round(float(np.log2(seconds * rate_hz))))


def filters(rows_hz: Float64, n_fft: int, rate_hz: int) -> Float32:
    """Triangular filters, (n_rows, 1 + n_fft / 2); rows between two bins are interpolated."""
    if len(rows_hz) == 0:
        return np.zeros((0, 1 + n_fft // 2), np.float32)
    bin_hz = rate_hz / n_fft
    spacing = np.gradient(rows_hz) if len(rows_hz) > 1 else np.array([bin_hz])
    width = np.maximum(spacing, bin_hz)[:, None]
    distance = np.abs(np.arange(1 + n_fft // 2) * bin_hz - rows_hz[:, None])
    triangles = np.maximum(0, 1 - distance / width)
    weights: Float32 = (triangles / triangles.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def shown(power: NDArray[np.floating]) -> Float32:
    """Powers as levels from 0 to 1: the loudest is 1, ``RANGE_DB`` below it is 0."""
    decibels = 10 * np.log10(np.maximum(power, 1e-16))
    top = max(float(np.percentile(decibels, 99.7)), -90.0)
    levels: Float32 = np.clip((decibels - top) / RANGE_DB + 1, 0, 1).astype(np.float32)
    return levels
